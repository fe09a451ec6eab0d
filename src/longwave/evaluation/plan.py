"""What an evaluation will ask: every row to be, in order, and the part of them that one process takes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from longwave.clients.base import Client
from longwave.errors import ConfigError
from longwave.evaluation.config import EvaluateConfig
from longwave.evaluation.scoring import Task
from longwave.evaluation.selection import Selection
from longwave.predictions import KEY, done_keys
from longwave.prompting import PromptVariant

__all__ = ["WHOLE", "Done", "Shard", "count_tasks", "plan_tasks"]

SHARD = re.compile(r"(\d{1,6})/(\d{1,6})")


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One of several equal parts of an evaluation: the ``index``-th of ``count`` blocks of each model's rows.

    Parameters
    ----------
    index, count : int
        From 1; ``1/1`` is the whole.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise ConfigError(
                f'The shard is "{self}"; write i/n with i from 1 to n, for example 2/8 for the second of '
                "eight parts."
            )

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``i/n``.

        Raises
        ------
        ConfigError
            If it is written otherwise, or i is not between 1 and n.

        Examples
        --------
        >>> Shard.parse("2/8").count
        8
        """
        found = SHARD.fullmatch(text.strip())
        if found is None:
            raise ConfigError(
                f'The shard is "{text}"; write i/n, for example 2/8 for the second of eight parts.'
            )
        return cls(index=int(found[1]), count=int(found[2]))

    @property
    def start(self) -> float:
        """Share of the rows before this part."""
        return (self.index - 1) / self.count

    @property
    def is_first(self) -> bool:
        """Whether this part also writes what is there once: inputs and floors."""
        return self.index == 1

    def bounds(self, total: int) -> range:
        """Return the places of this part's rows among ``total``."""
        return range(total * (self.index - 1) // self.count, total * self.index // self.count)


WHOLE = Shard(index=1, count=1)


class Done:
    """The rows that a folder held when an evaluation began, without holding them all in memory as keys."""

    def __init__(self, folder: Path) -> None:
        self._keys = done_keys(folder)

    def of(self, key: Mapping[str, object]) -> set[tuple[object, ...]]:
        """Return ``(instance, perturbation, trial)`` of the rows that agree with the rest of a key."""
        same = [pl.col(name) == key[name] for name in ("scenario", "model", "version", "date", "prompt")]
        return set(self._keys.filter(*same).select("instance", "perturbation", "trial").iter_rows())

    def holds(self, key: Mapping[str, object]) -> bool:
        """Tell whether one row is there."""
        return (key["instance"], key["perturbation"], key["trial"]) in self.of(key)


def plan_tasks(
    client: Client, config: EvaluateConfig, selections: Mapping[str, Selection], *, shard: Shard = WHOLE
) -> Iterator[Task]:
    """Walk over the rows that a model is asked for: by scenario, prompt variant and trial.

    Parameters
    ----------
    client : Client
    config : EvaluateConfig
        With its date.
    selections : mapping
        By the scenario's key.
    shard : Shard
    """
    mine = shard.bounds(_count(config, selections))
    place = 0
    for selection, variant in _asked(selections):
        shared = {
            "scenario": selection.scenario.key,
            "model": client.name,
            "version": client.version,
            "date": config.date,
            "prompt": variant.name,
        }
        for trial in range(_trials(config, variant)):
            for instance in selection.instances:
                if place in mine:
                    own = {"instance": instance.id, "perturbation": instance.perturbation, "trial": trial}
                    key = {**shared, **own}
                    yield Task(
                        scenario=selection.scenario,
                        instance=instance,
                        trial=trial,
                        key={name: key[name] for name in KEY},
                    )
                place += 1


def count_tasks(config: EvaluateConfig, selections: Mapping[str, Selection], *, shard: Shard = WHOLE) -> int:
    """Count the rows that each model is asked for."""
    return len(shard.bounds(_count(config, selections)))


def _count(config: EvaluateConfig, selections: Mapping[str, Selection]) -> int:
    return sum(
        _trials(config, variant) * len(selection.instances) for selection, variant in _asked(selections)
    )


def _asked(selections: Mapping[str, Selection]) -> Iterator[tuple[Selection, PromptVariant]]:
    for selection in selections.values():
        for variant in selection.variants:
            yield selection, variant


def _trials(config: EvaluateConfig, variant: PromptVariant) -> int:
    return config.trials or 1 if variant.has_trials else 1

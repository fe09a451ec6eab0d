"""The rows that one run of another harness becomes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from longwave.config import config_hash
from longwave.interchange._documents import clean
from longwave.predictions import INSTANCES, KEY, REQUESTS, SCHEMA, SCORES

__all__ = ["Part", "Row", "Shown", "unknown"]

Row = dict[str, object]

UNKNOWN = "unknown"  # in columns of the key that the files say nothing about


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An instance as the other harness had it.

    Parameters
    ----------
    scenario, instance : str
    perturbation, split, group : str or None
    input : str
    references : tuple of str
        Listed answers.
    right : tuple of int
        Positions of the right ones.
    tags : tuple of tuple of str
        Further tags of each listed answer; empty for none.
    extra : object
        Whatever else there is, for JSON.
    """

    scenario: str
    instance: str
    perturbation: str | None = None
    split: str | None = None
    group: str | None = None
    input: str = ""
    references: tuple[str, ...] = ()
    right: tuple[int, ...] = ()
    tags: tuple[tuple[str, ...], ...] = ()
    extra: object = None

    @property
    def label(self) -> str | None:
        """Text of the first right answer."""
        return self.reference(self.right[0]) if self.right else None

    def reference(self, index: int | None) -> str | None:
        """Return a listed answer; None where there is none at the place."""
        known = index is not None and 0 <= index < len(self.references)
        return self.references[index] if index is not None and known else None

    def columns(self) -> Row:
        """Return what the instance gives a row of the predictions table."""
        return {
            "scenario": self.scenario,
            "instance": self.instance,
            "perturbation": self.perturbation,
            "split": self.split,
            "group": self.group,
            "label": self.label,
            "input_hash": config_hash(self.input),
        }

    def row(self) -> Row:
        """Return the row of the instances table."""
        row: Row = {
            "scenario": self.scenario,
            "instance": self.instance,
            "perturbation": self.perturbation,
            "split": self.split,
            "group": self.group,
            "input": self.input,
            "references": list(self.references),
            "correct_references": list(self.right),
            "tags": [list(each) for each in self.tags] if any(self.tags) else None,
            "extra": json.dumps(self.extra, ensure_ascii=False) if self.extra else None,
        }
        return _clean(row)


class Part:
    """One run of another harness on its way to rows.

    Parameters
    ----------
    run : str
        For the ``run`` column.

    Attributes
    ----------
    skipped : Counter
        What could not be mapped, by reason.
    reported : dict of str to float
        Figures of the run as the other tool computed them.
    about : dict of str to str
        Where the run is from: its name, the tool's version.
    """

    def __init__(self, run: str) -> None:
        self.run = run
        self.skipped: Counter[str] = Counter()
        self.reported: dict[str, float] = {}
        self.about: dict[str, str] = {}
        self._rows: dict[tuple[object, ...], Row] = {}
        self._scores: list[Row] = []
        self._requests: dict[str, Row] = {}
        self._instances: dict[tuple[object, ...], Row] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def skip(self, reason: str, count: int = 1) -> None:
        """Count what is left out."""
        if count:
            self.skipped[reason] += count

    def add(self, shown: Shown, row: Row, scores: Mapping[str, float]) -> None:
        """Take a prediction with its instance and its further scores; an equal key is counted and left out.

        Parameters
        ----------
        shown : Shown
        row : dict
            All other columns of the predictions table; those that are missing become null.
        scores : mapping of str to float
            Metrics besides the main one.
        """
        row = {**shown.columns(), **row, "run": self.run}
        row = _clean(row)
        key = tuple(row[name] for name in KEY)
        if key in self._rows:
            self.skip("rows whose key occurs twice in their run (the first is kept)")
            return
        self._rows[key] = row
        shared = {name: row[name] for name in KEY}
        self._scores += [{**shared, "metric": clean(name), "value": value} for name, value in scores.items()]
        self._instances.setdefault((shown.scenario, shown.instance, shown.perturbation), shown.row())

    def add_request(
        self,
        prompt: str,
        *,
        continuation: str | None = None,
        completions: Iterable[str] = (),
        logprobs: Iterable[float | None] = (),
        settings: Mapping[str, object],
        asked: Iterable[object],
    ) -> str:
        """Take a request and return its hash.

        Parameters
        ----------
        prompt : str
        continuation : str, optional
            Text that was scored after the prompt.
        completions, logprobs : iterable
        settings : mapping
            Decoding settings.
        asked : iterable
            Model, version, trial: what else tells requests with the same text apart.
        """
        sent = json.dumps(settings, ensure_ascii=False, sort_keys=True)
        name = config_hash(
            {"prompt": prompt, "continuation": continuation, "settings": sent}, *map(str, asked)
        )
        self._requests[name] = {
            "request_hash": name,
            "prompt": prompt,
            "continuation": continuation,
            "completions": list(completions),
            "logprobs": list(logprobs),
            "settings": clean(sent),
        }
        return name

    def judge(self, is_accuracy: bool) -> None:
        """Fill ``correct`` from ``score`` where the main metric is an accuracy."""
        for row in self._rows.values():
            score = row.get("score")
            row["correct"] = score >= 1 if is_accuracy and isinstance(score, float) else None

    def all_binary(self) -> bool:
        """Tell whether every score there is 0 or 1."""
        return all(row.get("score") in (None, 0.0, 1.0) for row in self._rows.values())

    def frames(self) -> dict[str, pl.DataFrame]:
        """Return the four tables, by name."""
        return {
            "predictions": pl.DataFrame(list(self._rows.values()), schema=SCHEMA),
            "requests": pl.DataFrame(list(self._requests.values()), schema=REQUESTS),
            "instances": pl.DataFrame(list(self._instances.values()), schema=INSTANCES),
            "scores": pl.DataFrame(self._scores, schema=SCORES),
        }


def unknown(value: str | None) -> str:
    """Return a value for a column of the key, ``"unknown"`` where there is none."""
    return value or UNKNOWN


def _clean(row: Row) -> Row:
    return {name: clean(value) if isinstance(value, str) else value for name, value in row.items()}

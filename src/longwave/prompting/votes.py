"""Votes: rows of the predictions table that differ in their prompt, as a matrix.

Shapes: n instances, m prompts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.errors import DataError
from longwave.metrics.accuracy import normalise

__all__ = ["AGGREGATES", "VOTE_PREFIX", "VoteKind", "VoteMatrix", "collect_votes"]

Ints = NDArray[np.int64]
VoteKind = Literal["classes", "options", "answers"]

VOTE_PREFIX = "ama-"
# what stands in the prompt column of a row that was made of others
AGGREGATES = ("majority", "label-model", "label-model-independent", "dawid-skene", "triplet")
ABSTAINS = -1
_NUMBERED = re.compile(r"^(.*?)(\d+)$")


@dataclass(frozen=True, kw_only=True)
class VoteMatrix:
    """Votes of several prompts on the instances of one scenario, by one model.

    Parameters
    ----------
    votes : ndarray of int, shape (n, m)
        Codes from 0; -1 abstains: no prediction, an error, no row, or a text that is no answer.
    instances : tuple of str
        Ids of the rows.
    prompts : tuple of str
        Names of the columns.
    names : tuple of tuple of str
        What the codes of each row stand for.
    labels : ndarray of int, shape (n,)
        Code of the label; -1 where it is unknown, or free and no prompt gave it.
    kind : {"classes", "options", "answers"}
        Whether a code means the same class in all rows, the option at a place of each row's own list, or one
        of the answers that the prompts gave to this row.
    """

    votes: Ints
    instances: tuple[str, ...]
    prompts: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]
    labels: Ints
    kind: VoteKind

    @property
    def n_classes(self) -> int:
        """Codes of the row that has most, at least 2."""
        return max(2, max(map(len, self.names), default=2))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the codes where they are the same in all rows, else none."""
        return self.names[0] if self.kind == "classes" and self.names else ()

    def text(self, row: int, code: int) -> str | None:
        """Return what a code stands for; None for an abstention."""
        return self.names[row][code] if 0 <= code < len(self.names[row]) else None


def collect_votes(
    predictions: pl.DataFrame,
    scenario: str,
    model: str,
    *,
    instances: pl.DataFrame | None = None,
    version: str | None = None,
    date: str | None = None,
    perturbation: str | None = None,
    trial: int = 0,
    prompts: Sequence[str] | None = None,
) -> VoteMatrix:
    """Collect the votes on a scenario.

    Parameters
    ----------
    predictions : DataFrame
        Rows of the predictions table.
    scenario, model : str
        As in their columns.
    instances : DataFrame, optional
        The instances side table, for the options of each instance. Without it the classes are the labels and
        predictions that there are.
    version, date : str, optional
        May be left out where there is one.
    perturbation : str, optional
        Votes on these copies; default: on the originals.
    trial : int
    prompts : sequence of str, optional
        Columns; default: the chains ``ama-1``, ``ama-2``, ..., or where there are none all prompts but
        aggregates.

    Raises
    ------
    DataError
        If there are no such rows, or several versions or dates and none is named.
    """
    rows = predictions.filter(
        pl.col("scenario") == scenario,
        pl.col("model") == model,
        pl.col("trial") == trial,
        pl.col("perturbation").eq_missing(pl.lit(perturbation, pl.String())),
    )
    rows = _only(_only(rows, "version", version), "date", date)
    wanted = list(prompts) if prompts is not None else _prompts_of(rows)
    rows = rows.filter(pl.col("prompt").is_in(wanted))
    if not len(rows):
        raise DataError(
            f'There are no votes of "{model}" on "{scenario}". Evaluate it with prompting="ama", or name '
            "other "
            "prompts."
        )
    options = _options_of(rows, instances, scenario, perturbation)
    ids = list(dict.fromkeys(rows["instance"]))
    given: dict[str, dict[str, str | None]] = {name: {} for name in ids}
    labels: dict[str, str | None] = {}
    for instance, prompt, prediction, label in rows.select(
        "instance", "prompt", "prediction", "label"
    ).iter_rows():
        given[instance][prompt] = prediction
        labels[instance] = label
    kind, names, code = _codes(ids, given, options, wanted)
    votes = [[code(place, given[name].get(prompt)) for prompt in wanted] for place, name in enumerate(ids)]
    return VoteMatrix(
        votes=np.array(votes, dtype=np.int64),
        instances=tuple(ids),
        prompts=tuple(wanted),
        names=names,
        labels=np.array([code(place, labels[name]) for place, name in enumerate(ids)], dtype=np.int64),
        kind=kind,
    )


def _only(rows: pl.DataFrame, name: str, value: str | None) -> pl.DataFrame:
    there = rows[name].unique().sort().to_list()
    if value is None and len(there) > 1:
        raise DataError(
            f"There are votes of several {name}s: {', '.join(there)}. Name the one to collect with {name}."
        )
    return rows if value is None else rows.filter(pl.col(name) == value)


def _prompts_of(rows: pl.DataFrame) -> list[str]:
    there = [name for name in rows["prompt"].unique() if name not in AGGREGATES]
    chains = [name for name in there if name.startswith(VOTE_PREFIX)]
    return sorted(chains or there, key=_by_number)


def _by_number(name: str) -> tuple[str, int]:
    found = _NUMBERED.match(name)
    return (found[1], int(found[2])) if found else (name, -1)


def _options_of(
    rows: pl.DataFrame, instances: pl.DataFrame | None, scenario: str, perturbation: str | None
) -> dict[str, tuple[str, ...]]:
    """Return the options of each instance, none where its answer is free."""
    if instances is None:
        both = {text for name in ("label", "prediction") for text in rows[name].drop_nulls()}
        return dict.fromkeys(rows["instance"], tuple(sorted(both)))
    own = instances.filter(
        pl.col("scenario") == scenario,
        pl.col("perturbation").eq_missing(pl.lit(perturbation, pl.String())),
    )
    return {
        instance: tuple(references) if 1 < len(references) > len(right) else ()
        for instance, references, right in own.select(
            "instance", "references", "correct_references"
        ).iter_rows()
    }


def _codes(
    ids: Sequence[str],
    given: Mapping[str, Mapping[str, str | None]],
    options: Mapping[str, tuple[str, ...]],
    prompts: Sequence[str],
) -> tuple[VoteKind, tuple[tuple[str, ...], ...], Callable[[int, str | None], int]]:
    """Decide what codes mean, name them row by row, and return the function from a text to its code."""
    own = [options.get(name, ()) for name in ids]
    if all(own):
        is_closed = len({tuple(sorted(texts)) for texts in own}) == 1
        names = (own[0],) * len(own) if is_closed else tuple(own)
        kind: VoteKind = "classes" if is_closed else "options"
    else:
        names = tuple(_answers([given[name].get(prompt) for prompt in prompts]) for name in ids)
        kind = "answers"
    places = [{_key(text): code for code, text in reversed(list(enumerate(texts)))} for texts in names]
    exact = [{text: code for code, text in reversed(list(enumerate(texts)))} for texts in names]

    def code(row: int, text: str | None) -> int:
        if text is None:
            return ABSTAINS
        return exact[row].get(text, places[row].get(_key(text), ABSTAINS))

    return kind, names, code


def _answers(texts: Sequence[str | None]) -> tuple[str, ...]:
    """Name the different answers to a row in the order of the prompts, each in its commonest spelling."""
    found: dict[str, Counter[str]] = {}
    for text in texts:
        if text is not None:
            found.setdefault(_key(text), Counter())[text] += 1
    return tuple(spellings.most_common(1)[0][0] for spellings in found.values())


def _key(text: str) -> str:
    return normalise(text) or text.strip().lower()

"""Votes: rows of the predictions table that differ in their prompt, as a matrix.

Shapes: n instances, m prompts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.errors import DataError
from longwave.metrics.accuracy import normalise

__all__ = [
    "AGGREGATES",
    "VOTE_PREFIX",
    "VoteKind",
    "VoteMatrix",
    "build_votes",
    "choose_prompts",
    "collect_votes",
    "is_vote",
]

Ints = NDArray[np.int64]
Names = tuple[tuple[str, ...], ...]
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

    def take(self, places: Ints) -> VoteMatrix:
        """Return some of the rows; codes keep their meaning."""
        return replace(
            self,
            votes=self.votes[places],
            instances=tuple(self.instances[place] for place in places),
            names=tuple(self.names[place] for place in places),
            labels=self.labels[places],
        )


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
    wanted = choose_prompts(rows["prompt"].unique()) if prompts is None else list(dict.fromkeys(prompts))
    rows = rows.filter(pl.col("prompt").is_in(wanted))
    if not len(rows):
        raise DataError(
            f'There are no votes of "{model}" on "{scenario}". Evaluate it with prompting="ama", or name '
            "other prompts."
        )
    if instances is not None:
        instances = instances.filter(
            pl.col("scenario") == scenario,
            pl.col("perturbation").eq_missing(pl.lit(perturbation, pl.String())),
        )
    return build_votes(rows, wanted, instances=instances)


def build_votes(
    rows: pl.DataFrame,
    prompts: Sequence[str],
    *,
    instances: pl.DataFrame | None = None,
    classes: Sequence[str] = (),
) -> VoteMatrix:
    """Make the matrix of one model's votes on the inputs of one scenario.

    Parameters
    ----------
    rows : DataFrame
        ``instance, prompt, prediction, label``, one row an instance and prompt.
    prompts : sequence of str
        Columns, each once.
    instances : DataFrame, optional
        ``instance, references, correct_references`` of these inputs. Without it the classes are the labels
        and predictions that there are.
    classes : sequence of str
        Names of the codes, where the classes are these in any order: votes on copies of an input mean the
        same as those on the input.
    """
    instances_seen = rows["instance"].unique(maintain_order=True)
    texts = pl.concat([rows["prediction"], rows["label"]]).drop_nulls().unique().sort()
    said = _arrange(rows, instances_seen, texts, prompts)
    options = _options_of(instances_seen, texts, instances)
    kind, names, codes = _codes(said, texts.to_list(), options, classes)
    return VoteMatrix(
        votes=codes[:, :-1],
        instances=tuple(instances_seen),
        prompts=tuple(prompts),
        names=names,
        labels=codes[:, -1],
        kind=kind,
    )


def is_vote(prompt: str) -> bool:
    """Tell whether a prompt is a chain, whose answers are votes."""
    return prompt.startswith(VOTE_PREFIX)


def choose_prompts(names: Iterable[str]) -> list[str]:
    """Return the chains among some prompts in the order of their numbers, or without any all but aggregates.

    Examples
    --------
    >>> choose_prompts(["ama-10", "majority", "ama-2", "generation-5-shot"])
    ['ama-2', 'ama-10']
    """
    there = [name for name in names if name not in AGGREGATES]
    chains = [name for name in there if is_vote(name)]
    return sorted(chains or there, key=_by_number)


def _only(rows: pl.DataFrame, name: str, value: str | None) -> pl.DataFrame:
    there = rows[name].unique().sort().to_list()
    if value is None and len(there) > 1:
        raise DataError(
            f"There are votes of several {name}s: {', '.join(there)}. Name the one to collect with {name}."
        )
    return rows if value is None else rows.filter(pl.col(name) == value)


def _by_number(name: str) -> tuple[str, int]:
    found = _NUMBERED.match(name)
    return (found[1], int(found[2])) if found else (name, -1)


def _arrange(rows: pl.DataFrame, instances: pl.Series, texts: pl.Series, prompts: Sequence[str]) -> Ints:
    """Write what was said about each instance by the place of the text, -1 for nothing; the label last."""
    said = np.full((len(instances), len(prompts) + 1), ABSTAINS)
    row = _places(rows["instance"], instances)
    said[row, _places(rows["prompt"], pl.Series(prompts))] = _places(rows["prediction"], texts)
    said[row, -1] = _places(rows["label"], texts)
    return said


def _places(values: pl.Series, names: pl.Series) -> Ints:
    """Return the place of each value among distinct names, -1 for null."""
    places = values.cast(pl.Enum(names)).to_physical()
    return places.cast(pl.Int64).fill_null(ABSTAINS).to_numpy()


def _options_of(instances: pl.Series, texts: pl.Series, known: pl.DataFrame | None) -> pl.Series:
    """Return the options of each instance, none where its answer is free."""
    if known is None:
        return pl.Series([texts.to_list()], dtype=pl.List(pl.String)).new_from_index(0, len(instances))
    n_options, n_right = pl.col("references").list.len(), pl.col("correct_references").list.len()
    own = known.filter((n_options > 1) & (n_options > n_right)).select("instance", "references")
    asked = instances.to_frame("instance")
    listed = asked.join(own.unique("instance", keep="last"), on="instance", how="left", maintain_order="left")
    return listed["references"].fill_null([])


def _codes(
    said: Ints, texts: Sequence[str], options: pl.Series, classes: Sequence[str]
) -> tuple[VoteKind, Names, Ints]:
    """Decide what codes mean and name them row by row; the codes of the votes, and of the label last."""
    if not (options.list.len() > 0).all():
        spoken = ([texts[place] for place in row if place >= 0] for row in said[:, :-1].tolist())
        found = tuple(map(_answers, spoken))
        return "answers", found, _codes_by_row(said, texts, found)
    distinct = options.to_frame().unique().to_series()
    if len({tuple(sorted(names)) for names in distinct}) > 1:
        listed = tuple(tuple(row) for row in options)
        return "options", listed, _codes_by_row(said, texts, listed)
    first = tuple(options[0])
    names = tuple(classes) if sorted(classes) == sorted(first) else first
    code = _Coder(names)
    codes = np.array([*map(code, texts), ABSTAINS], dtype=np.int64)
    return "classes", (names,) * len(said), codes[said]


def _codes_by_row(said: Ints, texts: Sequence[str], names: Names) -> Ints:
    rows = zip(map(_Coder, names), said.tolist(), strict=True)
    codes = [[code(texts[place]) if place >= 0 else ABSTAINS for place in row] for code, row in rows]
    return np.array(codes, dtype=np.int64).reshape(said.shape)


class _Coder:
    """From a text to the code of the answer that it is: as it is written, or but for case and the like."""

    def __init__(self, names: Sequence[str]) -> None:
        in_reverse = list(enumerate(names))[::-1]  # of equal names the first one counts
        self._exact = {text: code for code, text in in_reverse}
        self._places = {_key(text): code for code, text in in_reverse}

    def __call__(self, text: str) -> int:
        code = self._exact.get(text)
        return self._places.get(_key(text), ABSTAINS) if code is None else code


def _answers(texts: Sequence[str]) -> tuple[str, ...]:
    """Name the different answers to a row in the order of the prompts, each in its commonest spelling."""
    found: dict[str, Counter[str]] = {}
    for text in texts:
        found.setdefault(_key(text), Counter())[text] += 1
    return tuple(spellings.most_common(1)[0][0] for spellings in found.values())


@lru_cache(maxsize=1 << 16)
def _key(text: str) -> str:
    return normalise(text) or text.strip().lower()

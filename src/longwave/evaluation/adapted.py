"""Predictions of adapters in the predictions table: a row a point, methods and seeds beside each other.

* the scenario is ``groups:DATA``, the instance ``test-00012``, the model the method, the trial its seed; the
  group is that of the point, so that every analysis by group shows whom a method fails;
* the table has one column of groups and points may be in several. Every further grouping is a scenario of
  its own, ``groups:DATA/VIEW``, with a row for each point that is in one of its groups. A point then has
  several rows in all, but one in each scenario: averages and paired tests count it once.
"""

# Shapes: n points, C classes

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.errors import ShapeError
from longwave.evaluation.dates import latest_date
from longwave.evaluation.trained import (
    ClassAnswers,
    answer_columns,
    check_classes,
    choice_columns,
    identity_of,
)
from longwave.predictions import append_side, done_keys, skip_done, write_predictions

__all__ = ["GROUPS_PREFIX", "AdaptedAnswers", "adapted_scenario", "is_adapted_recorded", "record_adapted"]

GROUPS_PREFIX = "groups:"
_PROMPT = "embeddings"
_SPLITS = {"val": "valid", "test": "test", "train": "train"}


class AdaptedAnswers(ClassAnswers, Protocol):
    """What a method said to one split of a data set of embeddings.

    ``longwave.adapters.answer_groups`` makes them; predictions of another program will do as well.
    """

    @property
    def split(self) -> str:
        """Whose points these are: train, val or test."""
        ...

    @property
    def groups(self) -> NDArray[np.str_]:
        """Name of each point's group, shape (n,)."""
        ...

    @property
    def views(self) -> Mapping[str, NDArray[np.str_]]:
        """Further groupings by name, "" where a point is in none of their groups."""
        ...

    @property
    def hashes(self) -> Sequence[str]:
        """Of each point's embedding."""
        ...

    @property
    def width(self) -> int:
        """Numbers of an embedding."""
        ...


def adapted_scenario(data: str, view: str = "") -> str:
    """Return the name of the scenario of a data set, or of another grouping of its points."""
    return f"{GROUPS_PREFIX}{data}/{view}" if view else f"{GROUPS_PREFIX}{data}"


def is_adapted_recorded(
    out: Path | str, *, data: str, model: str, version: str, seed: int, n: int, split: str = "test"
) -> bool:
    """Tell whether a folder has all ``n`` rows of a method and seed, of whatever date."""
    rows = done_keys(out).filter(
        pl.col("scenario") == adapted_scenario(data),
        pl.col("model") == model,
        pl.col("version") == version,
        pl.col("trial") == seed,
        pl.col("instance").str.starts_with(f"{split}-"),
    )
    return rows["instance"].n_unique() == n


def record_adapted(out: Path | str, answers: AdaptedAnswers, *, date: str | None = None) -> pl.DataFrame:
    """Write the answers of one method and seed; what the folder has already is left alone.

    Parameters
    ----------
    out : Path or str
        Folder of the predictions table.
    answers : AdaptedAnswers
    date : str, optional
        Day of the answers, YYYY-MM-DD; default the folder's latest, else today.

    Returns
    -------
    DataFrame
        The method's rows of the predictions table, new or not, those of further groupings last.

    Raises
    ------
    ShapeError, DataError
        If labels, groups and probabilities do not fit together, or these are none.
    TableError, StorageError
        If the tables break their schema or cannot be written.
    """
    out = Path(out)
    _check(answers)
    rows = _rows(answers, date or latest_date(out))
    views = [
        rows.with_columns(
            scenario=pl.lit(adapted_scenario(answers.data, view)), group=pl.Series(names.tolist())
        ).filter(pl.col("group") != "")
        for view, names in answers.views.items()
    ]
    rows = pl.concat([rows, *views])
    append_side(out, "instances", _instances(answers, rows))
    write_predictions(out, skip_done(rows, out))
    return rows


def _rows(answers: AdaptedAnswers, date: str) -> pl.DataFrame:
    """Return rows of the predictions table, one a point."""
    return pl.DataFrame(
        {
            "instance": [f"{answers.split}-{i:05d}" for i in range(len(answers.labels))],
            "input_hash": list(answers.hashes),
            "group": answers.groups.tolist(),
            **answer_columns(answers),
        }
    ).with_columns(
        scenario=pl.lit(adapted_scenario(answers.data)),
        date=pl.lit(date),
        prompt=pl.lit(_PROMPT),
        perturbation=pl.lit(None, dtype=pl.String),
        split=pl.lit(_SPLITS.get(answers.split, answers.split)),
        **identity_of(answers),
    )


def _instances(answers: AdaptedAnswers, rows: pl.DataFrame) -> pl.DataFrame:
    """Return what is known of each point: its number, and which classes there were to choose from."""
    return rows.select("scenario", "instance", "perturbation", "split", "group").with_columns(
        input=pl.format(
            "point {} of {}, {} numbers", "instance", pl.lit(answers.data), pl.lit(answers.width)
        ),
        **choice_columns(answers, rows["label"]),
    )


def _check(answers: AdaptedAnswers) -> None:
    n, n_classes = len(answers.labels), len(answers.classes)
    lengths = {"groups": answers.groups, "hashes": answers.hashes, **answers.views}
    wrong = [name for name, values in lengths.items() if len(values) != n]
    if answers.probabilities.shape != (n, n_classes) or wrong or not n:
        what = f'"{wrong[0]}" of length {len(lengths[wrong[0]])}' if wrong else "no other length"
        raise ShapeError(
            f"There are {n} labels, probabilities of shape {answers.probabilities.shape} and {what}; "
            f"accepted are as many of all, at least 1, and probabilities of {n_classes} classes. Correct "
            "them."
        )
    check_classes(answers, answers.probabilities)

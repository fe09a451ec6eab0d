"""Accuracy by group: the average hides whom a model fails."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from longwave.errors import DataError, ShapeError
from longwave.metrics.base import TableMetric
from longwave.metrics.tidy import collect, groups_of, summarize_mean, tidy_row

__all__ = ["gap_pp", "group_accuracy", "summarize_groups", "worst_group_accuracy"]


def group_accuracy(correct: ArrayLike, groups: ArrayLike) -> dict[str, float]:
    """Return the accuracy of each group, in the order of the groups' names.

    Parameters
    ----------
    correct : array_like, shape (n,)
        1 where the prediction was right, else 0.
    groups : array_like, shape (n,)
        Group of each prediction, text or number.

    Raises
    ------
    ShapeError
        If the two differ in length.
    DataError
        If there is no value, or one has no group.

    Examples
    --------
    >>> group_accuracy([1, 1, 0, 1], ["a", "a", "b", "b"])
    {'a': 1.0, 'b': 0.5}
    """
    right, names = _checked(correct, groups)
    distinct, place = np.unique(names, return_inverse=True)
    means = np.bincount(place, weights=right) / np.bincount(place)
    return dict(zip((str(name) for name in distinct), means.tolist(), strict=True))


def worst_group_accuracy(correct: ArrayLike, groups: ArrayLike) -> float:
    """Return the smallest accuracy of any group.

    Parameters, errors
        As `group_accuracy`.
    """
    return min(group_accuracy(correct, groups).values())


def gap_pp(correct: ArrayLike, groups: ArrayLike) -> float:
    """Return average minus worst-group accuracy in percentage points.

    Parameters, errors
        As `group_accuracy`. The average is over instances, so large groups weigh more.
    """
    right, _ = _checked(correct, groups)
    return 100 * (float(right.mean()) - worst_group_accuracy(correct, groups))


def summarize_groups(frame: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Compute accuracy by group, the worst of them and the gap, from the ``group`` and ``correct`` columns.

    Parameters
    ----------
    frame : DataFrame
        Rows of the predictions table; perturbed ones count only when ``by`` holds ``"perturbation"``, rows
        without a group never.
    by : sequence of str
        Grouping columns besides ``group``.

    Returns
    -------
    DataFrame
        See `longwave.metrics.TIDY`, with the column ``group`` after those of ``by``; metrics
        ``group_accuracy``, one row a group, then ``worst_group_accuracy`` and ``gap_pp``, whose ``group`` is
        the worst one. The interval of the worst group is its own; it does not know that the worst was picked.
        The gap has none.
    """
    keys = [name for name in by if name != "group"]
    rows = frame.filter(pl.col("group").is_not_null()) if "group" in frame.columns else frame
    parts = summarize_mean(rows, [*keys, "group"], _RIGHT, metric="group_accuracy")
    found: list[dict[str, object]] = []
    for key, part in groups_of(parts.filter(pl.col("value").is_not_null()), keys):
        worst = part.row(int(part["value"].arg_min() or 0), named=True)
        average = float(np.average(part["value"].to_numpy(), weights=part["n"].to_numpy()))
        found.append({**worst, "metric": "worst_group_accuracy"})
        gap = tidy_row("gap_pp", 100 * (average - worst["value"]), None)
        found.append({**key, "group": worst["group"], "n": part["n"].sum(), **gap})
    return pl.concat([parts, collect(found, parts, [*keys, "group"])])


_RIGHT = pl.col("correct").cast(pl.Float64)


def _checked(correct: ArrayLike, groups: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.generic]]:
    right, names = np.asarray(correct, dtype=np.float64), np.asarray(groups)
    if right.ndim != 1 or right.shape != names.shape:
        raise ShapeError(
            f"correct has shape {right.shape} and groups {names.shape}; accepted is one axis of equal length."
        )
    if names.dtype == object and any(name is None for name in names):
        raise DataError("A prediction has no group (None); accepted are text and numbers. Drop such rows.")
    if not len(right):
        raise DataError("There are no predictions; accuracy by group needs at least 1. Leave empty sets out.")
    return right, names


WORST_GROUP_ACCURACY = TableMetric(
    name="worst_group_accuracy", family="fairness", higher_is_better=True, function=summarize_groups
)
GAP_PP = TableMetric(
    name="gap_pp", family="fairness", higher_is_better=False, high=100.0, function=summarize_groups
)

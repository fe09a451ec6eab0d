"""Figures by group: average, worst group, gap, and how far the groups of a class lie apart.

Shapes: n points, d width of the embeddings, G groups, k neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.adapters.embeddings import Floats, check_embeddings, check_labels, code_groups, unit_rows
from longwave.errors import ConfigError, DataError, ShapeError
from longwave.metrics.groups import gap_pp, group_accuracy
from longwave.predictions import wilson_interval

__all__ = [
    "GroupLine",
    "GroupReport",
    "GroupSpread",
    "count_groups",
    "report_groups",
    "report_overlapping",
    "spread_groups",
]

_BLOCK_VALUES = 1 << 24  # cosines held at once: 64 MiB
_QUERIES = 5000  # points whose neighbours are looked at


@dataclass(frozen=True, kw_only=True)
class GroupLine:
    """Accuracy of one group, with Wilson's 95 % interval.

    Parameters
    ----------
    group : str
    n : int
        Points that were predicted.
    n_train : int or None
        Points of the group in training; None where that is not known.
    accuracy, low, high : float
    """

    group: str
    n: int
    n_train: int | None
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class GroupReport:
    """What the average hides.

    Parameters
    ----------
    n : int
    average : float
        Share of right predictions.
    adjusted_average : float or None
        Accuracies of the groups, weighted by their numbers of training points; None where these are not
        known. Groups without training points have no weight.
    worst : GroupLine
        Its interval does not know that the worst was picked.
    gap_pp : float
        Average minus worst, in points.
    percentile_10 : float
        Tenth percentile of the groups' accuracies, by linear interpolation.
    lines : tuple of GroupLine
        All groups, in the order of their names.
    """

    n: int
    average: float
    adjusted_average: float | None
    worst: GroupLine
    gap_pp: float
    percentile_10: float
    lines: tuple[GroupLine, ...]


@dataclass(frozen=True, kw_only=True)
class GroupSpread:
    """How groups lie in the space of the embeddings.

    Parameters
    ----------
    within : float or None
        Mean cosine between points of two groups of one class, over all pairs of such groups; None where no
        class has two groups.
    between : float or None
        The same for two groups of different classes.
    neighbours : float
        Share of a point's nearest neighbours by cosine that have its label.
    """

    within: float | None
    between: float | None
    neighbours: float


def report_groups(
    correct: ArrayLike, groups: ArrayLike, *, training: Mapping[str, int] | None = None
) -> GroupReport:
    """Return average, worst group, gap and accuracies of all groups.

    Parameters
    ----------
    correct : array_like, shape (n,)
        1 where the prediction was right, else 0.
    groups : array_like, shape (n,)
        Name or number of each point's group.
    training : mapping from str to int, optional
        Training points of each group. It should name all groups, or the adjusted average leaves some out.

    Raises
    ------
    ShapeError
        If the two differ in length.
    DataError
        If there is no prediction, or one has no group; or no group has training points.

    Examples
    --------
    >>> found = report_groups([1, 1, 1, 0], ["a", "a", "b", "b"], training={"a": 9, "b": 1})
    >>> found.average, found.adjusted_average, found.worst.group, found.gap_pp
    (0.75, 0.95, 'b', 25.0)
    """
    accuracies = group_accuracy(correct, groups)
    right, names = np.asarray(correct, dtype=np.float64), np.asarray(groups).astype(str)
    lines = []
    for group, accuracy in accuracies.items():
        n = int((names == group).sum())
        interval = wilson_interval(round(accuracy * n), n)
        lines.append(
            GroupLine(
                group=group,
                n=n,
                n_train=None if training is None else int(training.get(group, 0)),
                accuracy=accuracy,
                low=interval.low,
                high=interval.high,
            )
        )
    return GroupReport(
        n=len(right),
        average=float(right.mean()),
        adjusted_average=None if training is None else _adjusted(lines),
        worst=min(lines, key=lambda line: line.accuracy),
        gap_pp=gap_pp(correct, groups),
        percentile_10=float(np.quantile(list(accuracies.values()), 0.1)),
        lines=tuple(lines),
    )


def report_overlapping(report: GroupReport, correct: ArrayLike, groups: ArrayLike) -> GroupReport:
    """Return a report whose groups are others, in which a point may be several times or not at all.

    Parameters
    ----------
    report : GroupReport
        Of all points, each once: average and adjusted average are its own.
    correct, groups : array_like, shape (m,)
        One entry for every point and group that it is in.

    Raises
    ------
    ShapeError, DataError
        As `report_groups`.
    """
    other = report_groups(correct, groups)
    return replace(
        report,
        worst=other.worst,
        gap_pp=100 * (report.average - other.worst.accuracy),
        percentile_10=other.percentile_10,
        lines=other.lines,
    )


def spread_groups(
    embeddings: ArrayLike, labels: ArrayLike, groups: ArrayLike, *, neighbours: int = 10
) -> GroupSpread:
    """Measure how near groups of one class are to each other, against those of different classes.

    Parameters
    ----------
    embeddings : array_like, shape (n, d)
        Frozen, or as `Adapter.transform` returns them; scaled to unit rows here.
    labels, groups : array_like, shape (n,)
        Points of one group with different labels count as different groups.
    neighbours : int
        k, at least 1; cut to n - 1.

    Raises
    ------
    ShapeError, DataError
        If embeddings, labels and groups do not fit together, or there is a single point.
    ConfigError
        If ``neighbours`` is below 1.

    Notes
    -----
    The mean cosine between the points of two groups is the dot product of their mean unit vectors, so that
    pairs of groups cost O(nd + G²d). Neighbours are exact; of more than 5,000 points so many are looked at,
    at equal distances in the data: O(5000 nd) time, 64 MiB of cosines at once.
    """
    if neighbours < 1:
        raise ConfigError(f"neighbours is {neighbours}; accepted are whole numbers >= 1.")
    unit = unit_rows(check_embeddings(embeddings))
    y, _ = code_groups(labels, len(unit), name="labels")
    g, _ = code_groups(groups, len(unit))
    if len(unit) < 2:
        raise DataError("There is 1 point; a spread needs at least 2. Pass a whole split.")
    cells, cell = np.unique(np.stack([y, g]), axis=1, return_inverse=True)
    means = np.zeros((cells.shape[1], unit.shape[1]))
    np.add.at(means, cell, unit)
    means /= np.bincount(cell)[:, None]
    cosines = means @ means.T  # (G, G)
    is_pair = np.triu(np.ones_like(cosines, dtype=bool), 1)
    is_alike = cells[0][:, None] == cells[0][None, :]
    return GroupSpread(
        within=_mean(cosines[is_pair & is_alike]),
        between=_mean(cosines[is_pair & ~is_alike]),
        neighbours=_alike_neighbours(unit, y, min(neighbours, len(unit) - 1)),
    )


def count_groups(groups: Sequence[int] | NDArray[np.int64], names: Sequence[str]) -> dict[str, int]:
    """Return the number of points of every named group, for ``training``.

    Raises
    ------
    ShapeError
        If a number has no name.
    """
    codes = check_labels(groups, len(groups), name="groups").astype(np.int64)
    counts = np.bincount(codes, minlength=len(names))
    if len(counts) > len(names):
        raise ShapeError(f"groups go to {len(counts) - 1} but there are {len(names)} names. Name them all.")
    return dict(zip(names, counts.tolist(), strict=True))


def _adjusted(lines: Sequence[GroupLine]) -> float:
    weights = np.array([line.n_train or 0 for line in lines], dtype=np.float64)
    if not weights.sum():
        raise DataError(
            "No group has training points, so that an average cannot be weighted by them. Leave training "
            "out, or name its groups as those of the predictions."
        )
    return float(np.average([line.accuracy for line in lines], weights=weights))


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None


def _alike_neighbours(unit: Floats, y: NDArray[np.int64], k: int) -> float:
    alike = 0
    asked = np.unique(np.linspace(0, len(unit) - 1, min(_QUERIES, len(unit))).round().astype(int))
    size = max(1, _BLOCK_VALUES // len(unit))
    for start in range(0, len(asked), size):
        rows = asked[start : start + size]
        cosines = unit[rows] @ unit.T
        cosines[np.arange(len(rows)), rows] = -np.inf  # not a neighbour of itself
        nearest = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        alike += int((y[nearest] == y[rows][:, None]).sum())
    return alike / (len(asked) * k)

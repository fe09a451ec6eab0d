"""How far groups are apart, and whether they drew closer or further apart between dates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from longwave.errors import DataError, ShapeError
from longwave.predictions import Interval

__all__ = ["Disparity", "group_disparity"]

Array = NDArray[np.float64]

N_MIN = 30
_BLOCK = 1 << 21  # numbers held at once: 16 MB


@dataclass(frozen=True, kw_only=True, eq=False)
class Disparity:
    """The distance between the best and the worst group at each date.

    Parameters
    ----------
    dates : tuple of str
    by_date : tuple of Interval
        ``GD_t = max_g m_tg - min_g m_tg`` with bootstrap intervals.
    changes : tuple of Interval
        ``GD_t - GD_(t-1)`` from each date to the next, on the same rows.
    worst, best : tuple of str
        The groups with the least and the greatest mean at each date.
    groups : DataFrame
        ``date, group, n, value``, of the groups that count.
    left_out : tuple of str
        Groups with fewer than ``n_min`` rows.
    """

    dates: tuple[str, ...]
    by_date: tuple[Interval, ...]
    changes: tuple[Interval, ...]
    worst: tuple[str, ...]
    best: tuple[str, ...]
    groups: pl.DataFrame
    left_out: tuple[str, ...] = ()


def group_disparity(
    scores: Sequence[ArrayLike],
    groups: ArrayLike,
    *,
    dates: Sequence[str] | None = None,
    clusters: ArrayLike | None = None,
    n_min: int = N_MIN,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Disparity:
    """Compare groups at one date or several, on the same rows.

    Parameters
    ----------
    scores : sequence of array_like, shape (n,) each
        Scores of every row at each date, oldest first. Rows with NaN at any date are left out.
    groups : array_like, shape (n,)
        Group of each row; rows with None are left out.
    dates : sequence of str, optional
        Names of the dates; default their numbers.
    clusters : array_like, shape (n,), optional
        What was drawn, where rows were not drawn one by one (speakers, documents): the bootstrap draws these.
    n_min : int
        Groups with fewer rows are left out and listed: the extremes of small groups are chance.
    confidence : float
    n_resamples, seed : int
        Of the bootstrap.

    Raises
    ------
    ShapeError
        If lengths differ.
    DataError
        If fewer than two groups have ``n_min`` rows.

    Notes
    -----
    A maximum minus a minimum is biased upwards: groups that are equal have a disparity above 0 by chance, the
    more so the smaller they are, and no resample is below 0. Read the interval of a change rather than that
    of one date. Rows with equal group and scores are drawn together, from the multinomial: O(n_resamples ·
    cells).

    References
    ----------
    Group disparity of arXiv 2209.08443.
    """
    names = [str(i) for i in range(len(scores))] if dates is None else [str(date) for date in dates]
    drawn_by = np.arange(len(np.asarray(groups, dtype=object))) if clusters is None else np.asarray(clusters)
    values, member, units, labels, left_out = _checked(scores, groups, drawn_by, len(names), n_min)
    counts = _Counts.of(values, member, None if clusters is None else units, len(labels))
    observed = counts.means(counts.times[None, :].astype(np.float64))[0]  # (G, T)
    gaps = observed.max(axis=0) - observed.min(axis=0)
    resampled = np.concatenate(list(counts.resample(n_resamples, np.random.default_rng(seed))))
    moves, moved = np.diff(gaps), np.diff(resampled, axis=1)
    sizes = np.bincount(member, minlength=len(labels))
    return Disparity(
        dates=tuple(names),
        by_date=tuple(_interval(gap, resampled[:, t], confidence) for t, gap in enumerate(gaps)),
        changes=tuple(_interval(move, moved[:, t], confidence) for t, move in enumerate(moves)),
        worst=tuple(labels[int(place)] for place in observed.argmin(axis=0)),
        best=tuple(labels[int(place)] for place in observed.argmax(axis=0)),
        groups=pl.DataFrame(
            {
                "date": np.repeat(names, len(labels)),
                "group": list(labels) * len(names),
                "n": np.tile(sizes, len(names)),
                "value": observed.T.reshape(-1),
            }
        ),
        left_out=left_out,
    )


def _interval(estimate: float, sample: Array, confidence: float) -> Interval:
    low, high = np.quantile(sample, ((1 - confidence) / 2, (1 + confidence) / 2))
    return Interval(estimate=float(estimate), low=float(low), high=float(high), confidence=confidence)


def _checked(
    scores: Sequence[ArrayLike], groups: ArrayLike, clusters: NDArray[np.generic], n_dates: int, n_min: int
) -> tuple[Array, NDArray[np.intp], NDArray[np.generic], tuple[str, ...], tuple[str, ...]]:
    """Return scores (n, T), group and cluster of each row, names of the groups, and those left out."""
    columns = [np.asarray(column, dtype=np.float64) for column in scores]
    names = np.asarray(groups, dtype=object)
    shapes = {column.shape for column in columns} | {names.shape, clusters.shape}
    if len(shapes) != 1 or len(columns) != n_dates or names.ndim != 1:
        raise ShapeError(
            f"There are {len(columns)} lists of scores and {n_dates} dates, with shapes "
            f"{sorted(shapes)}; accepted is one value a row, row by row, for each date, the groups and the "
            "clusters."
        )
    values = np.column_stack(columns)
    known = ~np.isnan(values).any(axis=1) & np.array([name is not None for name in names], dtype=bool)
    found, member = np.unique(names[known].astype(str), return_inverse=True)
    sizes = np.bincount(member, minlength=len(found))
    kept = np.flatnonzero(sizes >= n_min)
    left_out = tuple(str(name) for name in found[sizes < n_min])
    if len(kept) < 2:
        raise DataError(
            f"{len(kept)} of {len(found)} groups have {n_min} rows or more; a disparity needs 2. Collect "
            "more rows, merge groups, or lower n_min."
        )
    renumbered = np.full(len(found), -1, dtype=np.intp)
    renumbered[kept] = np.arange(len(kept))
    place = renumbered[member]
    is_kept = place >= 0
    listed = tuple(str(found[i]) for i in kept)
    return values[known][is_kept], place[is_kept], clusters[known][is_kept], listed, left_out


@dataclass(frozen=True, kw_only=True, eq=False)
class _Counts:
    """Rows and sums of scores of each unit that is drawn, (U, G) and (U, G, T); equal rows are one unit."""

    sizes: Array
    sums: Array
    times: NDArray[np.intp]

    @classmethod
    def of(
        cls, values: Array, member: NDArray[np.intp], clusters: NDArray[np.generic] | None, n_groups: int
    ) -> _Counts:
        if clusters is None:
            cells, times = np.unique(np.column_stack([member, values]), axis=0, return_counts=True)
            unit, group, scores = np.arange(len(cells)), cells[:, 0].astype(np.intp), cells[:, 1:]
        else:
            names, unit = np.unique(clusters, return_inverse=True)
            times, group, scores = np.ones(len(names), dtype=np.intp), member, values
        sizes = np.zeros((len(times), n_groups))
        sums = np.zeros((len(times), n_groups, values.shape[1]))
        np.add.at(sizes, (unit, group), 1.0)
        np.add.at(sums, (unit, group), scores)
        return cls(sizes=sizes, sums=sums, times=times)

    def means(self, drawn: Array) -> Array:
        """Return the mean of each group and date, (R, G, T), NaN where none of it was drawn."""
        size = drawn @ self.sizes
        size[size == 0] = np.nan
        total = np.einsum("ru,ugt->rgt", drawn, self.sums, optimize=True)
        return np.asarray(total / size[:, :, None], dtype=np.float64)

    def resample(self, n_resamples: int, rng: np.random.Generator) -> Iterator[Array]:
        """Yield disparities of resampled units, (rows, T), in blocks."""
        n = int(self.times.sum())
        rows = max(1, _BLOCK // max(len(self.times), self.sums[0].size))
        for start in range(0, n_resamples, rows):
            size = min(rows, n_resamples - start)
            drawn = rng.multinomial(n, self.times / n, size=size).astype(np.float64)
            means = self.means(drawn)
            yield np.nanmax(means, axis=1) - np.nanmin(means, axis=1)

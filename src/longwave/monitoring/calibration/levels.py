"""Rows by their level of confidence: the distinct values, how many rows have each, how many are right."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import DataError, ShapeError

Array = NDArray[np.float64]

BINS = 15


def known_rows(confidence: ArrayLike, correct: ArrayLike) -> tuple[Array, Array]:
    """Return confidences and scores as float arrays, without the rows that lack one.

    Raises
    ------
    ShapeError
        If they differ in length or have more than one axis.
    DataError
        If no row is left.
    """
    c, y = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if c.ndim != 1 or c.shape != y.shape:
        raise ShapeError(
            f"confidence has shape {c.shape} and correct {y.shape}; accepted is one axis of equal length."
        )
    known = ~(np.isnan(c) | np.isnan(y))
    if not known.any():
        raise DataError("No row has both a confidence and a score; calibration needs at least 1.")
    return c[known], y[known]


def levels_of(c: Array, y: Array) -> tuple[Array, Array, Array]:
    """Return the distinct confidences, ascending, with the rows and the sum of scores of each."""
    levels, place = np.unique(c, return_inverse=True)
    return levels, np.bincount(place).astype(np.float64), sum_by(place, y, len(levels))


def sum_by(place: NDArray[np.intp], weights: Array, n: int) -> Array:
    """Add up the weights of each of ``n`` places."""
    return np.asarray(np.bincount(place, weights=weights, minlength=n), dtype=np.float64)


def equal_mass_bins(levels: Array, total: Array, bins: int) -> NDArray[np.intp]:
    """Return the bin of each level: the bins of `longwave.metrics.bin_confidences`, from counts."""
    cumulative = np.cumsum(total)
    n = round(float(cumulative[-1]))
    parts = min(bins, n)
    sizes = np.full(parts, n // parts) + (np.arange(parts) < n % parts)
    ends = np.cumsum(sizes)[:-1]  # rows before each cut
    last, first = (levels[np.searchsorted(cumulative, ends + shift, side="left")] for shift in (0, 1))
    return np.searchsorted(np.unique([*((last + first) / 2), np.inf]), levels, side="left")

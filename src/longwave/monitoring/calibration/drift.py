"""How calibration moved between two runs on the same rows."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from longwave.errors import DataError, ShapeError
from longwave.monitoring.calibration.confidence_map import ConfidenceMapping, cross_mapped, fit_confidence_map
from longwave.monitoring.calibration.levels import BINS
from longwave.monitoring.calibration.measures import Calibration, calibrate_levels

__all__ = ["calibration_drift"]

Array = NDArray[np.float64]


def calibration_drift(
    before: tuple[ArrayLike, ArrayLike],
    after: tuple[ArrayLike, ArrayLike],
    *,
    mapping: ConfidenceMapping | None = None,
    bins: int = BINS,
    confidence: float = 0.95,
    n_resamples: int = 200,
    seed: int = 0,
) -> pl.DataFrame:
    """Compare the calibration of two runs on the same rows.

    Parameters
    ----------
    before, after : tuple of array_like, shape (n,)
        Confidence and correctness of each run, row by row. Rows that lack one of the four are left out.
    mapping : {"isotonic", "histogram"}, optional
        Learn a map on the first run and read both runs through it: the user's view, who calibrated once. The
        first run is mapped by halves as in `calibrate`.
    bins : int
    confidence : float
        Of the intervals.
    n_resamples, seed : int
        Of the bootstrap over rows.

    Returns
    -------
    DataFrame
        Columns ``metric, before, after, change, low, high, mapping``; a row each field of `Calibration`. The
        bounds are percentiles of resampled changes. NaN is null.

    Raises
    ------
    ShapeError, DataError, ConfigError
        As `calibrate`.

    Notes
    -----
    Calibration errors are biased upwards, more so for few rows; on the same rows the bias of both nearly
    cancels in the change. Time O(n_resamples · n).
    """
    arrays = [np.asarray(values, dtype=np.float64) for values in (*before, *after)]
    if len({values.shape for values in arrays}) > 1:
        raise ShapeError(
            f"Confidences and scores have shapes {', '.join(str(values.shape) for values in arrays)}; "
            "accepted is one axis of equal length. Join the two runs by row."
        )
    known = ~np.isnan(arrays).any(axis=0)
    c1, y1, c2, y2 = (values[known] for values in arrays)
    if not len(c1):
        raise DataError("No row has a confidence and a score in both runs; compare runs that have them.")
    if mapping is not None:
        c2 = fit_confidence_map(c1, y1, kind=mapping, bins=bins).apply(c2)
        c1 = cross_mapped(c1, y1, mapping)
    runs = [_Cells(c, y, bins) for c, y in ((c1, y1), (c2, y2))]
    first, second = (run.measure(np.arange(len(c1))) for run in runs)
    rng = np.random.default_rng(seed)
    draws = np.empty((n_resamples, len(_MEASURES)))
    for row in draws:
        drawn = rng.integers(0, len(c1), size=len(c1))
        row[:] = runs[1].measure(drawn) - runs[0].measure(drawn)
    low, high = np.quantile(draws, ((1 - confidence) / 2, (1 + confidence) / 2), axis=0)
    return pl.DataFrame(
        {
            "metric": _MEASURES,
            "before": first,
            "after": second,
            "change": second - first,
            "low": low,
            "high": high,
        }
    ).with_columns(pl.selectors.float().fill_nan(None), mapping=pl.lit(mapping, dtype=pl.String))


_MEASURES = [each.name for each in fields(Calibration) if each.name not in ("n", "mapping")]


class _Cells:
    """The rows of a run by level and score, so that drawn rows are counted, not sorted."""

    def __init__(self, c: Array, y: Array, bins: int) -> None:
        cells, self.cell = np.unique(np.column_stack([c, y]), axis=0, return_inverse=True)
        self.scores, self.bins = cells[:, 1], bins
        self.levels, self.starts = np.unique(cells[:, 0], return_index=True)

    def measure(self, rows: NDArray[np.intp]) -> Array:
        """Return the measures over the rows, each as often as it is listed."""
        counts = np.bincount(self.cell[rows], minlength=len(self.scores)).astype(np.float64)
        hits = counts * self.scores
        total, right = (np.add.reduceat(values, self.starts) for values in (counts, hits))
        drawn = total > 0
        found = calibrate_levels(
            self.levels[drawn], total[drawn], right[drawn], bins=self.bins, squares=float(hits @ self.scores)
        )
        return np.array([getattr(found, name) for name in _MEASURES], dtype=np.float64)

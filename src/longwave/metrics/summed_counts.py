"""Statistics of counts that are summed over instances, and how they vary when instances are drawn again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.errors import ShapeError
from longwave.metrics.tidy import CLUSTER
from longwave.predictions._resampling import resample

__all__ = ["balanced_share", "count_choices", "draw_sums", "micro_f1", "share", "spread", "sum_by_instance"]

Array = NDArray[np.float64]

# Shapes: n rows or instances, C counts, K classes, R resamples


def count_choices(answers: Sequence[str], labels: Sequence[str]) -> Array:
    """Count for each row the hit and the gold row of every class: shape (n, 2 K)."""
    if len(answers) != len(labels):
        raise ShapeError(f"{len(answers)} answers but {len(labels)} labels; give one of each a row.")
    place = {name: index for index, name in enumerate(sorted(set(labels)))}
    counts = np.zeros((len(labels), 2, len(place)))
    for row, (answer, label) in enumerate(zip(answers, labels, strict=True)):
        counts[row, 0, place[label]] = answer == label
        counts[row, 1, place[label]] = 1
    return counts.reshape(len(labels), -1)


def sum_by_instance(rows: pl.DataFrame, counts: Array) -> Array:
    """Add up the rows of each instance (trials, dates), which are not independent: (n, C) to (n, C)."""
    place = rows.select(pl.struct(CLUSTER).rank("dense") - 1).to_series().to_numpy()
    found = np.zeros((int(place.max()) + 1, counts.shape[1]))
    np.add.at(found, place, counts)
    return found


def draw_sums(counts: Array, n_resamples: int, seed: int) -> Array:
    """Draw instances again and sum their counts: (n, C) to (R, C)."""
    n = len(counts)

    def of_drawn(index: Array) -> Array:  # (R, n) instances drawn -> (R, C)
        place = index.astype(np.int64) + n * np.arange(len(index))[:, None]
        times = np.bincount(place.ravel(), minlength=index.size).reshape(index.shape)
        return np.asarray(times.astype(np.float64) @ counts, dtype=np.float64)

    return resample(np.arange(n, dtype=np.float64), of_drawn, n_resamples, np.random.default_rng(seed))


def balanced_share(sums: Array) -> Array:
    """Average the share of hits over the classes that stand there: hits, then gold rows: (R, 2 K) to (R,)."""
    hits, there = np.split(sums, 2, axis=-1)
    recall = np.divide(hits, there, out=np.zeros_like(hits), where=there > 0)
    return _divide(recall.sum(axis=-1), (there > 0).sum(axis=-1))


def micro_f1(sums: Array) -> Array:
    """Return ``2 TP / (2 TP + FP + FN)`` of hits, alarms and misses, 1 where all are 0: (R, 3) to (R,)."""
    there = 2 * sums[:, 0] + sums[:, 1] + sums[:, 2]
    return np.divide(2 * sums[:, 0], there, out=np.ones_like(there), where=there > 0)


def share(sums: Array) -> Array:
    """Return hits over rows: (R, 2) to (R,)."""
    return _divide(sums[:, 0], sums[:, 1])


def spread(draws: Array, n: int) -> dict[str, float | None]:
    """Return standard error and 95 % interval of percentiles; null for one instance."""
    draws = draws[~np.isnan(draws)]
    if n < 2 or len(draws) < 2:
        return {"stderr": None, "low": None, "high": None}
    low, high = np.quantile(draws, [0.025, 0.975])
    return {"stderr": float(draws.std(ddof=1)), "low": float(low), "high": float(high)}


def _divide(top: Array, bottom: Array) -> Array:
    filled = np.full(len(top), np.nan)
    np.divide(top, bottom, out=filled, where=bottom > 0)
    return filled

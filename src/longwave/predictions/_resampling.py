"""Resampling with replacement, in blocks, and the corrected quantiles of BCa."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Statistic = Callable[[Array], Array]

_BLOCK = 1 << 21  # resampled values held at once: 16 MB
_FEW_VALUES = 64  # up to so many distinct values, counts are drawn instead of values


def mean(x: Array) -> Array:
    """Average the last axis."""
    return np.asarray(x.mean(axis=-1), dtype=np.float64)


def resample(data: Array, statistic: Statistic | None, n_resamples: int, rng: np.random.Generator) -> Array:
    """Return the statistic of each resample; see `bootstrap_interval` for the cost."""
    if statistic is None:
        distinct, counts = np.unique(data, return_counts=True)
        if len(distinct) <= _FEW_VALUES:
            drawn = rng.multinomial(len(data), counts / len(data), size=n_resamples)
            return np.asarray(drawn @ distinct / len(data), dtype=np.float64)
    apply = statistic or mean
    return np.concatenate([apply(data[index]) for index in _indices(len(data), n_resamples, rng)])


def _indices(n: int, n_resamples: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    rows = max(1, _BLOCK // n)
    for start in range(0, n_resamples, rows):
        yield rng.integers(0, n, size=(min(rows, n_resamples - start), n))


def bca_tails(
    data: Array, apply: Statistic, estimate: float, draws: Array, tail: float
) -> tuple[float, float]:
    """Return the two quantiles of BCa; the plain ones where bias or acceleration cannot be told."""
    below = float((draws < estimate).mean() + (draws == estimate).mean() / 2)
    if len(data) < 2 or not 0 < below < 1:
        return tail, 1 - tail
    left_out = np.concatenate([apply(np.delete(data, i)[None]) for i in range(len(data))])
    deviation = left_out.mean() - left_out
    spread = float((deviation**2).sum()) ** 1.5
    acceleration = float((deviation**3).sum()) / (6 * spread) if spread else 0.0
    normal = NormalDist()
    bias = normal.inv_cdf(below)

    def moved(share: float) -> float:
        z = bias + normal.inv_cdf(share)
        scale = 1 - acceleration * z
        # past the pole of the formula, as far out as its limit before it
        return normal.cdf(bias + z / scale) if scale > 0 else float(z > 0)

    return moved(tail), moved(1 - tail)

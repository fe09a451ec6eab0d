"""Bootstrap of a statistic of sums: instances are drawn, and their counts added up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Statistic = Callable[[Array], Array]

N_RESAMPLES = 1000
_BLOCK = 1 << 21  # numbers held at once: 16 MB


def bootstrap_stderr(
    counts: Array, statistic: Statistic, *, n_resamples: int = N_RESAMPLES, seed: int = 0
) -> float | None:
    """Estimate the standard error of a statistic of sums, by resampling instances with replacement.

    Parameters
    ----------
    counts : ndarray, shape (n, k)
        Counts of each instance.
    statistic : callable
        Maps sums ``(R, k)`` to values ``(R,)``, NaN where there is no value.
    n_resamples : int
    seed : int
        Seeds the resampling.

    Returns
    -------
    float or None
        None for a single instance, or where less than two resamples have a value.

    Notes
    -----
    Equal rows are drawn together, from a multinomial: time O(n_resamples * distinct rows * k). No percentiles
    are taken: the statistics at hand are distances from even, whose resamples lie too high, sometimes all of
    them above the value itself.
    """
    if len(counts) < 2:
        return None
    distinct, times = np.unique(counts, axis=0, return_counts=True)
    rng = np.random.default_rng(seed)
    rows = max(1, _BLOCK // max(distinct.shape))
    draws = []
    for start in range(0, n_resamples, rows):
        size = min(rows, n_resamples - start)
        weights = rng.multinomial(len(counts), times / len(counts), size=size)
        draws.append(statistic(weights @ distinct))
    values = np.concatenate(draws)
    values = values[~np.isnan(values)]
    return float(values.std(ddof=1)) if len(values) > 1 else None

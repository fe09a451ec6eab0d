"""Tests and intervals for changes between two runs on the same rows.

What `longwave.predictions` has (Wilson, McNemar from rows, bootstrap, clustered errors) is used from there.
Here is what a comparison of runs needs besides: tests from counts, so that 100,000 rows or many groups cost
nothing, and a permutation test for scores between 0 and 1.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import ConfigError, DataError, ShapeError
from longwave.predictions import PairedDifference, clustered_stderr, wilson_interval

__all__ = [
    "exact_mcnemar",
    "mean_change",
    "paired_change",
    "share_change",
    "sign_flip",
    "wilson_bounds",
]

Array = NDArray[np.float64]

_ENUMERATED = 13  # up to so many differing rows, all sign patterns are gone through
_FEW_SIZES = 64  # up to so many distinct sizes, signs are counted instead of drawn
_BLOCK = 1 << 21  # numbers held at once: 16 MB


def exact_mcnemar(lost: int, gained: int) -> float:
    """Return the two-sided exact p-value of McNemar's test from its two counts.

    Parameters
    ----------
    lost, gained : int
        Rows that went from right to wrong, and from wrong to right; at least 0.

    Raises
    ------
    DataError
        If a count is negative.

    Notes
    -----
    ``min(1, 2 P[Binomial(lost + gained, 1/2) <= min(lost, gained)])``, as `longwave.predictions.mcnemar`. The
    tail is summed from its largest term down to 1e-17 of it, in floating point: O(sqrt(n)) steps, relative
    error about 1e-10 at a million rows.

    Examples
    --------
    >>> round(exact_mcnemar(1, 6), 6)
    0.125
    """
    if lost < 0 or gained < 0:
        raise DataError(f"{lost} lost and {gained} gained rows; accepted are counts of 0 and more.")
    n, k = lost + gained, min(lost, gained)
    if not n:
        return 1.0
    largest = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2.0)
    total = term = 1.0
    for i in range(k, 0, -1):
        term *= i / (n - i + 1)
        total += term
        if term < 1e-17 * total:
            break
    return min(1.0, 2.0 * math.exp(largest) * total)


def share_change(
    both: int, lost: int, gained: int, neither: int, *, confidence: float = 0.95
) -> PairedDifference:
    """Compare two shares on the same rows, from the table of both outcomes.

    Parameters
    ----------
    both, lost, gained, neither : int
        Rows right at both dates, at the first only, at the second only, at none.
    confidence : float
        Between 0 and 1, both excluded.

    Returns
    -------
    PairedDifference
        ``estimate = (gained - lost) / n``; exact McNemar p-value.

    Raises
    ------
    DataError
        If there is no row, or a count is negative.
    ConfigError
        If ``confidence`` is not between 0 and 1.

    Notes
    -----
    Newcombe's interval: with Wilson bounds ``l, u`` of both shares ``p, q`` and their correlation φ, the
    lower end is ``Δ - sqrt((q-l_q)² - 2φ(q-l_q)(u_p-p) + (u_p-p)²)``, the upper one likewise. It keeps a
    width where no row changed.

    References
    ----------
    R. G. Newcombe, Statistics in Medicine 17 (1998) 2635-2650, method 10.
    """
    n = both + lost + gained + neither
    if min(both, lost, gained, neither) < 0:
        raise DataError(f"A count of {(both, lost, gained, neither)} is negative; accepted are 0 and more.")
    first = wilson_interval(both + lost, n, confidence=confidence)
    second = wilson_interval(both + gained, n, confidence=confidence)
    phi = _correlation(both, lost, gained, neither)
    change = (gained - lost) / n
    down, up = second.estimate - second.low, first.high - first.estimate
    low = change - math.sqrt(max(0.0, down * down - 2 * phi * down * up + up * up))
    rise, fall = second.high - second.estimate, first.estimate - first.low
    high = change + math.sqrt(max(0.0, rise * rise - 2 * phi * rise * fall + fall * fall))
    return PairedDifference(
        estimate=change,
        low=max(-1.0, low),
        high=min(1.0, high),
        confidence=confidence,
        p_value=exact_mcnemar(lost, gained),
        n=n,
    )


def mean_change(
    before: ArrayLike,
    after: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    confidence: float = 0.95,
    n_resamples: int = 9999,
    seed: int = 0,
) -> PairedDifference:
    """Compare two means on the same rows: normal interval, and a sign-flip test.

    Parameters
    ----------
    before, after : array_like, shape (n,)
        Finite values, row by row.
    clusters : array_like, shape (n,), optional
        What was drawn, where rows were not drawn one by one: the speaker of each recording, the document of
        each sentence.
    confidence : float
        Between 0 and 1, both excluded.
    n_resamples, seed : int
        Of the test, see `sign_flip`.

    Returns
    -------
    PairedDifference
        ``estimate`` is the mean of ``after - before``; a single row has an interval of width 0, a single
        cluster bounds of NaN, for nothing is known of others.

    Raises
    ------
    ShapeError
        If the two differ in length.
    DataError
        If there is no row, or a value is not finite.

    Notes
    -----
    ``d ± z s / sqrt(n)`` with the mean d and the standard deviation s of the differences; with clusters, ``d
    ± z`` times `longwave.predictions.clustered_stderr`, and the signs of whole clusters are flipped.
    """
    difference = _differences(before, after)
    n, mean = len(difference), float(difference.mean())
    if clusters is None:
        spread = float(difference.std(ddof=1)) / math.sqrt(n) if n > 1 else 0.0
        units = difference
    else:
        _, place = np.unique(np.asarray(clusters), return_inverse=True)
        units = np.asarray(np.bincount(place, weights=difference), dtype=np.float64)
        spread = clustered_stderr(difference, place) if len(units) > 1 else math.nan
    half = _z(confidence) * spread
    return PairedDifference(
        estimate=mean,
        low=mean - half,
        high=mean + half,
        confidence=confidence,
        p_value=sign_flip(units, n_resamples=n_resamples, seed=seed),
        n=n,
    )


def paired_change(
    before: ArrayLike,
    after: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    confidence: float = 0.95,
    n_resamples: int = 9999,
    seed: int = 0,
) -> PairedDifference:
    """Compare scores on the same rows: `share_change` where all are 0 or 1, else `mean_change`.

    With clusters it is always `mean_change`: exact tests of rows take them to be independent.
    """
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    _differences(first, second)
    if clusters is not None or not (_is_binary(first) and _is_binary(second)):
        return mean_change(
            first, second, clusters=clusters, confidence=confidence, n_resamples=n_resamples, seed=seed
        )
    counts = np.bincount((2 * first + second).astype(np.intp), minlength=4)
    neither, gained, lost, both = (int(count) for count in counts)
    return share_change(both, lost, gained, neither, confidence=confidence)


def wilson_bounds(successes: ArrayLike, n: ArrayLike, *, confidence: float = 0.95) -> tuple[Array, Array]:
    """Return the ends of Wilson's interval for many shares at once.

    Parameters
    ----------
    successes, n : array_like
        Whole numbers, ``0 <= successes <= n``, ``n >= 1``.
    confidence : float

    Raises
    ------
    DataError
        If a share is none.

    Notes
    -----
    `longwave.predictions.wilson_interval`, which has the formula, by arrays.
    """
    k, size = np.asarray(successes, dtype=np.float64), np.asarray(n, dtype=np.float64)
    if not ((size >= 1) & (k >= 0) & (k <= size)).all():
        raise DataError("A count of successes is not between 0 and its n >= 1. Leave empty sets out.")
    z, share = _z(confidence), k / size
    centre = (share + z * z / (2 * size)) / (1 + z * z / size)
    half = z * np.sqrt(share * (1 - share) / size + z * z / (4 * size * size)) / (1 + z * z / size)
    low, high = np.maximum(0.0, centre - half), np.minimum(1.0, centre + half)
    return np.where(k == 0, 0.0, low), np.where(k == size, 1.0, high)


def sign_flip(differences: ArrayLike, *, n_resamples: int = 9999, seed: int = 0) -> float:
    """Return the two-sided p-value of "differences are as often negative as positive", by flipping signs.

    Parameters
    ----------
    differences : array_like, shape (n,)
        Paired differences; those that are 0 say nothing.
    n_resamples : int
        Random sign patterns; with up to 13 differences that are not 0, all patterns are enumerated instead.
    seed : int
        Seeds the patterns.

    Raises
    ------
    ConfigError
        If ``n_resamples`` is less than 1.

    Notes
    -----
    The share of sign patterns whose sum is as far from 0 as the one observed, with one added to both counts
    where patterns are drawn, so that it is never 0. Up to 64 distinct sizes are flipped together by binomial
    draws in time O(n_resamples · sizes), else one by one in O(n_resamples · n), in blocks of 16 MB.

    References
    ----------
    R. A. Fisher, The Design of Experiments (1935), section 21.

    Examples
    --------
    >>> sign_flip([0.5, 0.5, 1.0])
    0.25
    """
    if n_resamples < 1:
        raise ConfigError(f"n_resamples is {n_resamples}; accepted are 1 and more.")
    values = np.asarray(differences, dtype=np.float64)
    values = values[values != 0]
    if not len(values):
        return 1.0
    observed = abs(float(values.sum()))
    slack = 1e-12 * float(np.abs(values).sum())  # sums in another order differ in the last digit
    if len(values) <= _ENUMERATED:
        patterns = 1 - 2 * ((np.arange(2 ** len(values))[:, None] >> np.arange(len(values))) & 1)
        return float((np.abs(patterns @ values) >= observed - slack).mean())
    sums = _flipped_sums(values, n_resamples, np.random.default_rng(seed))
    return (1 + int((np.abs(sums) >= observed - slack).sum())) / (1 + n_resamples)


def _flipped_sums(values: Array, n_resamples: int, rng: np.random.Generator) -> Array:
    """Return the sums of the values under random signs, (n_resamples,)."""
    sizes, counts = np.unique(np.abs(values), return_counts=True)
    if len(sizes) <= _FEW_SIZES:
        return np.asarray((2 * rng.binomial(counts, 0.5, (n_resamples, len(sizes))) - counts) @ sizes)
    rows, sums = max(1, _BLOCK // len(values)), []
    for start in range(0, n_resamples, rows):
        shape = (min(rows, n_resamples - start), -(-len(values) // 8))
        bits = np.unpackbits(rng.integers(0, 256, size=shape, dtype=np.uint8), axis=1, count=len(values))
        sums.append(2 * (bits.astype(np.float64) @ values) - values.sum())
    return np.concatenate(sums)


def _correlation(both: int, lost: int, gained: int, neither: int) -> float:
    """Return φ of Newcombe's method 10, whose covariance is drawn to 0 by half a row."""
    margins = math.prod((both + lost, gained + neither, both + gained, lost + neither))
    covariance = float(both * neither - lost * gained)
    if covariance > 0:
        covariance = max(0.0, covariance - (both + lost + gained + neither) / 2)
    return covariance / math.sqrt(margins) if margins else 0.0


def _differences(before: ArrayLike, after: ArrayLike) -> Array:
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if first.ndim != 1 or first.shape != second.shape:
        raise ShapeError(
            f"before has shape {first.shape} and after {second.shape}; accepted is one axis of equal length. "
            "Join the two runs by row."
        )
    if not len(first):
        raise DataError("There are no rows; a change needs at least 1. Leave empty groups out.")
    difference = second - first
    if not np.isfinite(difference).all():
        raise DataError(
            f"A difference is {difference[~np.isfinite(difference)][0]}; accepted are finite numbers. "
            "Drop rows without a value."
        )
    return np.asarray(difference, dtype=np.float64)


def _is_binary(values: Array) -> bool:
    return bool(((values == 0) | (values == 1)).all())


def _z(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ConfigError(
            f"confidence is {confidence}; accepted are values between 0 and 1, for example 0.95."
        )
    return NormalDist().inv_cdf((1 + confidence) / 2)

"""Intervals, tests and standard errors for what a table of predictions shows; numpy only.

Instances are the units that were drawn: where one instance has several rows (trials, prompts, dates), cluster
by it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from longwave.errors import ConfigError, DataError, ShapeError
from longwave.predictions._resampling import Array, Statistic, bca_tails, mean, resample

__all__ = [
    "Interval",
    "McNemar",
    "PairedDifference",
    "bootstrap_interval",
    "clustered_stderr",
    "holm",
    "mcnemar",
    "paired_bootstrap",
    "wilson_interval",
]


@dataclass(frozen=True, kw_only=True)
class Interval:
    """An estimate with its confidence interval."""

    estimate: float
    low: float
    high: float
    confidence: float = 0.95


@dataclass(frozen=True, kw_only=True)
class PairedDifference(Interval):
    """Mean difference of paired values, its interval, and the p-value of "no difference" (two-sided)."""

    p_value: float
    n: int


@dataclass(frozen=True, kw_only=True)
class McNemar:
    """Result of McNemar's test: instances that only one of the two got right, and the two-sided p-value."""

    first_only: int
    second_only: int
    p_value: float


def wilson_interval(successes: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Bound a share of successes by Wilson's score interval.

    Parameters
    ----------
    successes, n : int
        ``0 <= successes <= n``, ``n >= 1``.
    confidence : float
        Between 0 and 1, both excluded.

    Raises
    ------
    DataError
        If ``n`` is 0 or ``successes`` is not among ``0..n``.
    ConfigError
        If ``confidence`` is not between 0 and 1.

    Notes
    -----
    ``(p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)``. Unlike ``p ± z·stderr`` it stays in [0, 1] and
    keeps a width at 0 and at n successes.

    References
    ----------
    E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209-212.

    Examples
    --------
    >>> interval = wilson_interval(8, 10)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.49, 0.943)
    """
    if n < 1 or not 0 <= successes <= n:
        raise DataError(
            f"{successes} successes of {n} are no share; accepted are 0 to n of n >= 1. Leave empty sets out."
        )
    z = _z(confidence)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # at the ends the formula gives exactly 0 and 1 but for rounding
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(estimate=share, low=low, high=high, confidence=confidence)


def bootstrap_interval(
    values: ArrayLike,
    statistic: Statistic | None = None,
    *,
    confidence: float = 0.95,
    n_resamples: int = 2000,
    method: Literal["percentile", "bca"] = "percentile",
    seed: int = 0,
) -> Interval:
    """Bound a statistic of independent values by resampling them with replacement.

    Parameters
    ----------
    values : array_like, shape (n,)
        One value an instance; average trials of an instance first.
    statistic : callable, optional
        Maps resamples ``(R, n)`` to values ``(R,)``, for example ``lambda x: np.median(x, axis=-1)``; default
        the mean.
    confidence : float
        Between 0 and 1, both excluded.
    n_resamples : int
        At least 1; the Monte Carlo error of a bound falls with its root.
    method : {"percentile", "bca"}
        BCa corrects bias and skewness; it costs n more evaluations of the statistic.
    seed : int
        Seeds the resampling.

    Raises
    ------
    DataError
        If there is no value, or one is not finite.
    ConfigError
        If ``confidence``, ``n_resamples`` or ``method`` is none of the accepted.
    ShapeError
        If ``values`` has more than one axis.

    Notes
    -----
    Time and memory O(n_resamples · n), in blocks of 16 MB; the mean of values with few distinct ones (such as
    0 and 1) draws their counts from the multinomial instead, in O(n_resamples · distinct). A single value or
    equal values give an interval of width 0.

    References
    ----------
    B. Efron, J. Am. Stat. Assoc. 82 (1987) 171-185, for BCa.
    """
    data = _vector(values, "values")
    if n_resamples < 1:
        raise ConfigError(f"n_resamples is {n_resamples}; accepted are 1 and more.")
    if method not in ("percentile", "bca"):
        raise ConfigError(f'Unknown bootstrap method "{method}". Known: bca, percentile.')
    tail = (1 - _checked(confidence)) / 2
    apply = statistic or mean
    estimate = float(apply(data[None])[0])
    draws = resample(data, statistic, n_resamples, np.random.default_rng(seed))
    tails = (tail, 1 - tail)
    if method == "bca":
        tails = bca_tails(data, apply, estimate, draws, tail)
    low, high = np.quantile(draws, tails)
    return Interval(estimate=estimate, low=float(low), high=float(high), confidence=confidence)


def paired_bootstrap(
    first: ArrayLike, second: ArrayLike, *, confidence: float = 0.95, n_resamples: int = 2000, seed: int = 0
) -> PairedDifference:
    """Compare two models on the same instances: mean difference, percentile interval and p-value.

    Parameters
    ----------
    first, second : array_like, shape (n,)
        Scores of the two models, instance by instance.
    confidence, n_resamples, seed
        As in `bootstrap_interval`.

    Returns
    -------
    PairedDifference
        ``estimate`` is the mean of ``first - second``.

    Raises
    ------
    ShapeError
        If the two differ in length.
    DataError, ConfigError
        As in `bootstrap_interval`.

    Notes
    -----
    The p-value is the share of resamples, centred on no difference, whose mean is at least as far from 0 as
    the one observed, with one added to both counts so that it is never 0.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 16.4.
    """
    a, b = _pair(first, second)
    difference = a - b
    interval = bootstrap_interval(difference, confidence=confidence, n_resamples=n_resamples, seed=seed)
    draws = resample(difference, None, n_resamples, np.random.default_rng(seed))
    # sums in another order differ in the last digit; a tie must count as "as far"
    slack = 1e-12 * max(1.0, float(np.abs(difference).max()))
    extreme = np.abs(draws - interval.estimate) >= abs(interval.estimate) - slack
    return PairedDifference(
        estimate=interval.estimate,
        low=interval.low,
        high=interval.high,
        confidence=confidence,
        p_value=float((1 + extreme.sum()) / (1 + n_resamples)),
        n=len(difference),
    )


def mcnemar(
    first: ArrayLike, second: ArrayLike, *, method: Literal["exact", "corrected"] = "exact"
) -> McNemar:
    """Test whether two models are right equally often, by the instances on which they differ.

    Parameters
    ----------
    first, second : array_like of bool, shape (n,)
        Whether each model was right, instance by instance.
    method : {"exact", "corrected"}
        Binomial test, or chi-squared with continuity correction (Edwards), good from about 25 differing
        instances.

    Raises
    ------
    ShapeError
        If the two differ in length.
    DataError
        If there is no instance, or a value is neither 0 nor 1.
    ConfigError
        If the method is none of the two.

    Notes
    -----
    With b and c instances that only one got right: ``p = min(1, 2 P[Binomial(b + c, 1/2) <= min(b, c)])``, or
    ``chi² = (|b - c| - 1)² / (b + c)`` with one degree of freedom. p is 1 when b = c = 0.

    References
    ----------
    Q. McNemar, Psychometrika 12 (1947) 153-157.
    """
    a, b = _pair(first, second)
    if not (np.isin(a, (0.0, 1.0)).all() and np.isin(b, (0.0, 1.0)).all()):
        raise DataError(
            "McNemar's test compares right and wrong (1 and 0) only. Use paired_bootstrap for other scores."
        )
    only_a, only_b = int((a > b).sum()), int((b > a).sum())
    if method == "exact":
        p = _binomial_p(min(only_a, only_b), only_a + only_b)
    elif method == "corrected":
        excess = max(0, abs(only_a - only_b) - 1)
        p = math.erfc(excess / math.sqrt(2 * (only_a + only_b))) if excess else 1.0
    else:
        raise ConfigError(f'Unknown method "{method}" of McNemar\'s test. Known: corrected, exact.')
    return McNemar(first_only=only_a, second_only=only_b, p_value=p)


def holm(p_values: ArrayLike) -> Array:
    """Correct p-values for the number of tests by Holm's step-down method.

    Parameters
    ----------
    p_values : array_like, shape (m,)
        Values in [0, 1]; may be empty.

    Returns
    -------
    ndarray, shape (m,)
        Corrected values in the order given; reject those below the level to keep the chance of any false
        rejection below it, whatever the dependence of the tests.

    Raises
    ------
    DataError
        If a value is not in [0, 1].

    References
    ----------
    S. Holm, Scandinavian J. of Statistics 6 (1979) 65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=np.float64).reshape(-1)
    if not ((p >= 0) & (p <= 1)).all():
        raise DataError(
            f"A p-value of {p[~((p >= 0) & (p <= 1))][0]} is outside [0, 1]. Leave out tests without a value."
        )
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(steps, 1.0)
    return corrected


def clustered_stderr(values: ArrayLike, clusters: ArrayLike) -> float:
    """Return the standard error of a mean whose values come in dependent clusters.

    Parameters
    ----------
    values : array_like, shape (n,)
    clusters : array_like, shape (n,)
        Cluster of each value, for example its instance or its passage; at least two clusters.

    Raises
    ------
    ShapeError
        If the two differ in length.
    DataError
        If there are fewer than two clusters, or a value is not finite.

    Notes
    -----
    ``sqrt(G/(G-1) · sum_g (sum_{i in g} (x_i - mean))²) / n`` with G clusters. With one value a cluster this
    is the usual ``s / sqrt(n)``.

    References
    ----------
    Eq. 4 of arXiv 2411.00640, with the factor G/(G-1) for few clusters.
    """
    data = _vector(values, "values")
    names = np.asarray(clusters).reshape(-1)
    if len(names) != len(data):
        raise ShapeError(f"{len(data)} values but {len(names)} clusters; give one cluster a value.")
    _, index = np.unique(names, return_inverse=True)
    n_clusters = int(index.max()) + 1
    if n_clusters < 2:
        raise DataError("A standard error needs at least 2 clusters, got 1. Evaluate more instances.")
    sums = np.bincount(index, weights=data - data.mean())
    return float(math.sqrt(n_clusters / (n_clusters - 1) * (sums**2).sum()) / len(data))


def _binomial_p(k: int, n: int) -> float:
    """Return ``min(1, 2 P[Binomial(n, 1/2) <= k])``, in whole numbers so that no large n overflows."""
    term = total = 1
    for i in range(k):
        term = term * (n - i) // (i + 1)
        total += term
    return min(1.0, 2 * total / 2**n) if n else 1.0


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + _checked(confidence)) / 2)


def _checked(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ConfigError(
            f"confidence is {confidence}; accepted are values between 0 and 1, for example 0.95."
        )
    return confidence


def _vector(values: ArrayLike, name: str) -> Array:
    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 1:
        raise ShapeError(
            f"{name} have shape {data.shape}; accepted is one axis. Flatten them or average an axis."
        )
    if not len(data):
        raise DataError(f"There are no {name}; a statistic needs at least 1. Leave empty sets out.")
    if not np.isfinite(data).all():
        raise DataError(
            f"{name} hold {data[~np.isfinite(data)][0]}; accepted are finite numbers. Drop missing ones."
        )
    return data


def _pair(first: ArrayLike, second: ArrayLike) -> tuple[Array, Array]:
    a, b = _vector(first, "values of the first model"), _vector(second, "values of the second model")
    if len(a) != len(b):
        raise ShapeError(
            f"{len(a)} values of the first model but {len(b)} of the second; join them by instance."
        )
    return a, b

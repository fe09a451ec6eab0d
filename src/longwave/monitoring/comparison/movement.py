"""Numbers that moved between two runs on the same rows: confidence, latency, cost, length of answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from longwave.errors import DataError
from longwave.monitoring.paired import PairedRows, mean_change
from longwave.predictions import PairedDifference

__all__ = [
    "MEASURED",
    "MOVEMENT",
    "ConfidenceMovement",
    "confidence_movement",
    "kolmogorov_smirnov",
    "number_drift",
]

Array = NDArray[np.float64]

MEASURED = ("latency_s", "cost_usd", "answer_chars", "tokens_out")
QUANTILES = {"median": 0.5, "p95": 0.95}
_BLOCK = 1 << 21  # numbers held at once: 16 MB

MOVEMENT = pl.Schema(
    {
        "column": pl.String(),
        "statistic": pl.String(),
        "n": pl.Int64(),
        "before": pl.Float64(),
        "after": pl.Float64(),
        "change": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "p_value": pl.Float64(),
    }
)


@dataclass(frozen=True, kw_only=True)
class ConfidenceMovement:
    """How confidence moved.

    Parameters
    ----------
    overall : PairedDifference
        ``CM = mean(c_after - c_before)``.
    same_label : PairedDifference or None
        The same over the rows whose prediction did not change; None where there are none.
    changed_label : PairedDifference or None
        Over the others.
    ks : float
        Largest distance between the two distribution functions.
    """

    overall: PairedDifference
    same_label: PairedDifference | None
    changed_label: PairedDifference | None
    ks: float


def confidence_movement(
    pair: PairedRows, *, confidence: float = 0.95, n_resamples: int = 999, seed: int = 0
) -> ConfidenceMovement | None:
    """Compare the confidences of two runs; None where one has none."""
    both = pair.column("confidence")
    if both is None:
        return None
    known = ~(np.isnan(both[0]) | np.isnan(both[1]))
    if not known.any():
        return None
    first, second = (values[known] for values in both)
    is_same = pair.overlap[known] == 1

    def over(rows: NDArray[np.bool_]) -> PairedDifference | None:
        if not rows.any():
            return None
        return mean_change(
            first[rows], second[rows], confidence=confidence, n_resamples=n_resamples, seed=seed
        )

    return ConfidenceMovement(
        overall=mean_change(first, second, confidence=confidence, n_resamples=n_resamples, seed=seed),
        same_label=over(is_same),
        changed_label=over(~is_same),
        ks=kolmogorov_smirnov(first, second),
    )


def kolmogorov_smirnov(first: ArrayLike, second: ArrayLike) -> float:
    """Return the largest distance between the distribution functions of two samples.

    Parameters
    ----------
    first, second : array_like, shapes (n,) and (m,)
        Finite values; they need not be paired.

    Raises
    ------
    DataError
        If a sample is empty.

    Examples
    --------
    >>> kolmogorov_smirnov([0.1, 0.2], [0.2, 0.3])
    0.5
    """
    a, b = (np.sort(np.asarray(values, dtype=np.float64).reshape(-1)) for values in (first, second))
    if not len(a) or not len(b):
        raise DataError(f"The samples have {len(a)} and {len(b)} values; accepted are 1 and more in each.")
    points = np.concatenate([a, b])
    below = [np.searchsorted(values, points, side="right") / len(values) for values in (a, b)]
    return float(np.abs(below[0] - below[1]).max())


def number_drift(
    pair: PairedRows,
    columns: Sequence[str] = MEASURED,
    *,
    confidence: float = 0.95,
    n_resamples: int = 999,
    seed: int = 0,
) -> pl.DataFrame:
    """Compare measured numbers of two runs: mean, median and 95th percentile.

    Parameters
    ----------
    pair : PairedRows
    columns : sequence of str
        Those that a run lacks are passed over.
    confidence : float
    n_resamples, seed : int
        Of the sign-flip test of means, and of the bootstrap over rows behind the quantiles' intervals.

    Returns
    -------
    DataFrame
        See `MOVEMENT`. The interval of a mean is `mean_change`'s; that of a quantile is of percentiles and
        has no test. Rows that lack a value at one date are left out.
    """
    found: list[dict[str, object]] = []
    for name in columns:
        both = pair.column(name)
        if both is None:
            continue
        known = ~(np.isnan(both[0]) | np.isnan(both[1]))
        if not known.any():
            continue
        first, second = (values[known] for values in both)
        change = mean_change(first, second, confidence=confidence, n_resamples=n_resamples, seed=seed)
        shared = {"column": name, "n": change.n}
        found.append(
            {
                **shared,
                "statistic": "mean",
                "before": float(first.mean()),
                "after": float(second.mean()),
                "change": change.estimate,
                "low": change.low,
                "high": change.high,
                "p_value": change.p_value,
            }
        )
        found.extend({**shared, **row} for row in _quantiles(first, second, confidence, n_resamples, seed))
    return pl.DataFrame(found, schema=MOVEMENT)


def _quantiles(
    first: Array, second: Array, confidence: float, n_resamples: int, seed: int
) -> list[dict[str, object]]:
    rng, shares = np.random.default_rng(seed), list(QUANTILES.values())
    rows = max(1, _BLOCK // len(first))
    draws = []
    for start in range(0, n_resamples, rows):
        index = rng.integers(0, len(first), size=(min(rows, n_resamples - start), len(first)))
        draws.append(np.quantile(second[index], shares, axis=1) - np.quantile(first[index], shares, axis=1))
    bounds = np.quantile(
        np.concatenate(draws, axis=1), ((1 - confidence) / 2, (1 + confidence) / 2), axis=1
    )  # (2, quantiles)
    before, after = np.quantile(first, shares), np.quantile(second, shares)
    return [
        {
            "statistic": name,
            "before": float(before[i]),
            "after": float(after[i]),
            "change": float(after[i] - before[i]),
            "low": float(bounds[0, i]),
            "high": float(bounds[1, i]),
        }
        for i, name in enumerate(QUANTILES)
    ]

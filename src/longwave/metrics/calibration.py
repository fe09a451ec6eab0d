"""Calibration: a confidence of 0.8 should be right in 8 of 10 cases, and confident answers more often.

Where we differ from the reference code of arXiv 2211.09110, ``compat="helm"`` gives its numbers:

* ``correct`` is cast to int there, so that credit shared by ties counts as 0; here it counts in part;
* equal confidences stay in the order of the rows there; here each counts with their mean;
* the most confident tenth is ``floor(0.1 n) + 1`` answers there, ``ceil(0.1 n)`` here;
* where all answers are right, or all wrong, errors after Platt scaling are 0 there, unknown here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from longwave.errors import ConfigError
from longwave.metrics._confidences import checked_confidences
from longwave.metrics.base import TableMetric
from longwave.metrics.platt import fit_platt_scaling
from longwave.metrics.tidy import CLUSTER, collect, groups_of, originals, require, tidy_row

__all__ = [
    "FEW",
    "bin_confidences",
    "expected_calibration_error",
    "selective_accuracy",
    "selective_accuracy_curve",
    "selective_coverage_area",
    "summarize_calibration",
]

Array = NDArray[np.float64]
Compat = Literal["helm"] | None

FEW = 300  # rows of a trial; below, a calibration error is mostly noise


def bin_confidences(confidence: ArrayLike, *, bins: int = 10) -> NDArray[np.intp]:
    """Put confidences into bins of equal count; equal confidences share a bin.

    Parameters
    ----------
    confidence : array_like, shape (n,)
        Probabilities in [0, 1], in any order.
    bins : int
        Bins at most, at least 1.

    Returns
    -------
    ndarray, shape (n,)
        The bin of each confidence, counted from 0 at the lowest. Ties can leave a bin empty.

    Raises
    ------
    ShapeError
        If there is more than one axis.
    DataError
        If there is no value, or one is outside [0, 1].
    ConfigError
        If ``bins`` is less than 1.

    Notes
    -----
    Sorted confidences are cut into ``min(bins, n)`` runs whose lengths differ by at most one, longer ones
    first. Edges lie halfway between runs, the last at 1, equal edges merged; each point belongs to the first
    edge not below it. O(n log n).

    References
    ----------
    Binning of arXiv 1909.10155 (``get_equal_bins``).

    Examples
    --------
    >>> bin_confidences([0.5, 0.9, 0.5, 0.9], bins=2).tolist()
    [0, 1, 0, 1]
    """
    p, _ = checked_confidences(confidence, np.zeros(np.shape(confidence)))
    _check_bins(bins)
    return _bins_of(p, bins)


def expected_calibration_error(
    confidence: ArrayLike, correct: ArrayLike, *, bins: int = 10, compat: Compat = None
) -> float:
    """Return the mean distance between confidence and accuracy over bins of equal count.

    Parameters
    ----------
    confidence : array_like, shape (n,)
        Probabilities in [0, 1].
    correct : array_like, shape (n,)
        1 where the prediction was right, else 0; shares (credit for ties) are accepted.
    bins : int
        At least 1. One bin gives ``|mean confidence - accuracy|``.
    compat : {"helm"}, optional
        Cut shares of ``correct`` to 0 as the reference code does.

    Raises
    ------
    ShapeError
        If the two differ in length.
    DataError
        If there is no value, or one is outside [0, 1].
    ConfigError
        If ``bins`` is less than 1 or ``compat`` is unknown.

    Notes
    -----
    ``ECE = sum_b n_b/n · |mean confidence_b - mean correct_b|`` over the bins of `bin_confidences`.
    O(n log n).

    References
    ----------
    Section 4.3 of arXiv 2211.09110.

    Examples
    --------
    >>> round(expected_calibration_error([0.5, 0.5, 0.9, 0.9], [1, 0, 1, 1], bins=2), 9)
    0.05
    """
    p, y = _outcomes(confidence, correct, compat)
    _check_bins(bins)
    return _binned_error(p, y, bins)


def selective_accuracy_curve(confidence: ArrayLike, correct: ArrayLike, *, compat: Compat = None) -> Array:
    """Return the accuracy of the k most confident predictions for k = 1..n.

    Parameters
    ----------
    confidence, correct
        As in `expected_calibration_error`.
    compat : {"helm"}, optional
        Keep the order of the rows among equal confidences, and cut shares of ``correct`` to 0.

    Returns
    -------
    ndarray, shape (n,)

    Raises
    ------
    ShapeError, DataError, ConfigError
        As `expected_calibration_error`.

    Notes
    -----
    Among equal confidences the order is unknown, so each counts with their mean: the expectation over all
    orders. O(n log n).
    """
    return _curve(*_outcomes(confidence, correct, compat), compat)


def selective_coverage_area(confidence: ArrayLike, correct: ArrayLike, *, compat: Compat = None) -> float:
    """Return the area under the selective accuracy: the mean of `selective_accuracy_curve` over k = 1..n."""
    return float(selective_accuracy_curve(confidence, correct, compat=compat).mean())


def selective_accuracy(
    confidence: ArrayLike,
    correct: ArrayLike,
    *,
    coverage: float = 0.1,
    indexing: Literal["ceil", "helm"] = "ceil",
    compat: Compat = None,
) -> float:
    """Return the accuracy on the most confident share of the predictions.

    Parameters
    ----------
    confidence, correct
        As in `expected_calibration_error`.
    coverage : float
        Share that is answered, in (0, 1].
    indexing : {"ceil", "helm"}
        Keep ``ceil(coverage · n)`` predictions, or ``floor(coverage · n) + 1`` (at most n) as the reference
        code does.
    compat : {"helm"}, optional
        As in `selective_accuracy_curve`; indexing is "helm" then.

    Raises
    ------
    ShapeError, DataError
        As `expected_calibration_error`.
    ConfigError
        If ``coverage``, ``indexing`` or ``compat`` is none of the accepted.
    """
    curve = selective_accuracy_curve(confidence, correct, compat=compat)
    if not 0 < coverage <= 1:
        raise ConfigError(
            f"coverage is {coverage}; accepted are shares above 0 and up to 1, for example 0.1."
        )
    if indexing not in ("ceil", "helm"):
        raise ConfigError(f'Unknown indexing "{indexing}". Known: ceil, helm.')
    return float(curve[_kept(len(curve), coverage, compat or indexing) - 1])


def summarize_calibration(
    frame: pl.DataFrame,
    by: Sequence[str] = (),
    *,
    bins: int = 10,
    n_resamples: int = 200,
    seed: int = 0,
    compat: Compat = None,
) -> pl.DataFrame:
    """Compute the calibration metrics of each group from the ``confidence`` and ``correct`` columns.

    Parameters
    ----------
    frame : DataFrame
        Rows of the predictions table; perturbed ones count only when ``by`` holds ``"perturbation"``, rows
        without confidence or outcome never. A group whose ``logprob`` is nowhere negative is skipped: its
        model did not tell probabilities.
    by : sequence of str
        Grouping columns.
    bins : int
        Bins of the calibration error.
    n_resamples, seed : int
        Of the bootstrap over instances behind ``stderr``.
    compat : {"helm"}, optional
        The reference code's numbers, see the top of `longwave.metrics.calibration`.

    Returns
    -------
    DataFrame
        See `longwave.metrics.TIDY`; metrics ``expected_calibration_error``,
        ``expected_calibration_error_1_bin``, ``selective_coverage_area``, ``selective_accuracy_10`` and,
        after Platt scaling (fitted on the same rows, so optimistic), ``platt_slope``, ``platt_intercept``,
        ``platt_calibration_error``, ``platt_calibration_error_1_bin``. The last four are null where nothing
        can be fitted. Metric ``calibration_rows`` holds the rows of the smallest trial: below ``FEW`` (300)
        a calibration error is mostly noise, and always biased upwards.

    Raises
    ------
    TableError
        If a column is missing.
    ConfigError
        If ``compat`` is unknown.

    Notes
    -----
    Computed per trial, then averaged, as arXiv 2211.09110 does. Every trial is resampled alike. The interval
    is ``value ± 1.96 stderr``, cut at the metric's bounds. The column ``correct`` knows full marks only:
    shared credit is wrong there, as in the reference code.
    """
    _check_compat(compat)
    require(frame, [*by, *CLUSTER, "trial", "confidence", "correct"])
    rows = originals(frame, by).filter(pl.col("confidence").is_not_null() & pl.col("correct").is_not_null())
    found: list[dict[str, object]] = []
    for key, group in groups_of(rows, by):
        if not _tells_probabilities(group):
            continue
        trials = [_arrays(part) for _, part in groups_of(group, ["trial"])]
        shared = {**key, "n": len(group)}
        found.extend({**shared, **row} for row in _sampled_rows(trials, bins, n_resamples, seed, compat))
        found.extend({**shared, **row} for row in _platt_rows(trials, bins, compat))
        found.append({**shared, **tidy_row("calibration_rows", min(len(p) for p, _ in trials), None)})
    return collect(found, frame, by)


def _tells_probabilities(rows: pl.DataFrame) -> bool:
    """Tell whether any log-probability is negative, or none is known: the confidences are from elsewhere."""
    known = rows["logprob"].drop_nulls() if "logprob" in rows.columns else pl.Series(dtype=pl.Float64)
    return not len(known) or bool((known < 0).any())


def _arrays(rows: pl.DataFrame) -> tuple[Array, Array]:
    ordered = rows.sort(CLUSTER)  # equal in all trials, so that one seed resamples them alike
    return ordered["confidence"].to_numpy(), ordered["correct"].cast(pl.Float64).to_numpy()


def _sampled_rows(
    trials: Sequence[tuple[Array, Array]], bins: int, n_resamples: int, seed: int, compat: Compat
) -> list[dict[str, object]]:
    values = np.mean([_statistics(p, y, bins, compat) for p, y in trials], axis=0)
    draws = np.mean([_resampled(p, y, bins, n_resamples, seed, compat) for p, y in trials], axis=0)
    has_spread = min(len(p) for p, _ in trials) > 1
    stderr = draws.std(axis=0, ddof=1) if has_spread else [None] * len(values)
    return [
        tidy_row(name, float(value), None if error is None else float(error), bounds=(0.0, 1.0))
        for name, value, error in zip(_SAMPLED, values, stderr, strict=True)
    ]


_SAMPLED = (
    "expected_calibration_error",
    "expected_calibration_error_1_bin",
    "selective_coverage_area",
    "selective_accuracy_10",
)


def _statistics(p: Array, y: Array, bins: int, compat: Compat) -> Array:
    curve = _curve(p, y, compat)
    tenth = curve[_kept(len(p), 0.1, compat or "ceil") - 1]
    return np.array([_binned_error(p, y, bins), abs(p.mean() - y.mean()), curve.mean(), tenth])


def _resampled(p: Array, y: Array, bins: int, n_resamples: int, seed: int, compat: Compat) -> Array:
    rng = np.random.default_rng(seed)
    order = np.argsort(-p, kind="stable")
    place = np.argsort(order)
    p, y = p[order], y[order]
    draws = np.empty((n_resamples, len(_SAMPLED)))
    for row in draws:
        # drawn by instance, so that trials are drawn alike; kept in order, for sorted is sorted fast
        drawn = place[rng.integers(0, len(p), size=len(p))]
        index = np.repeat(np.arange(len(p)), np.bincount(drawn, minlength=len(p)))
        row[:] = _statistics(p[index], y[index], bins, compat)
    return draws


def _platt_rows(trials: Sequence[tuple[Array, Array]], bins: int, compat: Compat) -> list[dict[str, object]]:
    lines: list[tuple[float, float]] = []
    errors: list[tuple[float, float]] = []
    for p, y in trials:
        scaling = fit_platt_scaling(p, y)
        if scaling is not None:
            q = scaling.apply(p)
            lines.append((scaling.slope, scaling.intercept))
            errors.append((_binned_error(q, y, bins), abs(float(q.mean() - y.mean()))))
        elif compat == "helm":
            errors.append((0.0, 0.0))
    names = ("platt_slope", "platt_intercept"), ("platt_calibration_error", "platt_calibration_error_1_bin")
    return [
        tidy_row(name, float(np.mean([row[place] for row in rows])) if rows else None, None)
        for pair, rows in zip(names, (lines, errors), strict=True)
        for place, name in enumerate(pair)
    ]


def _outcomes(confidence: ArrayLike, correct: ArrayLike, compat: Compat) -> tuple[Array, Array]:
    _check_compat(compat)
    p, y = checked_confidences(confidence, correct)
    return p, np.floor(y) if compat == "helm" else y


def _check_compat(compat: str | None) -> None:
    if compat not in (None, "helm"):
        raise ConfigError(f'Unknown compat "{compat}". Known: helm; leave it out for our own numbers.')


def _check_bins(bins: int) -> None:
    if bins < 1:
        raise ConfigError(f"bins is {bins}; accepted are 1 and more.")


def _bins_of(p: Array, bins: int) -> NDArray[np.intp]:
    runs = np.array_split(np.sort(p), min(bins, len(p)))
    edges = np.unique([*((low[-1] + high[0]) / 2 for low, high in pairwise(runs)), 1.0])
    return np.searchsorted(edges, p, side="left")


def _binned_error(p: Array, y: Array, bins: int) -> float:
    gaps = np.bincount(_bins_of(p, bins), weights=p - y)  # n_b (mean p - mean y) of each bin
    return float(np.abs(gaps).sum() / len(p))


def _curve(p: Array, y: Array, compat: Compat = None) -> Array:
    order = np.argsort(-p, kind="stable")
    right = y[order]
    if compat is None:
        _, tie = np.unique(-p[order], return_inverse=True)
        right = (np.bincount(tie, weights=right) / np.bincount(tie))[tie]
    return np.asarray(np.cumsum(right) / np.arange(1, len(p) + 1), dtype=np.float64)


def _kept(n: int, coverage: float, indexing: str) -> int:
    if indexing == "helm":
        return min(int(coverage * n) + 1, n)
    return max(1, math.ceil(round(coverage * n, 9)))  # 0.1 * 30 is a little more than 3 in binary


def _table_metric(name: str, *, higher_is_better: bool) -> TableMetric:
    return TableMetric(
        name=name, family="calibration", higher_is_better=higher_is_better, function=summarize_calibration
    )


EXPECTED_CALIBRATION_ERROR = _table_metric("expected_calibration_error", higher_is_better=False)
EXPECTED_CALIBRATION_ERROR_1_BIN = _table_metric("expected_calibration_error_1_bin", higher_is_better=False)
SELECTIVE_COVERAGE_AREA = _table_metric("selective_coverage_area", higher_is_better=True)
SELECTIVE_ACCURACY_10 = _table_metric("selective_accuracy_10", higher_is_better=True)
PLATT_CALIBRATION_ERROR = _table_metric("platt_calibration_error", higher_is_better=False)
PLATT_CALIBRATION_ERROR_1_BIN = _table_metric("platt_calibration_error_1_bin", higher_is_better=False)

"""How far predicted fields are from true ones, sample by sample: errors, PSNR, and spectra of energy.

Every function takes a batch of fields and gives one value a sample, so that each sample is a row of the
predictions table; `summarize_fields` makes means and intervals of them. All is computed in float64.
"""

# Shapes: B samples, C channels, grid 1 to 3 axes

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from longwave.errors import ConfigError, UnknownName
from longwave.metrics.base import Answer, AnswerMetric
from longwave.metrics.field_arrays import check_pair, mean_by_sample, quotient, sum_by_sample
from longwave.metrics.spectra import energy_spectrum_error
from longwave.metrics.tidy import CLUSTER, require, summarize_mean

__all__ = [
    "mean_absolute_error",
    "mean_squared_error",
    "psnr",
    "relative_l1",
    "relative_l2",
    "score_fields",
    "smape",
    "summarize_fields",
]

Array = NDArray[np.float64]


def relative_l1(prediction: ArrayLike, target: ArrayLike) -> Array:
    """Return ``sum |prediction - target| / sum |target|`` of each sample; as `relative_l2`."""
    got, want = check_pair(prediction, target)
    return quotient(sum_by_sample(np.abs(got - want)), sum_by_sample(np.abs(want)))


def relative_l2(prediction: ArrayLike, target: ArrayLike) -> Array:
    """Return ``||prediction - target||_2 / ||target||_2`` of each sample, over all channels and points.

    Parameters
    ----------
    prediction, target : array, shape (B, C, *grid)
        Real and finite, grids of 1 to 3 axes.

    Returns
    -------
    array, shape (B,)
        float64. Of a target that is zero everywhere: 0 if the prediction is zero too, else infinite.

    Raises
    ------
    ShapeError
        If the shapes differ, are no batch of fields, or have no point.
    DataError
        If a value is NaN or infinite; the message names the first such sample. `finite_samples` finds all.

    Notes
    -----
    Channels count together, so one of large values outweighs the others; pass one at a time to see each.

    Examples
    --------
    >>> relative_l2([[[3.0, 4.0]]], [[[0.0, 4.0]]])
    array([0.75])
    """
    got, want = check_pair(prediction, target)
    return quotient(np.sqrt(sum_by_sample((got - want) ** 2)), np.sqrt(sum_by_sample(want**2)))


def mean_absolute_error(prediction: ArrayLike, target: ArrayLike) -> Array:
    """Return the mean of ``|prediction - target|`` of each sample; arguments and errors as `relative_l2`."""
    got, want = check_pair(prediction, target)
    return mean_by_sample(np.abs(got - want))


def mean_squared_error(prediction: ArrayLike, target: ArrayLike) -> Array:
    """Return the mean of ``(prediction - target)²`` of each sample; as `relative_l2`."""
    got, want = check_pair(prediction, target)
    return mean_by_sample((got - want) ** 2)


def psnr(prediction: ArrayLike, target: ArrayLike, *, data_range: float | None = None) -> Array:
    """Return the peak signal-to-noise ratio of each sample in decibels.

    Parameters
    ----------
    prediction, target : array, shape (B, C, *grid)
        As in `relative_l2`.
    data_range : float, optional
        Distance between the least and the greatest value that the data can take. None takes that of each
        target; then samples of little contrast look worse. State it beside the number.

    Returns
    -------
    array, shape (B,)
        ``10 log10(data_range² / MSE)``: infinite where the two are equal, minus infinity where the target is
        constant, the prediction is not equal to it, and no range is given.

    Raises
    ------
    ShapeError, DataError
        As `relative_l2`.
    ConfigError
        If the range is not above 0.
    """
    got, want = check_pair(prediction, target)
    if data_range is not None and not 0 < data_range < math.inf:
        raise ConfigError(
            f"data_range is {data_range}; give the distance between the greatest and the least value that "
            "the data can take, above 0."
        )
    error = mean_by_sample((got - want) ** 2)
    axes = tuple(range(1, want.ndim))
    peak = np.ptp(want, axis=axes) if data_range is None else np.full(len(want), float(data_range))
    with np.errstate(divide="ignore"):
        found = 20 * np.log10(peak) - 10 * np.log10(np.where(error > 0, error, 1.0))
    return np.where(error > 0, found, math.inf)


def smape(prediction: ArrayLike, target: ArrayLike) -> Array:
    """Return the symmetric mean absolute percentage error of each sample, as a number from 0 to 2.

    Notes
    -----
    The mean over points of ``|p - t| / ((|p| + |t|) / 2)``, and 0 where both are zero. Other definitions are
    half of it, or a hundred times as much. Arguments and errors as `relative_l2`.
    """
    got, want = check_pair(prediction, target)
    size = (np.abs(got) + np.abs(want)) / 2
    return mean_by_sample(np.divide(np.abs(got - want), size, out=np.zeros_like(size), where=size > 0))


def score_fields(
    prediction: ArrayLike,
    target: ArrayLike,
    metrics: Sequence[str] = ("relative_l2", "relative_l1", "mean_absolute_error", "energy_spectrum_error"),
) -> dict[str, Array]:
    """Measure a batch of fields by several metrics.

    Parameters
    ----------
    prediction, target : array, shape (B, C, *grid)
        As in `relative_l2`.
    metrics : sequence of str
        Registered names; a ``psnr`` takes the range of each target.

    Returns
    -------
    dict of str to array, shape (B,)
        One of them is the ``score`` of each row, the others go to the side table of scores.

    Raises
    ------
    UnknownName
        If there is no such metric of fields.
    ShapeError, DataError
        As `relative_l2`.
    """
    for name in metrics:
        if name not in _FUNCTIONS:
            raise UnknownName("metric of fields", name, _FUNCTIONS)
    return {name: _FUNCTIONS[name](prediction, target) for name in metrics}


def summarize_fields(frame: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Average every metric of fields over the samples of each group.

    Parameters
    ----------
    frame : DataFrame
        Rows of the side table of scores, ``metric`` and ``value`` among their columns. Perturbed rows (other
        resolutions, say) count only when ``by`` holds ``"perturbation"``.
    by : sequence of str
        Grouping columns.

    Returns
    -------
    DataFrame
        See `longwave.metrics.TIDY`; one row a group and metric, null where nobody measured it. Samples are
        independent, the rows of one sample (seeds, say) are not. A value that is infinite, as a perfect
        ``psnr`` is, leaves no interval.
    """
    require(frame, [*by, *CLUSTER, "metric", "value"])
    return pl.concat(
        summarize_mean(
            frame,
            by,
            pl.when(pl.col("metric") == metric.name).then(pl.col("value")),
            metric=metric.name,
            bounds=(metric.low, metric.high),
        )
        for metric in METRICS
    )


def _of_text(answer: Answer) -> None:
    """Say nothing of an answer in words: values of fields come from `score_fields`."""


def _metric(
    name: str, *, higher_is_better: bool = False, low: float | None = 0.0, high: float | None = None
) -> AnswerMetric:
    return AnswerMetric(
        name=name,
        family="accuracy",
        higher_is_better=higher_is_better,
        low=low,
        high=high,
        function=_of_text,
    )


RELATIVE_L1 = _metric("relative_l1")
RELATIVE_L2 = _metric("relative_l2")
MEAN_ABSOLUTE_ERROR = _metric("mean_absolute_error")
MEAN_SQUARED_ERROR = _metric("mean_squared_error")
PSNR = _metric("psnr", higher_is_better=True, low=None)
SMAPE = _metric("smape", high=2.0)
ENERGY_SPECTRUM_ERROR = _metric("energy_spectrum_error")

METRICS = (
    RELATIVE_L1,
    RELATIVE_L2,
    MEAN_ABSOLUTE_ERROR,
    MEAN_SQUARED_ERROR,
    PSNR,
    SMAPE,
    ENERGY_SPECTRUM_ERROR,
)

_FUNCTIONS: dict[str, Callable[[ArrayLike, ArrayLike], Array]] = {
    "relative_l1": relative_l1,
    "relative_l2": relative_l2,
    "mean_absolute_error": mean_absolute_error,
    "mean_squared_error": mean_squared_error,
    "psnr": psnr,
    "smape": smape,
    "energy_spectrum_error": energy_spectrum_error,
}

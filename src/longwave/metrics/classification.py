"""F1 of whole tables of class labels: every class alike (macro), or every row alike (micro)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.errors import DataError, ShapeError
from longwave.metrics.accuracy import normalise
from longwave.metrics.base import TableMetric
from longwave.metrics.tidy import CLUSTER, collect, groups_of, originals, require
from longwave.predictions._resampling import resample

__all__ = ["classification_f1", "summarize_classification"]

Array = NDArray[np.float64]

# Shapes: R resamples or 1, T trials, K classes
_KINDS = ("classification_macro_f1", "classification_micro_f1")


def classification_f1(predictions: Sequence[str | None], labels: Sequence[str]) -> tuple[float, float]:
    """Return the macro and the micro F1 of predicted classes.

    Parameters
    ----------
    predictions : sequence of str or None
        Compared after `normalise`. None, or what is no label of any row, misses its class and is not held
        against another.
    labels : sequence of str

    Raises
    ------
    ShapeError
        If the two differ in length.
    DataError
        If there is no row.

    Notes
    -----
    ``F1 = 2 TP / (2 TP + FP + FN)``, for each class that is a label and then averaged, or from the sums over
    all classes.

    Examples
    --------
    >>> classification_f1(["Yes.", "yes", "perhaps"], ["yes", "no", "no"])
    (0.3333333333333333, 0.4)
    """
    if len(predictions) != len(labels):
        raise ShapeError(f"{len(predictions)} predictions but {len(labels)} labels; give one label a row.")
    if not labels:
        raise DataError("There are no predictions; an F1 needs at least 1. Leave empty sets out.")
    rows = pl.DataFrame({"prediction": predictions, "label": labels}, schema_overrides=_TEXTS)
    sums = _counts(_normalised(rows)).sum(axis=0, keepdims=True)
    return float(_macro(sums)[0]), float(_micro(sums)[0])


def summarize_classification(
    frame: pl.DataFrame, by: Sequence[str] = (), *, n_resamples: int = 1000, seed: int = 0
) -> pl.DataFrame:
    """Compute macro and micro F1 of each group from the ``prediction`` and ``label`` columns.

    Parameters
    ----------
    frame : DataFrame
        Rows of the predictions table; perturbed ones count only when ``by`` holds ``"perturbation"``, rows
        without a label and failed requests never.
    by : sequence of str
        Grouping columns; classes are the labels of a group, so group by what shares them.
    n_resamples, seed : int
        Of the bootstrap over instances behind ``stderr`` and the interval (of percentiles).

    Returns
    -------
    DataFrame
        See `longwave.metrics.TIDY`; metrics ``classification_macro_f1`` and ``classification_micro_f1``.

    Notes
    -----
    Computed per trial, then averaged. A resample in which a class neither stands nor is predicted is averaged
    over the other classes.

    References
    ----------
    Appendix C.1 of arXiv 2211.09110.
    """
    require(frame, [*by, *CLUSTER, "trial", "prediction", "label"])
    rows = originals(frame, by).filter(pl.col("label").is_not_null())
    if "error" in rows.columns:
        rows = rows.filter(pl.col("error").is_null())
    found: list[dict[str, object]] = []
    for key, group in groups_of(rows, by):
        counts, trials = _counts_of_instances(_normalised(group))
        for name, per_trial in zip(_KINDS, (_macro, _micro), strict=True):
            statistic = partial(_mean_of_trials, per_trial=per_trial, trials=trials)
            value = float(statistic(counts.sum(axis=0, keepdims=True))[0])
            spread = _spread(counts, statistic, n_resamples, seed)
            found.append({**key, "metric": name, "value": value, "n": len(group), **spread})
    return collect(found, frame, by)


_TEXTS = {"prediction": pl.String(), "label": pl.String()}


def _normalised(rows: pl.DataFrame) -> pl.DataFrame:
    """Make classes of the texts; a label that normalisation empties (the answer "A") stays as it is."""
    texts = pl.concat([rows["prediction"].cast(pl.String), rows["label"]]).drop_nulls().unique()
    classes = {text: normalise(text) or text.strip().lower() for text in texts}
    return rows.with_columns(
        pl.col(name).cast(pl.String).replace_strict(classes, default=None, return_dtype=pl.String)
        for name in _TEXTS
    )


def _counts_of_instances(rows: pl.DataFrame) -> tuple[Array, int]:
    """Count hits, false alarms and misses of each class for each instance and trial: shape (n, T 3 K)."""
    place = rows.select(
        instance=pl.struct(CLUSTER).rank("dense") - 1, trial=pl.col("trial").rank("dense") - 1
    )
    counts = _counts(rows)
    instance, trial = place["instance"].to_numpy(), place["trial"].to_numpy()
    n_instances, n_trials = int(instance.max()) + 1, int(trial.max()) + 1
    found = np.zeros((n_instances, n_trials, counts.shape[1]))
    np.add.at(found, (instance, trial), counts)
    return found.reshape(n_instances, -1), n_trials


def _counts(rows: pl.DataFrame) -> Array:
    """Count hits, false alarms and misses of each class for each row: shape (n, 3 K)."""
    classes = {name: index for index, name in enumerate(rows["label"].unique().sort())}
    label = np.array([classes[name] for name in rows["label"]])
    predicted = np.array([classes.get(name, -1) for name in rows["prediction"]])
    counts = np.zeros((len(rows), 3, len(classes)))
    is_hit = predicted == label
    is_alarm = ~is_hit & (predicted >= 0)
    index = np.arange(len(rows))
    counts[index[is_hit], 0, label[is_hit]] = 1
    counts[index[is_alarm], 1, predicted[is_alarm]] = 1
    counts[index[~is_hit], 2, label[~is_hit]] = 1
    return counts.reshape(len(rows), -1)


def _mean_of_trials(sums: Array, *, per_trial: Callable[[Array], Array], trials: int) -> Array:
    values = [per_trial(part) for part in np.split(sums, trials, axis=-1)]
    return np.asarray(np.mean(values, axis=0), dtype=np.float64)


def _spread(
    counts: Array, statistic: Callable[[Array], Array], n_resamples: int, seed: int
) -> dict[str, float | None]:
    """Resample instances, add up their counts, and look at the statistic of the sums."""
    n = len(counts)

    def of_drawn(index: Array) -> Array:  # (R, n) instances drawn -> (R,)
        place = index.astype(np.int64) + n * np.arange(len(index))[:, None]
        times = np.bincount(place.ravel(), minlength=index.size).reshape(index.shape)
        return statistic(times.astype(np.float64) @ counts)

    draws = resample(np.arange(n, dtype=np.float64), of_drawn, n_resamples, np.random.default_rng(seed))
    draws = draws[~np.isnan(draws)]
    if n < 2 or len(draws) < 2:
        return {"stderr": None, "low": None, "high": None}
    low, high = np.quantile(draws, [0.025, 0.975])
    return {"stderr": float(draws.std(ddof=1)), "low": float(low), "high": float(high)}


def _macro(sums: Array) -> Array:
    hits, alarms, misses = np.split(sums, 3, axis=-1)  # (R, K)
    there = 2 * hits + alarms + misses
    f1 = np.divide(2 * hits, there, out=np.zeros_like(there), where=there > 0)
    return _quotient(f1.sum(axis=-1), (there > 0).sum(axis=-1))


def _micro(sums: Array) -> Array:
    hits, alarms, misses = np.split(sums, 3, axis=-1)  # (R, K)
    return _quotient(2 * hits.sum(axis=-1), (2 * hits + alarms + misses).sum(axis=-1))


def _quotient(top: Array, bottom: Array) -> Array:
    """Divide; NaN where there is nothing to divide by."""
    filled = np.full(len(top), np.nan)
    np.divide(top, bottom, out=filled, where=bottom > 0)
    return filled


def _f1_metric(name: str) -> TableMetric:
    return TableMetric(name=name, family="accuracy", higher_is_better=True, function=summarize_classification)


CLASSIFICATION_MACRO_F1 = _f1_metric("classification_macro_f1")
CLASSIFICATION_MICRO_F1 = _f1_metric("classification_micro_f1")

"""One number a model over many scenarios: mean win rate, or plain mean score."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import polars as pl

from longwave.errors import ConfigError, TableError
from longwave.metrics.tidy import TIDY, require

__all__ = ["mean_score", "mean_win_rate"]


def mean_win_rate(
    frame: pl.DataFrame,
    lower_is_better: Collection[str] = (),
    *,
    model: str = "model",
    column: str = "scenario",
    value: str = "value",
    statistic: Literal["mean", "median"] = "mean",
) -> pl.DataFrame:
    """Rank models by how often they beat another model.

    Parameters
    ----------
    frame : DataFrame
        One row a model and column of the leaderboard; a missing row, a null and a NaN all mean "no value".
    lower_is_better : collection of str
        Entries of ``column`` where a lower value wins.
    model, column, value : str
        Which columns of the frame hold the model, the leaderboard's column and the value.
    statistic : {"mean", "median"}
        Over the columns in which the model has a value.

    Returns
    -------
    DataFrame
        The model's column, then `longwave.metrics.TIDY`, best model first (equal ones by name); metric
        ``mean_win_rate`` or ``median_win_rate``, ``n`` columns that counted. Null for a model without any. It
        has no standard error: the columns were chosen, not drawn.

    Raises
    ------
    TableError
        If a column is missing, or a model has two values in one column.
    ConfigError
        If the statistic is none of the two.

    Notes
    -----
    ``win(model) = (strictly worse models + half the other tied ones) / (models with a value - 1)`` in columns
    with at least two values. It depends on the set of models shown: adding one can swap two others.

    References
    ----------
    arXiv 2211.09110, section 8.1.
    """
    if statistic not in ("mean", "median"):
        raise ConfigError(f'Unknown statistic "{statistic}". Known: mean, median.')
    cells = _cells(frame, model, column, value)
    sign = pl.when(pl.col("column").is_in(list(lower_is_better))).then(-1.0).otherwise(1.0)
    wins = (
        cells.with_columns(value=pl.col("value") * sign)
        .with_columns(rank=pl.col("value").rank("average").over("column"), models=pl.len().over("column"))
        .filter(pl.col("models") > 1)
        # the average rank counts each worse model once, each tied one half, and itself once
        .with_columns(win=(pl.col("rank") - 1) / (pl.col("models") - 1))
    )
    mean = pl.col("win").mean() if statistic == "mean" else pl.col("win").median()
    return _ranked(frame, wins.group_by("model").agg(value=mean, n=pl.len()), model, f"{statistic}_win_rate")


def mean_score(
    frame: pl.DataFrame, *, model: str = "model", column: str = "scenario", value: str = "value"
) -> pl.DataFrame:
    """Rank models by their mean value over the columns; only for columns in one unit where higher is better.

    Parameters, returns, errors
        As `mean_win_rate`; metric ``mean_score``. Unlike a win rate it does not depend on the other models,
        but models that miss hard columns gain: compare ``n``.
    """
    cells = _cells(frame, model, column, value)
    means = cells.group_by("model").agg(value=pl.col("value").mean(), n=pl.len())
    return _ranked(frame, means, model, "mean_score")


def _cells(frame: pl.DataFrame, model: str, column: str, value: str) -> pl.DataFrame:
    require(frame, [model, column, value])
    cells = frame.select(
        model=pl.col(model), column=pl.col(column), value=pl.col(value).cast(pl.Float64).fill_nan(None)
    ).drop_nulls()
    twice = cells.filter(cells.select("model", "column").is_duplicated())
    if len(twice):
        first = twice.row(0, named=True)
        raise TableError(
            f'"{first["model"]}" has several values in "{first["column"]}"; accepted is one a model and '
            f"{column}. Keep one metric, or join the metric's name to the {column}."
        )
    return cells


def _ranked(frame: pl.DataFrame, found: pl.DataFrame, model: str, metric: str) -> pl.DataFrame:
    names = frame.select(model=pl.col(model)).unique().drop_nulls()
    return (
        names.join(found, on="model", how="left")
        .with_columns(
            pl.col("n").fill_null(0).cast(pl.Int64),
            metric=pl.lit(metric),
            **{part: pl.lit(None, pl.Float64) for part in ("stderr", "low", "high")},
        )
        .sort("value", "model", descending=[True, False], nulls_last=True)
        .select(pl.col("model").alias(model), *TIDY)
    )

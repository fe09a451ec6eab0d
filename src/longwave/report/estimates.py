"""Estimates with intervals, for any grouping of the predictions table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.metrics import summarize_language
from longwave.predictions import bootstrap_interval, join_instances, wilson_interval
from longwave.report.measures import BITS_PER_BYTE, Measure

__all__ = ["ESTIMATE", "MANY", "Estimate", "estimate", "estimate_all", "find_estimate", "mean_interval"]

MANY = 20_000  # from so many values the bootstrap of a mean gives what the normal distribution gives
_Z = NormalDist().inv_cdf(0.975)

ESTIMATE = {
    "value": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "n": pl.Int64(),
    "rows": pl.Int64(),
    "failed": pl.Int64(),
}


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean score with its 95 % interval; None where nothing was scored."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    rows: int
    failed: int


def find_estimate(table: pl.DataFrame, scenario: str, system: str) -> Estimate | None:
    """Return one row of a frame that `estimate` made by scenario and system."""
    found = table.filter(pl.col("scenario") == scenario, pl.col("system") == system)
    return Estimate(**found.select(list(ESTIMATE)).row(0, named=True)) if len(found) else None


def estimate(rows: pl.DataFrame, by: Sequence[str], *, seed: int = 0) -> pl.DataFrame:
    """Average the score over the instances of each group, with a 95 % interval.

    Parameters
    ----------
    rows : DataFrame
        Rows of the predictions table with the columns of `describe_rows`.
    by : sequence of str
        Columns to group by, for example scenario and system.
    seed : int
        Seeds the bootstrap.

    Returns
    -------
    DataFrame
        The columns of ``by``, then ``value``, ``low``, ``high``, ``n`` (instances with a score), ``rows``
        and ``failed`` (rows whose request failed and that have no score). Sorted by ``by``.

    Notes
    -----
    Wilson's interval where every instance counts 0 or 1; else a bootstrap over instances (from 20,000 on the
    normal distribution), so that several trials or prompts of one instance do not pass for independent draws.
    A single instance has no bootstrap interval. `longwave.metrics.summarize_scores` differs: it weighs rows
    alike, not instances, and its intervals come from a standard error.
    """
    per_instance = (
        rows.group_by([*by, "instance"], maintain_order=True)
        .agg(
            value=pl.col("score").mean(),
            rows=pl.len().cast(pl.Int64),
            failed=(pl.col("error").is_not_null() & pl.col("score").is_null()).sum().cast(pl.Int64),
        )
        .sort([*by, "instance"])
    )
    found: list[dict[str, object]] = []
    for key, group in per_instance.group_by(by, maintain_order=True):
        values = group["value"].drop_nulls()
        values = values.filter(values.is_finite())
        found.append(
            {
                **dict(zip(by, key, strict=True)),
                **_interval(values, seed),
                "n": len(values),
                "rows": group["rows"].sum(),
                "failed": group["failed"].sum(),
            }
        )
    return pl.DataFrame(found, schema={**{name: rows.schema[name] for name in by}, **ESTIMATE}).sort(by)


def _interval(values: pl.Series, seed: int) -> dict[str, float | None]:
    if not len(values):
        return {"value": None, "low": None, "high": None}
    mean = float(values.to_numpy().mean())
    if values.is_in([0.0, 1.0]).all():
        interval = wilson_interval(round(float(values.sum())), len(values))
    elif len(values) > 1:
        low, high = mean_interval(values.to_numpy(), seed)
        return {"value": mean, "low": low, "high": high}
    else:
        return {"value": mean, "low": None, "high": None}
    return {"value": mean, "low": interval.low, "high": interval.high}


def mean_interval(values: NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """Bound a mean at 95 %: by the bootstrap, from ``MANY`` values on by the normal distribution."""
    if len(values) < MANY:
        interval = bootstrap_interval(values, seed=seed)
        return interval.low, interval.high
    half = _Z * float(values.std(ddof=1)) / math.sqrt(len(values))
    mean = float(values.mean())
    return mean - half, mean + half


def estimate_all(
    rows: pl.DataFrame, by: Sequence[str], instances: pl.DataFrame, measures: Mapping[str, Measure]
) -> pl.DataFrame:
    """Estimate scores by scenario and more columns; bits per byte as a ratio of sums, others as means.

    Parameters
    ----------
    rows : DataFrame
        Rows of the predictions table with the columns of `describe_rows`.
    by : sequence of str
        Columns to group by, ``"scenario"`` among them.
    instances : DataFrame
        The instances side table; where it lacks a text, bits per byte are averaged over texts like other
        scores.
    measures : dict
        What each scenario's score is.
    """
    found = estimate(rows, by)
    texts = [name for name, measure in measures.items() if measure.unit == BITS_PER_BYTE]
    joined = join_instances(
        rows.filter(pl.col("scenario").is_in(texts), pl.col("score").is_finite()), instances
    )
    if not len(joined) or joined["input"].has_nulls() or joined["logprob"].has_nulls():
        return found
    # every row is asked for here, perturbed ones too, so none may be dropped as not original
    ratios = summarize_language(joined.with_columns(perturbation=pl.lit(None, pl.String)), by)
    ratios = ratios.select(*by, *(pl.col(name).alias(f"{name}_ratio") for name in ("value", "low", "high")))
    return found.join(ratios, on=by, how="left", maintain_order="left").select(
        *by,
        *(pl.coalesce(f"{name}_ratio", name).alias(name) for name in ("value", "low", "high")),
        *(name for name in ESTIMATE if name not in ("value", "low", "high")),
    )

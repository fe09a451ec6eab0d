"""Efficiency: time, tokens and money that a table of predictions took."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from longwave.metrics.base import TableMetric
from longwave.metrics.tidy import TIDY, require, summarize_mean

__all__ = ["summarize_efficiency"]

_COLUMNS = ("latency_s", "tokens_in", "tokens_out", "cost_usd")
_UNBOUNDED = (0.0, None)


def summarize_efficiency(frame: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Summarise time, tokens and cost of each group, perturbed inputs included.

    Parameters
    ----------
    frame : DataFrame
        Rows of the predictions table; a failed request has no latency and does not count.
    by : sequence of str
        Grouping columns.

    Returns
    -------
    DataFrame
        See `longwave.metrics.TIDY`. Means: ``latency_s``, ``tokens_in``, ``tokens_out``, ``cost_usd``.
        Quantiles: ``latency_median_s``, ``latency_p95_s``. Totals: ``latency_total_s``, ``tokens_in_total``,
        ``tokens_out_total``, ``cost_total_usd``. Rate: ``tokens_per_s``, all tokens of prompts and
        completions over all latency. Only means have a standard error. Null where no row knows.

    Notes
    -----
    Latency is the time as observed, of a cached answer that of its first time, of a batch its share. It
    compares models on one machine only; the idealised run times of arXiv 2211.09110, section 4.7, need a
    table of the model's hardware.
    """
    require(frame, [*by, *_COLUMNS])
    # perturbed inputs cost as much as original ones
    everything = frame if "perturbation" in by else frame.drop("perturbation", strict=False)
    means = [
        summarize_mean(everything, by, pl.col(name).cast(pl.Float64), metric=name, bounds=_UNBOUNDED)
        for name in _COLUMNS
    ]
    return pl.concat([*means, _aggregates(frame, by)])


def _aggregates(frame: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    latency = pl.col("latency_s")
    timed = latency.is_not_null() & pl.col("tokens_in").is_not_null() & pl.col("tokens_out").is_not_null()
    time = latency.filter(timed).sum()
    tokens = (pl.col("tokens_in") + pl.col("tokens_out")).filter(timed).sum()
    values = {
        "latency_median_s": (latency.median(), latency.count()),
        "latency_p95_s": (latency.quantile(0.95, "linear"), latency.count()),
        "tokens_per_s": (pl.when(time > 0).then(tokens / time), timed.sum()),
    }
    for name, column in (
        ("latency_total_s", "latency_s"),
        ("tokens_in_total", "tokens_in"),
        ("tokens_out_total", "tokens_out"),
        ("cost_total_usd", "cost_usd"),
    ):
        count = pl.col(column).count()
        values[name] = (pl.when(count > 0).then(pl.col(column).sum()), count)
    frames = []
    for name, (value, n) in values.items():
        parts = {"value": value.cast(pl.Float64), "n": n.cast(pl.Int64)}
        table = frame.group_by(by).agg(**parts).sort(by) if by else frame.select(**parts)
        frames.append(
            table.with_columns(
                metric=pl.lit(name), **{part: pl.lit(None, pl.Float64) for part in ("stderr", "low", "high")}
            ).select(*by, *TIDY)
        )
    return pl.concat(frames)


def _table_metric(name: str, *, higher_is_better: bool = False) -> TableMetric:
    return TableMetric(
        name=name,
        family="efficiency",
        higher_is_better=higher_is_better,
        high=None,
        function=summarize_efficiency,
    )


LATENCY_S = _table_metric("latency_s")
LATENCY_P95_S = _table_metric("latency_p95_s")
TOKENS_PER_S = _table_metric("tokens_per_s", higher_is_better=True)
COST_USD = _table_metric("cost_usd")

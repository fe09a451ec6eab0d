"""What answering cost each model: time, tokens, money."""

from __future__ import annotations

import polars as pl

from longwave.report.estimates import mean_interval

__all__ = ["COSTS", "efficiency"]

COSTS = ("latency_s", "tokens_in", "tokens_out", "error", "cost_usd")


def efficiency(rows: pl.DataFrame, *, seed: int = 0) -> pl.DataFrame:
    """Sum up requests by system, every input and scenario together.

    Parameters
    ----------
    rows : DataFrame
        Rows of the predictions table, in a fixed order, with ``system``, ``is_floor`` and ``COSTS``; floors
        are left out.
    seed : int
        Seeds the bootstrap of the latency.

    Returns
    -------
    DataFrame
        ``system``, ``rows``, ``failed``, ``latency_s`` (mean) with ``low`` and ``high`` (95 %), ``p95_s``,
        ``tokens_in`` and ``tokens_out`` (means), ``tokens_per_s`` (all tokens read and written over all
        time), ``cost_usd`` (sum, null when any is unknown).
    """
    known = pl.col("latency_s").is_not_null()
    tokens = (pl.col("tokens_in").fill_null(0) + pl.col("tokens_out").fill_null(0)).filter(known).sum()
    table = (
        rows.filter(~pl.col("is_floor"))
        .group_by("system")
        .agg(
            rows=pl.len().cast(pl.Int64),
            failed=pl.col("error").is_not_null().sum().cast(pl.Int64),
            latency_s=pl.col("latency_s").mean(),
            p95_s=pl.col("latency_s").quantile(0.95, "linear"),
            tokens_in=pl.col("tokens_in").mean(),
            tokens_out=pl.col("tokens_out").mean(),
            tokens_per_s=tokens / pl.col("latency_s").sum(),
            cost_usd=pl.when(pl.col("cost_usd").is_null().any())
            .then(None)
            .otherwise(pl.col("cost_usd").sum()),
        )
        .sort("system")
    )
    bounds = [_latency_interval(rows.filter(pl.col("system") == name), seed) for name in table["system"]]
    return table.with_columns(
        pl.Series("low", [low for low, _ in bounds], dtype=pl.Float64),
        pl.Series("high", [high for _, high in bounds], dtype=pl.Float64),
        tokens_per_s=pl.when(pl.col("tokens_per_s").is_finite() & (pl.col("tokens_per_s") > 0)).then(
            "tokens_per_s"
        ),
    )


def _latency_interval(rows: pl.DataFrame, seed: int) -> tuple[float | None, float | None]:
    values = rows["latency_s"].drop_nulls().to_numpy()
    return mean_interval(values, seed) if len(values) > 1 else (None, None)

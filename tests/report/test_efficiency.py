"""Efficiency: means with intervals, sums only where everything is known."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from longwave.report.efficiency import efficiency

Rows = Callable[..., pl.DataFrame]


@pytest.fixture
def timed(rows: Rows) -> pl.DataFrame:
    frame = rows(*[("s", f"i{place}", "m", None, 1.0) for place in range(4)])
    return frame.with_columns(
        latency_s=pl.Series([0.1, 0.2, 0.3, 0.4]),
        tokens_in=pl.Series([10, 10, 10, 10]),
        tokens_out=pl.Series([0, 5, 5, 10]),
        cost_usd=pl.Series([0.5, 0.5, 0.5, None]),
    )


def test_throughput_is_all_tokens_over_all_time(timed: pl.DataFrame) -> None:
    row = efficiency(timed).row(0, named=True)
    assert row["tokens_per_s"] == pytest.approx(60 / 1.0)
    assert row["latency_s"] == pytest.approx(0.25)
    assert row["low"] < 0.25 < row["high"]


def test_an_unknown_price_makes_the_sum_unknown(timed: pl.DataFrame) -> None:
    assert efficiency(timed)["cost_usd"].item() is None
    assert efficiency(timed.with_columns(cost_usd=pl.lit(0.25)))["cost_usd"].item() == 1


def test_missing_times_are_missing_not_zero(rows: Rows) -> None:
    row = efficiency(rows(("s", "a", "m", None, 1.0))).row(0, named=True)
    assert (row["latency_s"], row["low"], row["tokens_per_s"]) == (None, None, None)


def test_floors_cost_nothing(rows: Rows) -> None:
    assert not len(efficiency(rows(("s", "a", "floor:random", None, 0.5))))

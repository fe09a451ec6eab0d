"""Estimates: means over instances with the right kind of interval."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from longwave.predictions import bootstrap_interval, wilson_interval
from longwave.report.estimates import MANY, estimate, find_estimate, mean_interval

Rows = Callable[..., pl.DataFrame]


def test_zeros_and_ones_have_wilsons_interval(rows: Rows) -> None:
    frame = rows(*[("s", f"i{place}", "m", None, float(place < 7)) for place in range(10)])
    found = find_estimate(estimate(frame, ["scenario", "system"]), "s", "m")
    expected = wilson_interval(7, 10)
    assert found is not None
    assert (found.value, found.low, found.high, found.n) == (0.7, expected.low, expected.high, 10)


def test_trials_of_one_instance_are_averaged_first(rows: Rows) -> None:
    once = rows(("s", "a", "m", None, 1.0), ("s", "b", "m", None, 0.0))
    again = pl.concat([once, once.with_columns(trial=pl.lit(1, pl.Int32))])
    by = ["scenario", "system"]
    first, second = estimate(once, by).row(0, named=True), estimate(again, by).row(0, named=True)
    assert second["rows"] == 2 * first["rows"]
    assert {**second, "rows": 2} == first


def test_other_scores_have_a_bootstrap_interval_around_the_mean(rows: Rows) -> None:
    frame = rows(*[("s", f"i{place}", "m", None, 2 + place / 50) for place in range(30)])
    found = find_estimate(estimate(frame, ["scenario", "system"]), "s", "m")
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.value == pytest.approx(2.29)
    assert found.low < found.value < found.high


@pytest.mark.parametrize("score", [None, float("inf"), float("nan")], ids=str)
def test_nothing_scored_is_no_estimate(rows: Rows, score: float | None) -> None:
    found = find_estimate(estimate(rows(("s", "a", "m", None, score)), ["scenario", "system"]), "s", "m")
    assert found is not None
    assert (found.value, found.low, found.n, found.rows) == (None, None, 0, 1)


def test_one_instance_of_a_real_score_has_no_interval(rows: Rows) -> None:
    found = find_estimate(estimate(rows(("s", "a", "m", None, 2.5)), ["scenario", "system"]), "s", "m")
    assert found is not None
    assert (found.value, found.low) == (2.5, None)


def test_failed_requests_are_counted_apart(rows: Rows) -> None:
    frame = rows(("s", "a", "m", None, 1.0), ("s", "b", "m", None, None)).with_columns(
        error=pl.when(pl.col("score").is_null()).then(pl.lit("timeout"))
    )
    found = find_estimate(estimate(frame, ["scenario", "system"]), "s", "m")
    assert found is not None
    assert (found.value, found.n, found.failed) == (1.0, 1, 1)


def test_no_rows_give_an_empty_frame(rows: Rows) -> None:
    empty = estimate(rows(("s", "a", "m", None, 1.0)).clear(), ["scenario", "system"])
    assert not len(empty)
    assert find_estimate(empty, "s", "m") is None


def test_many_values_take_the_normal_distribution_which_agrees_with_the_bootstrap() -> None:
    values = np.random.default_rng(3).gamma(2.0, size=MANY)
    expected = bootstrap_interval(values, n_resamples=400)
    low, high = mean_interval(values)
    assert low + high == pytest.approx(2 * values.mean())
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.1 * (high - low))
    assert mean_interval(values[:50]) != pytest.approx((low, high))

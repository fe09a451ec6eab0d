"""Movements of confidence and of measured numbers, against scipy and numpy."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import DataError
from longwave.monitoring.comparison.movement import (
    MOVEMENT,
    confidence_movement,
    kolmogorov_smirnov,
    number_drift,
)
from longwave.monitoring.paired.rows import pair_rows
from longwave.monitoring.paired.significance import mean_change

samples = st.lists(st.integers(0, 8).map(float), min_size=2, max_size=40)


@settings(max_examples=30)
@given(samples, samples)
def test_distance_of_distributions_equals_scipy(first, second):
    want = scipy.stats.ks_2samp(first, second, method="asymp").statistic
    assert kolmogorov_smirnov(first, second) == pytest.approx(want, abs=1e-12)


def test_an_empty_sample_is_refused():
    with pytest.raises(DataError, match="0 and 1 values"):
        kolmogorov_smirnov([], [1.0])


def _pair(before, after):
    place = range(len(next(iter(before.values()))))
    return pair_rows(pl.DataFrame({"row": place, **before}), pl.DataFrame({"row": place, **after}))


def test_confidence_moves_overall_and_where_the_label_stayed(rng):
    labels = rng.integers(0, 3, (2, 60))
    c, d = rng.random(60), rng.random(60)
    pair = _pair(
        {"predicted_label": labels[0], "confidence": c}, {"predicted_label": labels[1], "confidence": d}
    )
    found = confidence_movement(pair)
    same = labels[0] == labels[1]
    assert found.overall == mean_change(c, d, n_resamples=999)
    assert found.same_label == mean_change(c[same], d[same], n_resamples=999)
    assert found.changed_label.estimate == pytest.approx((d - c)[~same].mean())
    assert found.ks == kolmogorov_smirnov(c, d)


def test_movements_of_parts_add_up(rng):
    labels = rng.integers(0, 2, (2, 41))
    pair = _pair(
        {"predicted_label": labels[0], "confidence": rng.random(41)},
        {"predicted_label": labels[1], "confidence": rng.random(41)},
    )
    found = confidence_movement(pair)
    parts = [found.same_label, found.changed_label]
    assert sum(part.n * part.estimate for part in parts) / 41 == pytest.approx(found.overall.estimate)


def test_no_label_stayed():
    pair = _pair({"predicted_label": [0], "confidence": [0.4]}, {"predicted_label": [1], "confidence": [0.9]})
    found = confidence_movement(pair)
    assert found.same_label is None
    assert found.changed_label.n == 1


@pytest.mark.parametrize("values", [{}, {"confidence": [None, None]}, {"confidence": [None, 0.5]}])
def test_without_confidence_on_both_sides_nothing_moves(values):
    pair = _pair(
        {"predicted_label": [0, 0], **values}, {"predicted_label": [1, 0], "confidence": [0.3, None]}
    )
    assert confidence_movement(pair) is None


def test_means_and_quantiles_of_numbers_equal_numpy(rng):
    a, b = rng.exponential(2, 75), rng.exponential(3, 75)
    pair = _pair({"predicted_label": [0] * 75, "latency_s": a}, {"predicted_label": [0] * 75, "latency_s": b})
    found = {row["statistic"]: row for row in number_drift(pair).iter_rows(named=True)}
    assert found["mean"]["change"] == pytest.approx(b.mean() - a.mean())
    assert found["mean"]["p_value"] == mean_change(a, b, n_resamples=999).p_value
    for name, share in (("median", 0.5), ("p95", 0.95)):
        assert found[name]["before"] == pytest.approx(np.quantile(a, share))
        assert found[name]["change"] == pytest.approx(np.quantile(b, share) - np.quantile(a, share))
        assert found[name]["low"] <= found[name]["change"] <= found[name]["high"]
        assert found[name]["p_value"] is None


def test_interval_of_a_median_agrees_with_scipy(rng):
    a = rng.normal(10, 1, 200)
    b = a + rng.normal(0.5, 0.5, 200)
    pair = _pair({"predicted_label": [0] * 200, "cost_usd": a}, {"predicted_label": [0] * 200, "cost_usd": b})
    row = number_drift(pair, n_resamples=2000).row(1, named=True)
    want = scipy.stats.bootstrap(
        (a, b),
        lambda x, y, axis: np.median(y, axis=axis) - np.median(x, axis=axis),
        paired=True,
        vectorized=True,
        method="percentile",
        n_resamples=2000,
        rng=np.random.default_rng(5),
    ).confidence_interval
    assert (row["low"], row["high"]) == pytest.approx((want.low, want.high), abs=0.05)


def test_rows_that_lack_a_number_are_left_out():
    pair = _pair(
        {"predicted_label": [0, 0, 0], "answer_chars": [10, None, 30]},
        {"predicted_label": [0, 0, 0], "answer_chars": [12, 99, None]},
    )
    assert number_drift(pair).select("n", "change").row(0) == (1, 2.0)


@pytest.mark.parametrize("values", [[None, 5.0], [None, None]], ids=["no-common-row", "none-at-all"])
def test_numbers_that_a_side_lacks_are_passed_over(values):
    pair = _pair(
        {"predicted_label": [0, 0], "latency_s": values},
        {"predicted_label": [0, 0], "latency_s": [1.0, None]},
    )
    assert number_drift(pair).schema == MOVEMENT
    assert len(number_drift(pair)) == 0


def test_blocks_of_resamples_do_not_change_the_interval(rng, monkeypatch):
    a, b = rng.random(50), rng.random(50)
    pair = _pair({"predicted_label": [0] * 50, "latency_s": a}, {"predicted_label": [0] * 50, "latency_s": b})
    whole = number_drift(pair, n_resamples=50)
    monkeypatch.setattr("longwave.monitoring.comparison.movement._BLOCK", 300)
    assert number_drift(pair, n_resamples=50).equals(whole)

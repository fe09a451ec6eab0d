"""Tests and intervals of changes against scipy, enumeration, simulation and formulas written out."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ConfigError, DataError, ShapeError
from longwave.monitoring.paired.significance import (
    exact_mcnemar,
    mean_change,
    paired_change,
    share_change,
    sign_flip,
    wilson_bounds,
)
from longwave.predictions import clustered_stderr, mcnemar, wilson_interval

counts = st.integers(0, 60)


@pytest.mark.parametrize(
    ("lost", "gained"), [(0, 0), (0, 1), (3, 3), (1, 6), (40, 25), (900, 1000), (30_000, 31_000), (0, 700)]
)
def test_mcnemar_from_counts_equals_scipy(lost, gained):
    n = lost + gained
    want = scipy.stats.binomtest(lost, n).pvalue if n else 1.0
    assert exact_mcnemar(lost, gained) == pytest.approx(want, rel=1e-8)


@settings(max_examples=30)
@given(counts, counts)
def test_mcnemar_from_counts_equals_that_from_rows(lost, gained):
    first = [1] * lost + [0] * gained + [1]
    second = [0] * lost + [1] * gained + [1]
    assert exact_mcnemar(lost, gained) == pytest.approx(mcnemar(first, second).p_value, rel=1e-12)


def test_mcnemar_refuses_a_negative_count():
    with pytest.raises(DataError, match="-1 lost and 2 gained"):
        exact_mcnemar(-1, 2)


def _newcombe(both, lost, gained, neither, confidence):
    """Method 10, written out."""
    n = both + lost + gained + neither
    z = scipy.stats.norm.ppf((1 + confidence) / 2)

    def wilson(k):
        p = k / n
        half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
        return ((p + z**2 / (2 * n) - half) / (1 + z**2 / n), (p + z**2 / (2 * n) + half) / (1 + z**2 / n))

    p, q = (both + lost) / n, (both + gained) / n
    (lp, up), (lq, uq) = wilson(both + lost), wilson(both + gained)
    below = (both + lost) * (gained + neither) * (both + gained) * (lost + neither)
    above = both * neither - lost * gained
    if above > 0:
        above = max(above - n / 2, 0)
    phi = above / math.sqrt(below) if below else 0
    d = q - p
    low = d - math.sqrt((q - lq) ** 2 - 2 * phi * (q - lq) * (up - p) + (up - p) ** 2)
    high = d + math.sqrt((uq - q) ** 2 - 2 * phi * (uq - q) * (p - lp) + (p - lp) ** 2)
    return d, low, high


@pytest.mark.parametrize("table", [(36, 12, 2, 0), (43, 0, 1, 6), (1, 0, 0, 0), (20, 5, 30, 9), (0, 0, 4, 0)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_share_change_equals_the_formula(table, confidence):
    got = share_change(*table, confidence=confidence)
    want = _newcombe(*table, confidence)
    assert (got.estimate, got.low, got.high) == pytest.approx(want, abs=1e-12)


def test_share_change_equals_a_published_example():
    # Newcombe (1998), table III (a): 36, 12, 2, 0 gives 0.0569 to 0.3404 for the first minus the second
    got = share_change(36, 12, 2, 0)
    assert (-got.high, -got.low) == pytest.approx((0.0569, 0.3404), abs=5e-5)


@settings(max_examples=30)
@given(counts, counts, counts, counts)
def test_interval_of_a_share_change_holds_it_and_turns_with_time(both, lost, gained, neither):
    if not both + lost + gained + neither:
        return
    there = share_change(both, lost, gained, neither)
    back = share_change(both, gained, lost, neither)
    assert -1 <= there.low <= there.estimate <= there.high <= 1
    assert (-back.high, -back.low, back.p_value) == pytest.approx((there.low, there.high, there.p_value))


def test_interval_of_a_share_change_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    tables = rng.multinomial(80, [0.6, 0.05, 0.15, 0.2], size=1000)
    hits = [found.low <= 0.1 <= found.high for found in (share_change(*table.tolist()) for table in tables)]
    assert 0.93 < np.mean(hits) < 0.98


@pytest.mark.parametrize(("table", "text"), [((0, 0, 0, 0), "of 0"), ((1, -1, 0, 3), "is negative")])
def test_share_change_refuses(table, text):
    with pytest.raises(DataError, match=text):
        share_change(*table)


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_sign_flip_of_few_differences_enumerates_all_patterns(rng, n):
    values = rng.normal(size=n)
    sums = [abs(float(np.dot(signs, values))) for signs in itertools.product((-1, 1), repeat=n)]
    want = np.mean([each >= abs(values.sum()) - 1e-12 for each in sums])
    assert sign_flip([*values, 0.0, 0.0]) == want


@pytest.mark.parametrize("step", [0.25, 1e-6], ids=["few-sizes", "many-sizes"])
def test_sign_flip_by_draws_agrees_with_scipy(rng, step):
    values = np.round(rng.normal(0.12, 1, 120) / step) * step
    want = scipy.stats.permutation_test(
        (values,),
        lambda x, axis: x.mean(axis=axis),
        permutation_type="samples",
        n_resamples=9999,
        vectorized=True,
        rng=np.random.default_rng(1),
    ).pvalue
    assert sign_flip(values) == pytest.approx(want, abs=0.02)


def test_sign_flip_of_ones_is_mcnemar():
    values = np.repeat([1.0, -1.0], [70, 45])
    assert sign_flip(values, n_resamples=40_000) == pytest.approx(exact_mcnemar(45, 70), abs=0.003)


def test_sign_flip_in_blocks_is_the_same(rng, monkeypatch):
    values = rng.normal(0.1, 1, 101)
    whole = sign_flip(values, n_resamples=500)
    monkeypatch.setattr("longwave.monitoring.paired.significance._BLOCK", 1010)
    assert sign_flip(values, n_resamples=500) == pytest.approx(whole, abs=0.06)


def test_sign_flip_of_no_difference_is_one():
    assert sign_flip([0.0, 0.0]) == 1.0


def test_sign_flip_refuses_no_resamples():
    with pytest.raises(ConfigError, match="n_resamples is 0"):
        sign_flip([1.0], n_resamples=0)


def test_mean_change_equals_the_normal_interval(rng):
    before, after = rng.random(51), rng.random(51)
    got = mean_change(before, after, confidence=0.9)
    d = after - before
    half = scipy.stats.norm.ppf(0.95) * scipy.stats.sem(d)
    assert (got.estimate, got.low, got.high) == pytest.approx((d.mean(), d.mean() - half, d.mean() + half))
    assert got.n == 51


def test_mean_change_of_one_row_has_no_width():
    got = mean_change([0.25], [0.5])
    assert (got.low, got.estimate, got.high, got.p_value) == (0.25, 0.25, 0.25, 1.0)


def test_clusters_widen_the_interval_by_the_clustered_error(rng):
    before, after, speaker = rng.random(40), rng.random(40), rng.integers(0, 5, 40)
    got = mean_change(before, after, clusters=speaker)
    half = scipy.stats.norm.ppf(0.975) * clustered_stderr(after - before, speaker)
    assert (got.low, got.high) == pytest.approx((got.estimate - half, got.estimate + half))


def test_signs_of_whole_clusters_are_flipped(rng):
    before, after, speaker = rng.random(40), rng.random(40), np.repeat(list("abcdefgh"), 5)
    sums = (after - before).reshape(8, 5).sum(axis=1)
    assert mean_change(before, after, clusters=speaker).p_value == sign_flip(sums)


def test_clusters_of_one_row_change_nothing(rng):
    before, after = rng.random(20), rng.random(20)
    alone, single = mean_change(before, after), mean_change(before, after, clusters=range(20))
    assert (single.low, single.high, single.p_value) == pytest.approx((alone.low, alone.high, alone.p_value))


def test_one_cluster_tells_nothing_of_others(rng):
    got = mean_change(rng.random(9), rng.random(9), clusters=["a"] * 9)
    assert np.isnan([got.low, got.high]).all()
    assert got.p_value == 1.0


def test_dependent_rows_do_not_make_a_change_certain():
    # two of four speakers broke, in 50 recordings each: 100 losses, but only two of what was drawn
    before, after = np.ones(200), np.repeat([1.0, 1.0, 0.0, 0.0], 50)
    speaker = np.repeat(list("abcd"), 50)
    assert paired_change(before, after).p_value < 1e-20
    assert paired_change(before, after, clusters=speaker).p_value == 0.5


@pytest.mark.parametrize(
    ("before", "after", "error", "text"),
    [
        ([1.0], [1.0, 2.0], ShapeError, r"shape \(1,\) and after \(2,\)"),
        ([], [], DataError, "There are no rows"),
        ([1.0], [math.nan], DataError, "difference is nan"),
    ],
    ids=["lengths", "empty", "nan"],
)
def test_mean_change_refuses(before, after, error, text):
    with pytest.raises(error, match=text):
        mean_change(before, after)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_confidence_outside_0_to_1_is_refused(confidence):
    with pytest.raises(ConfigError, match=f"confidence is {confidence}"):
        mean_change([0.1, 0.2], [0.3, 0.4], confidence=confidence)


def test_paired_change_tests_zeros_and_ones_by_counts(rng):
    before, after = (rng.integers(0, 2, 77) for _ in range(2))
    cells = [int(((before == a) & (after == b)).sum()) for a, b in ((1, 1), (1, 0), (0, 1), (0, 0))]
    assert paired_change(before, after) == share_change(*cells)


def test_paired_change_tests_other_scores_by_signs(rng):
    before, after = rng.random(20), rng.random(20)
    assert paired_change(before, after) == mean_change(before, after)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1))
def test_many_wilson_intervals_equal_single_ones(shares):
    low, high = wilson_bounds([k for k, _ in shares], [n for _, n in shares])
    single = [wilson_interval(k, n) for k, n in shares]
    assert low == pytest.approx([each.low for each in single], abs=1e-14)
    assert high == pytest.approx([each.high for each in single], abs=1e-14)


def test_wilson_bounds_refuse_an_empty_set():
    with pytest.raises(DataError, match="n >= 1"):
        wilson_bounds([0], [0])

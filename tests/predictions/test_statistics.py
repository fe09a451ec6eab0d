"""Intervals and tests against scipy, closed forms and enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError, DataError, ShapeError
from longwave.predictions import (
    bootstrap_interval,
    clustered_stderr,
    holm,
    mcnemar,
    paired_bootstrap,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("successes", "n"), [(0, 1), (1, 1), (0, 10), (10, 10), (3, 7), (81, 263), (15, 148)]
)
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
def test_wilson_equals_scipy(successes, n, confidence):
    want = scipy.stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    got = wilson_interval(successes, n, confidence=confidence)
    assert (got.low, got.high) == pytest.approx((want.low, want.high), abs=1e-12)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_stays_in_bounds(case):
    interval = wilson_interval(*case)
    assert 0 <= interval.low <= interval.estimate <= interval.high <= 1


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (2, 1), (-1, 3)])
def test_wilson_refuses_what_is_no_share(successes, n):
    with pytest.raises(DataError, match=f"{successes} successes of {n}"):
        wilson_interval(successes, n)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_confidence_outside_0_to_1_is_refused(confidence):
    with pytest.raises(ConfigError, match=f"confidence is {confidence}"):
        wilson_interval(1, 2, confidence=confidence)


@pytest.mark.parametrize("method", ["percentile", "bca"])
@pytest.mark.parametrize("name", ["mean", "std"])
def test_bootstrap_agrees_with_scipy(rng, method, name):
    values = rng.exponential(size=60)
    function = {"mean": np.mean, "std": np.std}[name]

    def statistic(x):
        return function(x, axis=-1)

    want = scipy.stats.bootstrap(
        (values,),
        statistic,
        n_resamples=9999,
        method={"bca": "BCa"}.get(method, method),
        rng=np.random.default_rng(1),
    )
    given_statistic = None if name == "mean" else statistic
    got = bootstrap_interval(values, given_statistic, n_resamples=9999, method=method)
    spread = want.standard_error
    assert got.low == pytest.approx(want.confidence_interval.low, abs=0.15 * spread)
    assert got.high == pytest.approx(want.confidence_interval.high, abs=0.15 * spread)


def test_bootstrap_of_shares_has_the_binomial_spread():
    values = np.repeat([0.0, 1.0], [60, 140])
    got = bootstrap_interval(values, n_resamples=20_000)
    want = scipy.stats.binom.ppf([0.025, 0.975], 200, 0.7) / 200
    assert (got.low, got.high) == pytest.approx(want, abs=0.0051)


def test_few_and_many_values_are_resampled_alike(rng):
    few = rng.integers(0, 5, size=300).astype(float)
    many = few + rng.uniform(-1e-9, 1e-9, size=300)  # all distinct, so that indices are drawn
    a, b = (bootstrap_interval(values, n_resamples=20_000) for values in (few, many))
    assert (a.low, a.high) == pytest.approx((b.low, b.high), abs=0.01)


def test_blocks_do_not_change_the_resamples(rng, monkeypatch):
    values = rng.normal(size=101)
    whole = bootstrap_interval(values, n_resamples=50)
    monkeypatch.setattr("longwave.predictions._resampling._BLOCK", 300)
    assert bootstrap_interval(values, n_resamples=50) == whole


def test_seed_repeats_the_interval_and_another_does_not(rng):
    values = rng.normal(size=50)
    first, again, other = (bootstrap_interval(values, seed=seed) for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("method", ["percentile", "bca"])
@pytest.mark.parametrize("values", [[0.3], [0.3] * 7], ids=["one", "equal"])
def test_values_without_spread_give_width_zero(values, method):
    interval = bootstrap_interval(values, method=method)
    assert (interval.low, interval.high) == pytest.approx((0.3, 0.3))


def test_bootstrap_interval_covers_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(0)
    samples = rng.exponential(size=(200, 40))
    hits = [interval.low <= 1 <= interval.high for interval in map(_bca, samples)]
    assert 0.88 < np.mean(hits) < 0.98


def _bca(values):
    return bootstrap_interval(values, method="bca", n_resamples=400)


@pytest.mark.parametrize(
    ("values", "error", "text"),
    [
        ([], DataError, "needs at least 1"),
        ([1.0, math.nan], DataError, "hold nan"),
        ([[1.0, 2.0]], ShapeError, r"shape \(1, 2\)"),
    ],
    ids=["empty", "nan", "two-axes"],
)
def test_bootstrap_refuses(values, error, text):
    with pytest.raises(error, match=text):
        bootstrap_interval(values)


def test_bootstrap_refuses_an_unknown_method():
    with pytest.raises(ConfigError, match='Unknown bootstrap method "basic"'):
        bootstrap_interval([1.0], method="basic")


def test_bootstrap_refuses_no_resamples():
    with pytest.raises(ConfigError, match="n_resamples is 0"):
        bootstrap_interval([1.0], n_resamples=0)


def test_paired_bootstrap_sees_a_small_constant_difference(rng):
    first = rng.normal(size=80)
    result = paired_bootstrap(first + 0.01, first)
    assert (result.low, result.high) == pytest.approx((0.01, 0.01))


def test_paired_bootstrap_agrees_with_the_t_test(rng):
    first = rng.normal(size=200)
    second = first + rng.normal(0.08, 0.5, size=200)
    want = scipy.stats.ttest_rel(first, second)
    got = paired_bootstrap(first, second, n_resamples=20_000)
    assert got.p_value == pytest.approx(want.pvalue, abs=0.01)
    bounds = want.confidence_interval()
    assert (got.low, got.high) == pytest.approx((bounds.low, bounds.high), abs=0.01)


def test_paired_bootstrap_p_equals_enumeration_of_all_resamples():
    difference = np.array([1.0, 0.0, 1.0, -1.0])
    means = np.array([np.mean(draw) for draw in itertools.product(difference, repeat=4)])
    exact = np.mean(np.abs(means - 0.25) >= 0.25)
    got = paired_bootstrap(difference, np.zeros(4), n_resamples=50_000).p_value
    assert got == pytest.approx(exact, abs=0.01)


def test_equal_models_have_p_one():
    assert paired_bootstrap([0.1, 0.7, 0.3], [0.1, 0.7, 0.3]).p_value == 1.0


def test_swapping_the_models_mirrors_the_interval(rng):
    a, b = rng.normal(size=(2, 99))
    one, two = paired_bootstrap(a, b), paired_bootstrap(b, a)
    assert (one.low, one.high, one.p_value) == pytest.approx((-two.high, -two.low, two.p_value), abs=0.02)


def test_paired_values_must_pair():
    with pytest.raises(ShapeError, match="2 values of the first model but 1"):
        paired_bootstrap([1.0, 2.0], [1.0])


def _table(only_first, only_second, both=5, neither=4):
    cells = [(1, 0)] * only_first + [(0, 1)] * only_second + [(1, 1)] * both + [(0, 0)] * neither
    return np.array(cells, dtype=bool).T


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 0), (5, 5), (10, 2), (40, 60), (700, 800)])
def test_exact_mcnemar_is_the_binomial_test(b, c):
    want = scipy.stats.binomtest(b, b + c).pvalue if b + c else 1.0
    assert mcnemar(*_table(b, c)).p_value == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize(("b", "c"), [(0, 0), (1, 0), (5, 5), (10, 2), (40, 60)])
def test_corrected_mcnemar_is_chi_squared(b, c):
    statistic = max(0, abs(b - c) - 1) ** 2 / (b + c) if b + c else 0.0
    got = mcnemar(*_table(b, c), method="corrected").p_value
    assert got == pytest.approx(scipy.stats.chi2.sf(statistic, 1), rel=1e-9)


def test_mcnemar_counts_the_differing_instances():
    result = mcnemar(*_table(3, 8))
    assert (result.first_only, result.second_only) == (3, 8)


def test_exact_mcnemar_takes_large_tables():
    assert 0 < mcnemar(*_table(9_000, 9_400)).p_value < 0.01


@pytest.mark.parametrize(
    ("first", "second", "error", "text"),
    [
        ([], [], DataError, "needs at least 1"),
        ([0.5], [1], DataError, "right and wrong"),
        ([1], [1, 0], ShapeError, "join them by instance"),
    ],
    ids=["empty", "share", "unpaired"],
)
def test_mcnemar_refuses(first, second, error, text):
    with pytest.raises(error, match=text):
        mcnemar(first, second)


def test_mcnemar_refuses_an_unknown_method():
    with pytest.raises(ConfigError, match='Unknown method "mid-p"'):
        mcnemar([1], [0], method="mid-p")


def _naive_holm(p):
    """Corrected p_i = max over j with p_j <= p_i of (number of p >= p_j, ties by order) p_j, cut at 1."""
    ranked = sorted(range(len(p)), key=lambda i: (p[i], i))
    found = [0.0] * len(p)
    for place, i in enumerate(ranked):
        found[i] = min(1.0, max((len(p) - k) * p[ranked[k]] for k in range(place + 1)))
    return found


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_equals_the_definition(p):
    assert holm(p).tolist() == pytest.approx(_naive_holm(p))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_lies_between_plain_and_bonferroni(p):
    corrected = holm(p)
    assert (corrected >= np.array(p)).all()
    assert (corrected <= np.minimum(1, len(p) * np.array(p)) + 1e-15).all()


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_holm_refuses_what_is_no_probability(p):
    with pytest.raises(DataError, match=f"A p-value of {p}"):
        holm([0.5, p])


def test_single_clusters_give_the_usual_standard_error(rng):
    values = rng.normal(size=41)
    assert clustered_stderr(values, np.arange(41)) == pytest.approx(scipy.stats.sem(values))


def test_equal_values_in_a_cluster_count_once(rng):
    values = rng.normal(size=30)
    want = scipy.stats.sem(values)
    assert clustered_stderr(np.repeat(values, 4), np.repeat(np.arange(30), 4)) == pytest.approx(want)


def test_clustered_stderr_equals_the_double_sum(rng):
    values, clusters = rng.normal(size=25), rng.integers(0, 6, size=25)
    mean, total = values.mean(), 0.0
    for i, j in itertools.product(range(25), repeat=2):
        total += (values[i] - mean) * (values[j] - mean) if clusters[i] == clusters[j] else 0.0
    groups = len(set(clusters.tolist()))
    assert clustered_stderr(values, clusters) == pytest.approx(math.sqrt(groups / (groups - 1) * total) / 25)


def test_clusters_may_be_names():
    assert clustered_stderr([0, 1, 1, 0], ["a", "b", "b", "a"]) == pytest.approx(0.5)


def test_one_cluster_has_no_standard_error():
    with pytest.raises(DataError, match="at least 2 clusters"):
        clustered_stderr([0.0, 1.0], ["a", "a"])


def test_clusters_must_match_the_values():
    with pytest.raises(ShapeError, match="2 values but 1 clusters"):
        clustered_stderr([0.0, 1.0], ["a"])

"""Statistics over generated inputs against scipy and closed forms, and how often intervals cover."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from longwave.errors import DataError, ShapeError
from longwave.predictions import (
    bootstrap_interval,
    clustered_stderr,
    holm,
    mcnemar,
    paired_bootstrap,
    wilson_interval,
)

shares = st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
confidences = st.floats(0.01, 0.999)
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)
numbers = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12)
outcomes = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)
few = settings(max_examples=30)


@given(shares, confidences)
def test_wilson_equals_scipy_on_any_share(share, confidence):
    found = wilson_interval(*share, confidence=confidence)
    expected = stats.binomtest(*share).proportion_ci(confidence, method="wilson")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)


@given(shares, confidences)
def test_wilson_mirrors_when_successes_become_failures(share, confidence):
    successes, n = share
    found = wilson_interval(successes, n, confidence=confidence)
    mirror = wilson_interval(n - successes, n, confidence=confidence)
    assert (found.low, found.high) == pytest.approx((1 - mirror.high, 1 - mirror.low), abs=1e-12)


@given(shares, confidences, confidences)
def test_wilson_widens_with_confidence(share, first, second):
    narrow, wide = (wilson_interval(*share, confidence=c) for c in sorted((first, second)))
    assert wide.low <= narrow.low + 1e-12
    assert narrow.high <= wide.high + 1e-12


@given(shares, st.floats(0.5, 0.999))
def test_ends_of_wilson_solve_the_score_equation(share, confidence):
    successes, n = share
    z = stats.norm.ppf((1 + confidence) / 2)
    found = wilson_interval(successes, n, confidence=confidence)
    gaps = [abs(successes / n - p) - z * math.sqrt(p * (1 - p) / n) for p in (found.low, found.high)]
    assert gaps == pytest.approx([0, 0], abs=1e-6)


@pytest.mark.parametrize("n", [10, 40, 200], ids=lambda n: f"n{n}")
@pytest.mark.parametrize("p", [0.1, 0.5, 0.93], ids=str)
def test_wilson_covers_about_as_often_as_it_says(n, p):
    chances = stats.binom.pmf(np.arange(n + 1), n, p)
    intervals = [wilson_interval(k, n) for k in range(n + 1)]
    covered = sum(c for c, i in zip(chances, intervals, strict=True) if i.low <= p <= i.high)
    assert 0.91 < covered < 0.99


@given(outcomes)
def test_exact_mcnemar_equals_scipys_binomial_test(found):
    first, second = zip(*found, strict=True)
    result = mcnemar(first, second)
    assert result.first_only == sum(a and not b for a, b in found)
    total = result.first_only + result.second_only
    expected = stats.binomtest(result.first_only, total).pvalue if total else 1.0
    assert result.p_value == pytest.approx(expected, abs=1e-12)


@given(outcomes, st.sampled_from(["exact", "corrected"]))
def test_mcnemar_is_the_same_for_either_order(found, method):
    first, second = zip(*found, strict=True)
    there, back = mcnemar(first, second, method=method), mcnemar(second, first, method=method)
    assert there.p_value == back.p_value
    assert (there.first_only, there.second_only) == (back.second_only, back.first_only)


@given(st.integers(0, 200), st.integers(0, 200))
def test_corrected_mcnemar_equals_the_chi_squared_tail(b, c):
    first, second = [1] * b + [0] * c + [1], [0] * b + [1] * c + [1]
    statistic = max(0, abs(b - c) - 1) ** 2 / (b + c) if b + c else 0.0
    found = mcnemar(first, second, method="corrected").p_value
    assert found == pytest.approx(stats.chi2.sf(statistic, 1), abs=1e-12)


@given(p_values)
def test_holm_equals_the_step_down_loop(values):
    expected, highest = {}, 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        highest = max(highest, (len(values) - rank) * values[index])
        expected[index] = min(1.0, highest)
    assert holm(values).tolist() == pytest.approx([expected[i] for i in range(len(values))])


@given(p_values, st.randoms())
def test_holm_does_not_depend_on_the_order(values, random):
    places = list(range(len(values)))
    random.shuffle(places)
    np.testing.assert_array_equal(holm([values[i] for i in places]), holm(values)[places])


@given(p_values, st.floats(0.001, 0.2))
def test_holm_rejects_all_that_bonferroni_rejects(values, level):
    bonferroni = np.array(values) * len(values) <= level
    assert (holm(values)[bonferroni] <= level).all()


@given(numbers)
def test_single_clusters_give_scipys_standard_error(values):
    found = clustered_stderr(values, range(len(values)))
    assert found == pytest.approx(stats.sem(values), rel=1e-9, abs=1e-9)


@given(st.lists(st.tuples(st.floats(-100, 100), st.integers(0, 4)), min_size=2, max_size=20))
def test_clustered_stderr_equals_a_loop_over_clusters(found):
    values, clusters = zip(*found, strict=True)
    names = set(clusters)
    if len(names) < 2:
        with pytest.raises(DataError, match="at least 2 clusters, got 1"):
            clustered_stderr(values, clusters)
        return
    mean = sum(values) / len(values)
    squares = sum(sum(v - mean for v, c in found if c == name) ** 2 for name in names)
    expected = math.sqrt(len(names) / (len(names) - 1) * squares) / len(values)
    assert clustered_stderr(values, clusters) == pytest.approx(expected, abs=1e-9)


@few
@given(numbers, st.sampled_from(["percentile", "bca"]), confidences)
def test_bootstrap_interval_lies_within_the_values(values, method, confidence):
    found = bootstrap_interval(values, method=method, confidence=confidence, n_resamples=100)
    slack = 1e-9 * max(map(abs, values))
    assert min(values) - slack <= found.low <= found.high <= max(values) + slack


@pytest.mark.parametrize("confidence", [0.9, 0.99999, 1 - 1e-9], ids=str)
@pytest.mark.parametrize("sign", [1, -1], ids=["high-outlier", "low-outlier"])
def test_bca_holds_the_mean_of_values_with_one_outlier(sign, confidence):
    values = [0.0] * 99 + [1000.0 * sign]
    found = bootstrap_interval(values, method="bca", confidence=confidence)
    assert found.low <= found.estimate <= found.high


@few
@given(st.lists(st.integers(-1000, 1000), min_size=2, max_size=12), st.floats(-1e3, 1e3), st.floats(0.1, 10))
def test_bootstrap_moves_and_scales_with_the_values(values, shift, scale):
    found = bootstrap_interval(values, n_resamples=60)
    moved = bootstrap_interval(np.array(values) * scale + shift, n_resamples=60)
    expected = [end * scale + shift for end in (found.low, found.high)]
    assert [moved.low, moved.high] == pytest.approx(expected, rel=1e-6, abs=1e-6)


@few
@given(numbers)
def test_bootstrap_of_the_median_ends_at_medians_of_resamples(values):
    found = bootstrap_interval(values, lambda x: np.median(x, axis=-1), n_resamples=60)
    assert found.estimate == np.median(values)
    assert min(values) <= found.low <= found.high <= max(values)


def test_percentile_interval_covers_the_mean_of_normal_values():
    samples = np.random.default_rng(3).normal(size=(200, 60))
    found = [bootstrap_interval(sample, n_resamples=300, seed=i) for i, sample in enumerate(samples)]
    assert 0.89 < np.mean([interval.low <= 0 <= interval.high for interval in found]) < 0.99


def test_paired_test_rejects_true_equality_about_as_often_as_its_level():
    rng = np.random.default_rng(4)
    pairs = rng.normal(size=(200, 2, 50))
    found = [paired_bootstrap(a, b, n_resamples=300, seed=i).p_value for i, (a, b) in enumerate(pairs)]
    assert 0.01 < np.mean(np.array(found) < 0.05) < 0.11


@few
@given(numbers)
def test_paired_difference_from_itself_is_nothing(values):
    found = paired_bootstrap(values, values, n_resamples=50)
    assert (found.estimate, found.low, found.high, found.p_value) == (0, 0, 0, 1)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: paired_bootstrap([1.0], [math.inf]), DataError, "second model hold inf"),
        (lambda: paired_bootstrap([], []), DataError, "no values of the first model"),
        (lambda: mcnemar([1, 2], [0, 1]), DataError, "right and wrong .1 and 0. only"),
        (lambda: holm([0.2, math.nan]), DataError, "p-value of nan"),
        (lambda: clustered_stderr([1.0, 2.0], [1]), ShapeError, "2 values but 1 clusters"),
        (lambda: wilson_interval(-1, 5), DataError, "-1 successes of 5"),
    ],
    ids=["infinite", "empty", "no-outcome", "nan-p", "clusters", "negative"],
)
def test_impossible_input_is_refused(call, error, text):
    with pytest.raises(error, match=text):
        call()

"""Calibration errors and selective accuracy against the definitions, written out slowly."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError, DataError, ShapeError
from longwave.metrics import (
    bin_confidences,
    expected_calibration_error,
    selective_accuracy,
    selective_accuracy_curve,
    selective_coverage_area,
    summarize_calibration,
)
from longwave.metrics.calibration import FEW

# coarse confidences, so that ties are common
outcomes = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.booleans()), min_size=1, max_size=40
)


def naive_error(p, y, bins):
    """Equal-mass ECE by the words of its definition."""
    ordered, n = sorted(p), len(p)
    count = min(bins, n)
    sizes = [n // count + (1 if i < n % count else 0) for i in range(count)]
    edges, start = [], 0
    for size in sizes[:-1]:
        start += size
        edges.append((ordered[start - 1] + ordered[start]) / 2)
    edges = sorted({*edges, 1.0})
    members = {edge: [] for edge in edges}
    for confidence, right in zip(p, y, strict=True):
        members[min(edge for edge in edges if edge >= confidence)].append((confidence, right))
    return sum(
        len(part) / n * abs(np.mean([c for c, _ in part]) - np.mean([r for _, r in part]))
        for part in members.values()
        if part
    )


@given(outcomes, st.integers(1, 12))
def test_error_equals_the_definition(rows, bins):
    p, y = zip(*rows, strict=True)
    assert expected_calibration_error(p, y, bins=bins) == pytest.approx(naive_error(p, y, bins), abs=1e-12)


@given(outcomes, st.integers(1, 12))
def test_higher_confidences_are_in_no_lower_bin_and_equal_ones_in_one(rows, bins):
    p = sorted(confidence for confidence, _ in rows)
    places = bin_confidences(p, bins=bins).tolist()
    assert places == sorted(places)
    assert len(set(p)) == len(set(zip(p, places, strict=True)))


@pytest.mark.parametrize(("n", "bins"), [(1, 10), (7, 10), (97, 10), (100, 7)], ids=lambda n: str(n))
def test_bins_without_ties_differ_by_one_at_most(rng, n, bins):
    counts = np.bincount(bin_confidences(rng.random(n), bins=bins))
    assert len(counts) == min(n, bins)
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize("n", [1, 2, 9, 10, 11, 97, 1000])
def test_error_equals_the_definition_without_ties(rng, n):
    p, y = rng.uniform(size=n), rng.random(n) < 0.6
    assert expected_calibration_error(p, y) == pytest.approx(naive_error(p, y, 10), abs=1e-12)


@given(outcomes)
def test_one_bin_is_mean_confidence_against_accuracy(rows):
    p, y = np.array(rows, dtype=float).T
    assert expected_calibration_error(p, y, bins=1) == pytest.approx(abs(p.mean() - y.mean()), abs=1e-12)


@given(outcomes, st.randoms())
def test_order_of_rows_does_not_matter(rows, random):
    shuffled = random.sample(rows, len(rows))
    for function in (expected_calibration_error, selective_coverage_area):
        a, b = (function(*zip(*each, strict=True)) for each in (rows, shuffled))
        assert a == pytest.approx(b, abs=1e-12)


@given(outcomes)
def test_error_lies_between_0_and_1(rows):
    assert 0 <= expected_calibration_error(*zip(*rows, strict=True)) <= 1


def test_sure_and_right_has_no_error():
    assert expected_calibration_error([1.0] * 5, [True] * 5) == 0


def test_sure_and_wrong_has_error_one():
    assert expected_calibration_error([1.0] * 5, [False] * 5) == 1


def test_calibrated_predictions_have_a_small_error(rng):
    p = rng.uniform(size=20_000)
    assert expected_calibration_error(p, rng.random(20_000) < p) < 0.015


def test_shared_credit_counts_in_part():
    assert expected_calibration_error([0.5], [0.5]) == 0


def test_fewer_points_than_bins_are_accepted():
    assert expected_calibration_error([0.25, 0.75], [0, 1]) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("p", "y", "error", "text"),
    [
        ([], [], DataError, "needs at least 1"),
        ([0.5], [1, 0], ShapeError, r"shape \(1,\) and correct \(2,\)"),
        ([[0.5]], [[1]], ShapeError, "one axis"),
        ([1.5], [1], DataError, r"confidence holds 1.5; accepted are values in \[0, 1\]"),
        ([math.nan], [1], DataError, "confidence holds nan"),
        ([0.5], [2], DataError, "correct holds 2.0"),
    ],
    ids=["empty", "lengths", "axes", "above-1", "nan", "outcome"],
)
def test_bad_input_is_refused(p, y, error, text):
    with pytest.raises(error, match=text):
        expected_calibration_error(p, y)


def test_no_bins_are_refused():
    with pytest.raises(ConfigError, match="bins is 0"):
        expected_calibration_error([0.5], [1], bins=0)
    with pytest.raises(ConfigError, match="bins is 0"):
        bin_confidences([0.5], bins=0)


def test_curve_is_the_accuracy_of_the_most_confident():
    curve = selective_accuracy_curve([0.2, 0.9, 0.5], [1, 1, 0])
    assert curve.tolist() == pytest.approx([1, 1 / 2, 2 / 3])


def test_ties_share_their_mean():
    assert selective_accuracy_curve([0.5, 0.5, 0.1], [1, 0, 0]).tolist() == pytest.approx([0.5, 0.5, 1 / 3])


@given(outcomes)
def test_curve_ends_at_the_accuracy(rows):
    p, y = zip(*rows, strict=True)
    assert selective_accuracy_curve(p, y)[-1] == pytest.approx(np.mean(y))


def test_area_is_the_mean_of_the_curve():
    assert selective_coverage_area([0.9, 0.5], [1, 0]) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("n", "ceil", "helm"),
    [(1, 1, 1), (5, 1, 1), (10, 1, 2), (11, 2, 2), (20, 2, 3), (30, 3, 4), (99, 10, 10)],
)
def test_coverage_of_a_tenth_keeps(n, ceil, helm):
    p = np.linspace(1, 0, n)
    y = np.arange(1, n + 1) / n  # a different accuracy for every k
    curve = selective_accuracy_curve(p, y)
    assert selective_accuracy(p, y) == curve[ceil - 1]
    assert selective_accuracy(p, y, indexing="helm") == curve[helm - 1]


@pytest.mark.parametrize("indexing", ["ceil", "helm"])
def test_full_coverage_is_the_accuracy(indexing):
    assert selective_accuracy([0.9, 0.5, 0.3], [1, 0, 1], coverage=1.0, indexing=indexing) == pytest.approx(
        2 / 3
    )


@pytest.mark.parametrize("coverage", [0.0, 1.1])
def test_coverage_outside_its_range_is_refused(coverage):
    with pytest.raises(ConfigError, match=f"coverage is {coverage}"):
        selective_accuracy([0.5], [1], coverage=coverage)


def test_unknown_indexing_is_refused():
    with pytest.raises(ConfigError, match='Unknown indexing "floor"'):
        selective_accuracy([0.5], [1], indexing="floor")


@pytest.fixture
def answers(table, rng):
    """Return 400 rows of an overconfident model."""
    p = rng.uniform(0.5, 1, size=400)
    return table(400, confidence=p, correct=rng.random(400) < p - 0.2)


def test_summary_holds_the_functions_values(answers, value_of):
    p, y = answers["confidence"].to_numpy(), answers["correct"].to_numpy()
    summary = summarize_calibration(answers)
    for metric, want in {
        "expected_calibration_error": expected_calibration_error(p, y),
        "expected_calibration_error_1_bin": expected_calibration_error(p, y, bins=1),
        "selective_coverage_area": selective_coverage_area(p, y),
        "selective_accuracy_10": selective_accuracy(p, y),
    }.items():
        assert value_of(summary, metric) == pytest.approx(want), metric


def test_platt_scaling_mends_overconfidence(answers, value_of):
    summary = summarize_calibration(answers)
    before, after = (value_of(summary, f"{name}_calibration_error") for name in ("expected", "platt"))
    assert after < before


def test_error_of_one_bin_has_the_closed_form_spread(answers, value_of):
    summary = summarize_calibration(answers, n_resamples=800)
    gap = answers["confidence"].to_numpy() - answers["correct"].to_numpy()
    got = value_of(summary, "expected_calibration_error_1_bin", "stderr")
    assert got == pytest.approx(gap.std() / 20, rel=0.1)


def test_trials_are_computed_apart_and_averaged(table, value_of):
    frame = table(
        4, confidence=[0.9, 0.9, 0.9, 0.9], correct=[True, True, False, False],
        trial=[0, 0, 1, 1], instance=["a", "b", "a", "b"],
    )  # fmt: skip
    summary = summarize_calibration(frame)
    assert value_of(summary, "expected_calibration_error") == pytest.approx((0.1 + 0.9) / 2)


def test_nothing_is_fitted_when_all_is_right(table, value_of):
    frame = table(3, confidence=[0.5, 0.6, 0.7], correct=[True] * 3)
    assert value_of(summarize_calibration(frame), "platt_slope") is None


def test_rows_without_confidence_give_an_empty_summary(table):
    assert len(summarize_calibration(table(2, correct=[True, False]))) == 0


def test_rows_of_the_smallest_trial_are_told(table, value_of):
    frame = table(3, confidence=[0.5] * 3, correct=[True] * 3, trial=[0, 0, 1], instance=["a", "b", "a"])
    summary = summarize_calibration(frame)
    assert value_of(summary, "calibration_rows") == 1 < FEW
    assert value_of(summary, "calibration_rows", "n") == 3


def test_few_rows_are_data_and_not_a_warning(table, caplog):
    summarize_calibration(table(3, confidence=[0.5] * 3, correct=[True] * 3))
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("logprob", "is_measured"),
    [
        pytest.param([0.0, 0.0], False, id="all-zero"),
        pytest.param([0.0, -0.5], True, id="one-negative"),
        pytest.param([None, 0.0], False, id="zero-and-unknown"),
        pytest.param([None, None], True, id="confidences-from-elsewhere"),
        pytest.param([-math.inf, 0.0], True, id="minus-infinity"),
    ],
)
def test_group_without_a_negative_logprob_is_skipped(table, logprob, is_measured):
    frame = table(2, confidence=[1.0, 0.9], correct=[True, False], logprob=logprob)
    assert bool(len(summarize_calibration(frame))) is is_measured


def test_only_the_group_without_probabilities_is_skipped(table):
    frame = table(
        2, model=["a", "b"], confidence=[1.0, 0.9], correct=[True, False], logprob=[0.0, -0.1]
    )  # fmt: skip
    assert summarize_calibration(frame, ["model"])["model"].unique().to_list() == ["b"]


def test_table_without_logprobs_is_measured(table):
    frame = table(2, confidence=[1.0, 0.9], correct=[True, False]).drop("logprob")
    assert len(summarize_calibration(frame))


def naive_helm(p, y):
    """The reference code's four figures by the words of its definition."""
    y = [int(value) for value in y]
    order = sorted(range(len(p)), key=lambda place: -p[place])  # stable, as the rows come
    curve = [np.mean([y[place] for place in order[:k]]) for k in range(1, len(p) + 1)]
    tenth = curve[int(0.1 * len(p))]
    return naive_error(p, y, 10), abs(np.mean(p) - np.mean(y)), np.mean(curve), tenth


shares = st.lists(
    st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.sampled_from([0.0, 0.5, 1.0])),
    min_size=1,
    max_size=40,
)


@given(shares)
def test_helm_form_equals_its_definition(rows):
    p, y = zip(*rows, strict=True)
    got = (
        expected_calibration_error(p, y, compat="helm"),
        expected_calibration_error(p, y, bins=1, compat="helm"),
        selective_coverage_area(p, y, compat="helm"),
        selective_accuracy(p, y, compat="helm"),
    )
    assert got == pytest.approx(naive_helm(p, y), abs=1e-12)


def test_helm_cuts_shared_credit():
    assert expected_calibration_error([0.5], [0.5], compat="helm") == 0.5


def test_helm_keeps_the_order_of_the_rows_among_ties():
    assert selective_accuracy_curve([0.5, 0.5], [1, 0], compat="helm").tolist() == [1.0, 0.5]


def test_helm_summary_holds_the_helm_values(table, rng, value_of):
    p, y = rng.choice([0.25, 0.5, 0.75], size=40), rng.random(40) < 0.5
    summary = summarize_calibration(table(40, confidence=p, correct=y), compat="helm")
    names = (
        "expected_calibration_error",
        "expected_calibration_error_1_bin",
        "selective_coverage_area",
        "selective_accuracy_10",
    )
    got = [value_of(summary, name) for name in names]
    assert got == pytest.approx(naive_helm(p.tolist(), y.tolist()))


@pytest.mark.parametrize(("compat", "want"), [(None, None), ("helm", 0.0)], ids=["ours", "helm"])
def test_error_after_scaling_where_all_is_right(table, value_of, compat, want):
    frame = table(3, confidence=[0.5, 0.6, 0.7], correct=[True] * 3)
    summary = summarize_calibration(frame, compat=compat)
    assert value_of(summary, "platt_calibration_error") == want
    assert value_of(summary, "platt_slope") is None


def test_helm_averages_the_zero_of_a_trial_that_cannot_be_fitted(table, value_of):
    frame = table(
        8, confidence=[0.9, 0.8, 0.3, 0.2] * 2, correct=[True, False, True, False] + [True] * 4,
        trial=[0] * 4 + [1] * 4, instance=["a", "b", "c", "d"] * 2,
    )  # fmt: skip
    ours, helm = (
        value_of(summarize_calibration(frame, compat=compat), "platt_calibration_error")
        for compat in (None, "helm")
    )
    assert helm == pytest.approx(ours / 2)


@pytest.mark.parametrize(
    "call",
    [
        lambda: expected_calibration_error([0.5], [1], compat="upstream"),
        lambda: selective_accuracy_curve([0.5], [1], compat="upstream"),
        lambda: selective_accuracy([0.5], [1], compat="upstream"),
        lambda: summarize_calibration(pl.DataFrame(), compat="upstream"),
    ],
    ids=["error", "curve", "accuracy", "summary"],
)
def test_unknown_form_is_refused(call):
    with pytest.raises(ConfigError, match='Unknown compat "upstream"'):
        call()


def test_seed_repeats_the_spread(answers):
    assert summarize_calibration(answers, seed=3).equals(summarize_calibration(answers, seed=3))

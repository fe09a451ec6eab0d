"""Accuracy metrics: the definitions, by cases and by properties."""

from __future__ import annotations

import string

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from longwave.metrics import (
    exact_match,
    exact_match_indicator,
    final_number_exact_match,
    normalise,
    prefix_exact_match,
    quasi_exact_match,
    quasi_prefix_exact_match,
    summarize_accuracy,
    summarize_errors,
    summarize_scores,
    token_f1,
)

words = st.lists(st.sampled_from(["red", "blue", "the", "a", "Fish", "no.", "7"]), max_size=6).map(" ".join)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("The  cat\tsat.", "cat sat"),
        ("U.S.A.", "usa"),
        ("a an the", ""),
        ("theatre and annals", "theatre and annals"),
        ("", ""),
        ("«Ça» va", "«ça» va"),
        ("it's a-b", "its ab"),
    ],
)
def test_normalise(text, want):
    assert normalise(text) == want


@given(st.text())
def test_normalise_twice_is_once(text):
    once = normalise(text)
    assert normalise(once).split() == [word for word in once.split() if word not in ("a", "an", "the")]


@given(st.text())
def test_normalised_text_has_no_ascii_punctuation(text):
    assert not set(normalise(text)) & set(string.punctuation)


@pytest.mark.parametrize(
    ("function", "prediction", "reference", "want"),
    [
        (exact_match, " Yes\n", "Yes", 1),
        (exact_match, "yes", "Yes", 0),
        (exact_match, "", "", 0),
        (exact_match, "  ", "", 0),
        (quasi_exact_match, "The yes!", "Yes", 1),
        (quasi_exact_match, "yes no", "yes", 0),
        (quasi_exact_match, "", "Yes", 0),
        (quasi_exact_match, "A", "a", 1),
        (quasi_exact_match, "The", "A", 0),
        (quasi_exact_match, ".", "?", 0),
        (quasi_exact_match, "", "", 0),
        (prefix_exact_match, " Yes, it is", "Yes", 1),
        (prefix_exact_match, "It is. Yes", "Yes", 0),
        (prefix_exact_match, "Yes", "", 0),
        (quasi_prefix_exact_match, "the YES it is", "Yes.", 1),
        (quasi_prefix_exact_match, "no", "A", 0),
        (quasi_prefix_exact_match, "A", "A", 1),
        (exact_match_indicator, "thus the answer is 7", "so we get 7", 1),
        (exact_match_indicator, "7", "so we get 7", 1),
        (exact_match_indicator, "7 apples ", "8 apples", 1),
        (exact_match_indicator, "", "", 0),
        (final_number_exact_match, "1,234 and 5,678.50", "The answer is 5678.5.", 1),
        (final_number_exact_match, "it is 18", "18.0", 1),
        (final_number_exact_match, "-3", "3", 0),
        (final_number_exact_match, "5 10", "10", 1),
        (final_number_exact_match, "none", "none", 0),
        (final_number_exact_match, "7,", "7", 1),
    ],
)
def test_metric(function, prediction, reference, want):
    assert function(prediction, reference) == want


@pytest.mark.parametrize(
    ("prediction", "reference", "sets", "bags"),
    [
        ("red fish", "red fish", 1, 1),
        ("red red fish", "red fish", 1, 0.8),
        ("red", "blue", 0, 0),
        ("", "blue", 0, 0),
        ("the", "blue", 0, 0),
        ("the", "The", 1, 1),
        ("red blue green", "the red", 0.5, 0.5),
    ],
)
def test_token_f1_of_sets_and_bags(prediction, reference, sets, bags):
    assert token_f1(prediction, reference) == pytest.approx(sets)
    assert token_f1(prediction, reference, counting="bags") == pytest.approx(bags)


@given(words, words)
def test_token_f1_is_symmetric_and_bounded(a, b):
    assert 0 <= token_f1(a, b) == token_f1(b, a) <= 1


@given(words, words)
def test_token_f1_is_the_harmonic_mean_of_precision_and_recall(a, b):
    got, want = set(normalise(a).split()), set(normalise(b).split())
    common = len(got & want)
    if common:
        precision, recall = common / len(got), common / len(want)
        assert token_f1(a, b) == pytest.approx(2 * precision * recall / (precision + recall))


def test_scores_are_averaged_by_group(table, value_of):
    frame = table(4, score=[1.0, 0.0, 0.5, 0.75], model=["a", "a", "b", "b"])
    summary = summarize_scores(frame, ["model"])
    assert [value_of(summary, "score", model=name) for name in "ab"] == [0.5, 0.625]


def test_score_of_any_range_has_an_interval_around_it(table, rng):
    values = rng.normal(3, 1, size=50)
    row = summarize_scores(table(50, score=values)).row(0, named=True)
    stderr = scipy.stats.sem(values)
    assert (row["stderr"], row["low"], row["high"]) == pytest.approx(
        (stderr, values.mean() - 1.959964 * stderr, values.mean() + 1.959964 * stderr), rel=1e-6
    )


def test_accuracy_has_wilsons_interval(table):
    row = summarize_accuracy(table(20, correct=[True] * 15 + [False] * 5)).row(0, named=True)
    want = scipy.stats.binomtest(15, 20).proportion_ci(method="wilson")
    assert (row["value"], row["low"], row["high"]) == pytest.approx((0.75, want.low, want.high))


def test_trials_of_one_instance_do_not_narrow_the_interval(table):
    correct = [True] * 15 + [False] * 5
    once = summarize_accuracy(table(20, correct=correct)).row(0, named=True)
    names = [f"id{i:04d}" for i in range(20)] * 3
    thrice = table(60, correct=correct * 3, instance=names, trial=np.repeat([0, 1, 2], 20).tolist())
    row = summarize_accuracy(thrice).row(0, named=True)
    assert row["stderr"] == pytest.approx(once["stderr"])
    assert (row["low"], row["high"]) == pytest.approx((once["low"], once["high"]), abs=0.01)


def test_perturbed_rows_count_only_when_grouped_by_perturbation(table, value_of):
    frame = table(2, correct=[True, False], instance=["id0", "id0"], perturbation=[None, "typos"])
    assert summarize_accuracy(frame)["value"].to_list() == [1.0]
    by = summarize_accuracy(frame, ["perturbation"])
    assert value_of(by, "accuracy", perturbation="typos") == 0.0


def test_rows_without_a_score_do_not_count(table):
    row = summarize_scores(table(3, score=[1.0, None, 0.0])).row(0, named=True)
    assert (row["value"], row["n"]) == (0.5, 2)


def test_error_rate_is_the_share_of_failed_requests(table):
    frame = table(4, error=["timed out", None, None, None])
    assert summarize_errors(frame)["value"].to_list() == [0.25]

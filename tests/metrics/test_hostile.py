"""Values that users do meet and that no average likes: infinities, missing groups, tiny shares, odd texts."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave import metrics
from longwave.errors import DataError, TableError

texts = st.text(max_size=30)
PAIRS = [
    metrics.exact_match,
    metrics.quasi_exact_match,
    metrics.prefix_exact_match,
    metrics.quasi_prefix_exact_match,
    metrics.token_f1,
    metrics.exact_match_indicator,
    metrics.final_number_exact_match,
]
pairs = pytest.mark.parametrize("metric", PAIRS, ids=lambda f: f.__name__)


@pairs
@given(texts, texts)
def test_any_two_texts_get_a_share(metric, prediction, reference):
    assert 0 <= metric(prediction, reference) <= 1


@pairs
@given(texts, texts, st.text(" \t\n", max_size=3))
def test_white_space_at_the_ends_does_not_count(metric, prediction, reference, blank):
    assert metric(blank + prediction + blank, reference) == metric(prediction, blank + reference + blank)


@given(texts, texts)
def test_exact_answers_are_right_by_every_looser_measure(prediction, reference):
    strict = metrics.exact_match(prediction, reference)
    quasi = metrics.quasi_exact_match(prediction, reference)
    assert strict <= quasi <= metrics.quasi_prefix_exact_match(prediction, reference)
    assert strict <= metrics.prefix_exact_match(prediction, reference)
    assert quasi <= metrics.token_f1(prediction, reference)


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        ("so 12,345", "12345.00", 1.0),
        ("-5", "5", 0.0),
        ("it is .5", "0.50", 1.0),
        ("3 or 4", "3", 0.0),
        ("٣", "3", 1.0),
        ("none", "none", 0.0),
        ("9" * 5000, "9" * 5000, 1.0),
        ("9" * 5000, "9" * 4999 + "8", 0.0),
    ],
    ids=["commas", "sign", "bare-dot", "last-counts", "arabic-digit", "no-number", "huge", "huge-differs"],
)
def test_final_number(prediction, reference, expected):
    assert metrics.final_number_exact_match(prediction, reference) == expected


@pytest.mark.parametrize("coverage", [1e-12, 1e-9, 0.2], ids=str)
def test_tiny_coverage_keeps_the_most_confident(coverage):
    assert metrics.selective_accuracy([0.2, 0.9, 0.1], [0, 1, 0], coverage=coverage) == 1.0


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=20), st.floats(1e-12, 1))
def test_selective_accuracy_is_a_point_of_its_curve(found, coverage):
    p, y = zip(*found, strict=True)
    curve = metrics.selective_accuracy_curve(p, y)
    kept = max(1, math.ceil(round(coverage * len(p), 9)))
    assert metrics.selective_accuracy(p, y, coverage=coverage) == curve[kept - 1]


def test_impossible_text_makes_infinite_bits_without_an_interval(table):
    frame = table(2, logprob=[-math.inf, -1.0], input=["abc", "de"])
    row = metrics.summarize_language(frame).row(0, named=True)
    assert (row["value"], row["stderr"], row["low"], row["high"]) == (math.inf, None, None, None)


@pytest.mark.parametrize("score", [math.inf, -math.inf], ids=str)
def test_infinite_score_has_no_interval(table, score):
    row = metrics.summarize_scores(table(2, score=[score, 1.0])).row(0, named=True)
    assert (row["value"], row["stderr"], row["low"], row["high"]) == (score, None, None, None)


@pytest.mark.parametrize("function", ["group_accuracy", "worst_group_accuracy", "gap_pp"])
def test_row_without_a_group_is_refused_by_functions(function):
    groups = pl.Series(["a", None])
    with pytest.raises(DataError, match=r"no group \(None\)"):
        getattr(metrics, function)([1, 0], groups)


def test_empty_frame_says_that_it_has_no_columns():
    with pytest.raises(TableError, match=r'no column "scenario".* It has: none'):
        metrics.summarize_accuracy(pl.DataFrame())


def test_misspelt_grouping_names_the_nearest_column(table):
    with pytest.raises(TableError, match=r'no column "modle"\. Did you mean "model"\?'):
        metrics.summarize_accuracy(table(1, correct=[True]), ["modle"])


def test_null_is_a_group_of_its_own(table):
    frame = table(3, correct=[True, False, True], group=[None, None, "x"])
    found = metrics.summarize_accuracy(frame, ["group"])
    assert found.select("group", "value", "n").rows() == [(None, 0.5, 2), ("x", 1.0, 1)]


def test_columns_named_like_the_summarys_own_do_not_disturb(table):
    frame = table(2, correct=[True, False]).with_columns(value=pl.lit("v"), count=pl.lit(7), total=pl.lit(8))
    found = metrics.summarize_accuracy(frame, ["count"])
    assert found.select("count", "metric", "n").rows() == [(7, "accuracy", 2)]
    assert found["value"].to_list() == [0.5]


@pytest.mark.parametrize("name", ["expected_calibration_error", "accuracy", "worst_group_accuracy"])
def test_metric_gives_no_rows_of_other_metrics(table, name):
    frame = table(4, correct=[True, False] * 2, confidence=[0.1, 0.9, 0.5, 0.6], group=["a", "b"] * 2)
    assert set(metrics.get_metric(name).summarize(frame)["metric"]) == {name}


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=2, max_size=30))
def test_platt_scaling_never_raises_the_loss(found):
    p, y = (np.array(part, dtype=float) for part in zip(*found, strict=True))
    scaling = metrics.fit_platt_scaling(p, y)
    if scaling is None:
        assert y.min() == y.max()
        return

    def loss(q):
        q = np.clip(q, 1e-12, 1 - 1e-12)
        return -(y * np.log(q) + (1 - y) * np.log1p(-q)).sum()

    assert loss(scaling.apply(p)) <= loss(p) + 1e-6

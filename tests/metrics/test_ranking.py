from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from longwave.errors import DataError
from longwave.metrics import (
    Answer,
    document_relevance,
    get_metric,
    ndcg,
    recall_at,
    reciprocal_rank,
    success_at,
)
from longwave.registry import entries
from longwave.scenarios import Instance, Reference

NAMES = [
    name for name in entries("metrics") if name.startswith(("reciprocal_rank", "ndcg", "recall", "success"))
]
grades = st.lists(st.integers(0, 3), min_size=1, max_size=12)


def make_answer(documents, ranking=(), prediction=None, **extra):
    references = tuple(
        Reference(text=f"d{place}", tags=tuple(tags.split())) for place, tags in enumerate(documents)
    )
    instance = Instance(id="q", input="why", references=references, split="valid", extra=extra)
    return Answer(instance=instance, prediction=prediction, ranking=tuple(ranking))


# the plain functions


@pytest.mark.parametrize(
    ("relevances", "k", "value"),
    [([0, 1], 5, 0.5), ([0, 0, 1], 2, 0.0), ([1, 1], 1, 1.0), ([], 5, 0.0), ([0, -1, 2], 5, 1 / 3)],
    ids=["second", "too-deep", "first", "empty", "negative"],
)
def test_reciprocal_rank_is_that_of_the_first_relevant_document(relevances, k, value):
    assert reciprocal_rank(relevances, k) == pytest.approx(value)


def test_ndcg_by_hand():
    gain = 2 / math.log2(2) + 0 + 3 / math.log2(4)
    best = 3 / math.log2(2) + 2 / math.log2(3) + 1 / math.log2(4)
    assert ndcg([2, 0, 3], [0, 1, 2, 3], 3) == pytest.approx(gain / best)


@given(st.permutations(range(8)), st.lists(st.integers(0, 3), min_size=8, max_size=8), st.integers(1, 10))
def test_ndcg_agrees_with_scikit_learn(order, true, k):
    ranked = [true[place] for place in order]
    scores = np.empty(8)
    scores[list(order)] = np.arange(8, 0, -1)
    want = ndcg_score([true], [scores], k=k) if any(true) else 0.0
    assert ndcg(ranked, true, k) == pytest.approx(want)


@given(grades, st.integers(1, 12))
def test_the_ideal_order_has_an_ndcg_of_exactly_one(true, k):
    assert ndcg(sorted(true, reverse=True), true, k) == float(any(true))


@given(grades, st.integers(1, 12))
def test_swapping_a_better_document_upwards_never_lowers_the_ndcg(true, k):
    for place in range(len(true) - 1):
        if true[place] < true[place + 1]:
            better = [*true[:place], true[place + 1], true[place], *true[place + 2 :]]
            assert ndcg(better, true, k) >= ndcg(true, true, k)


def test_junk_below_zero_gains_and_costs_nothing():
    assert ndcg([-2, 1], [-2, 1], 10) == pytest.approx(1 / math.log2(3))


@pytest.mark.parametrize(
    ("relevances", "n_relevant", "k", "value"),
    [([1, 0, 1], 4, 2, 0.25), ([1, 1], 2, 20, 1.0), ([0], 0, 5, 0.0), ([], 3, 5, 0.0)],
    ids=["some", "all", "none-there", "none-ranked"],
)
def test_recall_is_the_share_of_all_relevant_documents(relevances, n_relevant, k, value):
    assert recall_at(relevances, n_relevant, k) == value


@given(grades)
def test_success_and_recall_never_fall_with_depth(true):
    for measure in (success_at, lambda found, k: recall_at(found, 12, k), reciprocal_rank):
        values = [measure(true, k) for k in range(1, 14)]
        assert values == sorted(values)


# grades of documents


@pytest.mark.parametrize(
    ("tags", "grade"),
    [((), 0), (("correct",), 1), (("relevance=3", "correct"), 3), (("rank=2", "relevance=1"), 1)],
)
def test_a_document_has_the_grade_of_its_tag(tags, grade):
    assert document_relevance(Reference(text="d", tags=tags)) == grade


@pytest.mark.parametrize("grade", ["", "high", "nan", "inf"])
def test_a_grade_that_is_no_number_is_refused(grade):
    with pytest.raises(DataError, match=f'the tag "relevance={grade}"; write a number'):
        document_relevance(Reference(text="d", tags=(f"relevance={grade}",)))


# the metrics


def test_all_measures_are_registered_at_all_depths():
    assert sorted(NAMES) == sorted(
        [f"reciprocal_rank_{k}" for k in (5, 10, 20)]
        + [f"ndcg_{k}" for k in (5, 10, 20)]
        + [f"{name}_{k}" for name in ("recall", "success") for k in (1, 2, 3, 5, 10, 20)]
        + [f"{name}_10_retrieved" for name in ("reciprocal_rank", "ndcg", "recall", "success")]
    )


GRADED = ("rank=1 relevance=1", "rank=2 relevance=3 correct", "relevance=2 correct", "rank=3")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reciprocal_rank_10", 1 / 2),
        ("reciprocal_rank_10_retrieved", 1 / 3),
        ("success_1", 0.0),
        ("success_2", 1.0),
        ("recall_2", 1 / 2),
        ("recall_10", 1.0),
        ("recall_10_retrieved", 1 / 2),
        ("ndcg_10", (2 / math.log2(3) + 1 / 2 + 3 / math.log2(5)) / (3 + 2 / math.log2(3) + 1 / 2)),
        ("ndcg_10_retrieved", (1 / math.log2(3) + 3 / 2) / (3 + 2 / math.log2(3) + 1 / 2)),
    ],
)
def test_metrics_of_a_graded_query_by_hand(name, value):
    answer = make_answer(GRADED, ranking=(3, 2, 0, 1))
    assert get_metric(name).measure(answer) == pytest.approx(value)


@pytest.mark.parametrize("name", NAMES)
def test_a_query_without_a_relevant_document_scores_zero(name):
    assert get_metric(name).measure(make_answer(["rank=1", "rank=2"], ranking=(1, 0))) == 0


@pytest.mark.parametrize("name", NAMES)
def test_the_best_order_gets_full_marks(name):
    metric = get_metric(name)
    best = make_answer(("rank=2 relevance=1 correct", "rank=1"), ranking=(0, 1))
    assert metric.measure(best) == 1
    assert metric.is_full_marks(metric.measure(best))


def test_relevant_documents_that_no_list_holds_count_for_recall():
    answer = make_answer(["correct", ""], ranking=(0, 1), n_relevant=4)
    assert get_metric("recall_10").measure(answer) == 1 / 4


def test_documents_without_ranks_are_all_taken_as_found():
    answer = make_answer(["", "correct"], ranking=(0, 1))
    assert get_metric("reciprocal_rank_10_retrieved").measure(answer) == 1 / 2


@pytest.mark.parametrize(("prediction", "value"), [("d1", 1.0), ("d0", 0.0), ("x", 0.0), (None, 0.0)])
def test_a_prediction_without_a_ranking_is_ranked_alone(prediction, value):
    answer = make_answer(["", "correct"], prediction=prediction)
    assert get_metric("reciprocal_rank_10").measure(answer) == value


@given(st.permutations(range(4)))
def test_every_metric_stays_in_its_range(ranking):
    answer = make_answer(GRADED, ranking=ranking)
    assert all(0 <= get_metric(name).measure(answer) <= 1 for name in NAMES)

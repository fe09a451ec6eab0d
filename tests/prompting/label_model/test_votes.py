"""Vote matrices: what is accepted, what is refused with which words, and distinct rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ConfigError, DataError, ShapeError
from longwave.prompting.label_model.votes import VotePatterns, check_class_balance, check_votes, count_votes

few = settings(max_examples=40)
matrices = st.builds(
    lambda seed, n, m: np.random.default_rng(seed).integers(-1, 3, (n, m)),
    st.integers(0, 10_000),
    st.integers(1, 12),
    st.integers(1, 5),
)


@pytest.mark.parametrize(
    ("votes", "words"),
    [
        pytest.param([[0, 3]], "prompt 1 on instance 0 is 3", id="above"),
        pytest.param([[0, -2]], "prompt 1 on instance 0 is -2", id="below"),
        pytest.param([[0, 1], [np.nan, 1]], "prompt 0 on instance 1 is nan", id="nan"),
        pytest.param([[np.inf, 1]], "write -1 where a prompt abstains", id="infinite"),
        pytest.param([[0.5, 1]], "pass whole numbers", id="share"),
        pytest.param([["yes", "no"]], 'votes are of type "<U3"', id="text"),
        pytest.param([[0, None]], 'votes are of type "object"', id="none"),
    ],
)
def test_a_vote_that_is_no_class_is_named(votes, words):
    with pytest.raises(DataError, match=words):
        check_votes(votes, 3)


@pytest.mark.parametrize(
    ("votes", "words"),
    [
        pytest.param([0, 1], r"shape \(2,\)", id="vector"),
        pytest.param(np.zeros((3, 0), dtype=int), r"one prompt at least", id="no-prompt"),
        pytest.param([[0, 1], [0]], "rows of different lengths", id="ragged"),
    ],
)
def test_votes_must_be_a_matrix(votes, words):
    with pytest.raises(ShapeError, match=words):
        check_votes(votes, 3)


def test_votes_must_have_the_fitted_prompts():
    with pytest.raises(ShapeError, match="votes have 2 prompts, but the model was fitted on 3"):
        check_votes([[0, 1]], 2, n_prompts=3)


@pytest.mark.parametrize("n_classes", [1, 0, 2.0, True, None])
def test_two_classes_are_the_least(n_classes):
    with pytest.raises(ConfigError, match="n_classes is"):
        check_votes([[0, 1]], n_classes)


@pytest.mark.parametrize(
    "votes", [[[0, 1, -1]], np.array([[0.0, 1.0, -1.0]]), np.array([[0, 1, -1]], np.int8)]
)
def test_whole_numbers_of_any_type_are_votes(votes):
    assert check_votes(votes, 2).tolist() == [[0, 1, -1]]
    assert check_votes(votes, 2).dtype == np.int64


def test_truth_values_are_votes_for_two_classes():
    assert check_votes(np.array([[True, False]]), 2).tolist() == [[1, 0]]


def test_no_rows_are_a_matrix():
    assert check_votes(np.zeros((0, 3), dtype=int), 2).shape == (0, 3)


@pytest.mark.parametrize("balance", [[0.5, 0.6], [1.0, 0.0], [0.3, 0.3, 0.4], [np.nan, 1.0], [0.5]])
def test_a_class_balance_is_a_positive_share_for_each_class(balance):
    with pytest.raises(ConfigError, match="2 shares above 0"):
        check_class_balance(balance, 2)


@few
@given(matrices)
def test_distinct_rows_give_the_votes_back(votes):
    patterns = VotePatterns.of(votes, 3)
    assert (patterns.rows[patterns.inverse] == votes).all()
    assert patterns.counts.sum() == len(votes)
    assert len(np.unique(patterns.rows, axis=0)) == len(patterns.rows)


@few
@given(matrices, st.randoms())
def test_distinct_rows_do_not_depend_on_the_order_of_instances(votes, random):
    order = list(range(len(votes)))
    random.shuffle(order)
    before, after = VotePatterns.of(votes, 3), VotePatterns.of(votes[order], 3)
    assert (before.rows == after.rows).all()
    assert (before.counts == after.counts).all()


@pytest.mark.parametrize("m", [3, 13, 45], ids=["table", "sorted-codes", "sorted-rows"])
def test_every_way_of_finding_distinct_rows_agrees(m):
    votes = np.random.default_rng(m).integers(-1, 3, (200, m))
    votes[100:] = votes[:100]
    rows, counts = np.unique(votes, axis=0, return_counts=True)
    patterns = VotePatterns.of(votes, 3)
    assert (patterns.rows == rows).all()
    assert (patterns.counts == counts).all()


def test_votes_are_counted_by_class():
    assert count_votes(np.array([[0, 1, 1], [-1, -1, 2]]), 3).tolist() == [[1, 2, 0], [0, 0, 1]]

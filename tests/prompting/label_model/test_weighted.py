"""Weighted votes: given weights, weights from labels, weights from agreement."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.errors import ConfigError, DataError, ShapeError
from longwave.prompting.label_model import MajorityVote, VoteSource, WeightedVote, make_votes
from longwave.prompting.label_model.sources import confusion, single


def uneven(n=4000):
    groups = tuple(single(confusion(a, 2)) for a in (0.9, 0.6, 0.6, 0.55, 0.55))
    return VoteSource(class_balance=np.array([0.5, 0.5]), groups=groups).sample(n, 0)


def test_given_weights_are_added_up():
    model = WeightedVote(2, weights=[3, 1, 1]).fit([[0, 1, 1]])
    assert model.predict_proba([[0, 1, 1]])[0] == pytest.approx([0.6, 0.4])


def test_a_negative_weight_speaks_against_its_vote():
    model = WeightedVote(2, weights=[-1.0]).fit([[0]])
    assert model.predict([[0], [1]]).tolist() == [1, 0]


def test_rows_without_votes_are_uniform():
    assert WeightedVote(4, weights=[1.0]).fit([[0]]).predict_proba([[-1]])[0] == pytest.approx([0.25] * 4)


def test_weights_from_labels_beat_the_majority():
    drawn = uneven()
    model = WeightedVote().fit(drawn.votes, drawn.labels)
    majority = MajorityVote().fit(drawn.votes).predict_proba(drawn.votes)
    assert drawn.accuracy(model.predict_proba(drawn.votes)) > drawn.accuracy(majority) + 0.1


def test_weights_from_labels_are_those_of_the_formula():
    drawn = uneven(400)
    kept = np.arange(400) % 5 != 4
    error = (drawn.votes[kept] != drawn.labels[kept, None]).mean(axis=0)
    weights = WeightedVote().fit(drawn.votes, drawn.labels).weights_
    ratio = np.log(weights) / -error
    assert ratio == pytest.approx(np.full(5, ratio[0]))
    assert any(ratio[0] == pytest.approx(eta) for eta in (0.25, 0.5, 1, 2, 4, 8, 16, 32))


def test_weights_from_agreement_beat_the_majority():
    drawn = make_votes("independent", 3000, 0)
    p = WeightedVote().fit(drawn.votes).predict_proba(drawn.votes)
    assert drawn.accuracy(p) > drawn.accuracy(MajorityVote().fit(drawn.votes).predict_proba(drawn.votes))


def test_two_prompts_weigh_the_same():
    assert WeightedVote().fit([[0, 1], [1, 1]]).weights_.tolist() == [1, 1]


def test_four_labelled_rows_leave_nothing_to_choose_a_rate_on():
    assert WeightedVote().fit([[0, 1]] * 4, [0, 0, 0, 0]).weights_ == pytest.approx([1, np.exp(-1)])


@pytest.mark.parametrize("weights", [[1.0], [1.0, np.nan]])
def test_weights_must_be_a_number_for_each_prompt(weights):
    with pytest.raises(ConfigError, match="one finite number a prompt"):
        WeightedVote(weights=weights).fit([[0, 1]])


def test_labels_must_be_one_for_each_row():
    with pytest.raises(ShapeError, match="one for each of the 1 rows"):
        WeightedVote().fit([[0, 1]], [0, 1])


@pytest.mark.parametrize("labels", [[2], [-1], [0.5]])
def test_labels_must_be_classes(labels):
    with pytest.raises(DataError, match="Labels must be classes 0 to 1"):
        WeightedVote().fit([[0, 1]], labels)

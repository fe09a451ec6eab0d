"""The guard: majority vote where there is no reason to leave it, and what counts as a reason."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from longwave.prompting.label_model import LabelModel, MajorityVote, VoteSource, make_votes
from longwave.prompting.label_model.guard import _risk, fit_majority
from longwave.prompting.label_model.sources import confusion, single
from longwave.prompting.label_model.votes import VotePatterns


def equals(m, accuracy=0.7, k=2):
    return VoteSource(class_balance=np.full(k, 1 / k), groups=(single(confusion(accuracy, k)),) * m)


def test_prompts_that_are_equal_get_equal_votes():
    kinds = [LabelModel().fit(equals(7).sample(600, seed).votes).kind_ for seed in range(4)]
    assert kinds.count("majority") >= 3


@pytest.mark.parametrize("k", [2, 4])
def test_the_fallback_picks_the_majority(k):
    votes = equals(5, 0.6, k).sample(300, 0).votes
    patterns = VotePatterns.of(votes, k)
    picked = fit_majority(patterns, k).predict_proba(votes)
    shares = MajorityVote(k).fit(votes).predict_proba(votes)
    assert (
        (picked >= picked.max(axis=1, keepdims=True) - 1e-9) == (shares >= shares.max(axis=1)[:, None])
    ).all()


def test_the_fallback_is_calibrated_on_equal_prompts():
    drawn = equals(5).sample(5000, 0)
    p = fit_majority(VotePatterns.of(drawn.votes, 2), 2).predict_proba(drawn.votes)
    assert p.max(axis=1).mean() == pytest.approx(drawn.accuracy(p), abs=0.02)


def test_two_prompts_are_as_good_as_their_agreement_says():
    drawn = equals(2, 0.8).sample(5000, 0)
    model = LabelModel().fit(drawn.votes)
    assert model.kind_ == "majority"
    assert model.accuracies_ == pytest.approx([0.8, 0.8], abs=0.02)


def test_one_prompt_is_believed_with_the_assumed_accuracy():
    model = LabelModel(3).fit([[0], [2], [1]] * 20)
    assert model.predict_proba([[2], [-1]]) == pytest.approx(np.array([[0.15, 0.15, 0.7], [1 / 3] * 3]))


@pytest.mark.parametrize("m", [1, 2])
def test_a_given_balance_breaks_ties_but_outvotes_nobody(m):
    votes = equals(m).sample(500, 0).votes
    model = LabelModel(class_balance=[0.01, 0.99]).fit(votes)
    assert model.predict(np.zeros((1, m), dtype=int)).tolist() == [0]
    assert model.predict(np.ones((1, m), dtype=int)).tolist() == [1]
    assert model.predict(np.full((1, m), -1)).tolist() == [1]
    if m == 2:
        assert model.predict([[0, 1], [1, 0]]).tolist() == [1, 1]


def test_few_rows_are_answered_by_majority():
    votes = make_votes("adversarial", 29, 0).votes
    assert LabelModel().fit(votes).kind_ == "majority"


@pytest.mark.parametrize(
    ("name", "kind", "silence"),
    [
        ("independent", "independent", False),
        ("cliques", "dependent", False),
        ("difficult", "difficulty", False),
        ("telling-abstentions", "independent", True),
        ("one-sided", "independent", True),
        ("abstaining", "independent", False),
        ("silent-rows", "independent", False),
    ],
)
def test_the_kind_of_the_votes_is_recognised(name, kind, silence):
    model = LabelModel().fit(make_votes(name, 4000, 2).votes)
    assert (model.kind_, model.models_abstentions_) == (kind, silence)


def test_a_rare_class_is_not_taken_for_prompts_below_chance():
    source = VoteSource(
        class_balance=np.array([0.05, 0.95]),
        groups=tuple(single(confusion(a, 2)) for a in (0.6, 0.7, 0.65, 0.75, 0.7)),
    )
    drawn = source.sample(1000, 0)
    p = LabelModel().fit(drawn.votes).predict_proba(drawn.votes)
    assert drawn.accuracy(p) > 0.93


def judge(*posterior):
    return SimpleNamespace(
        settings=SimpleNamespace(n_classes=2), class_posterior=lambda: np.array(posterior, dtype=float)
    )


def test_the_risk_is_that_of_a_sum_of_changed_rows():
    patterns = VotePatterns.of(np.array([[0, 0, 1]] * 100 + [[1, 1, 1]] * 100), 2)
    fit = judge([0.4, 0.6], [0.1, 0.9])  # gains 0.2 ± 0.98 on each of 100 rows, and may lose one row
    assert _risk(patterns, fit, [(fit, 1.0)]) == pytest.approx(0.0161, abs=0.0005)


def test_what_changes_nothing_risks_nothing():
    patterns = VotePatterns.of(np.array([[0, 0, 1], [1, 1, 1]] * 50), 2)
    fit = judge([0.6, 0.4], [0.1, 0.9])
    assert _risk(patterns, fit, [(fit, 1.0), (judge([0.9, 0.1], [0.9, 0.1]), 1.0)]) < 1e-9


def test_a_rival_that_disagrees_has_a_say_by_its_weight():
    patterns = VotePatterns.of(np.array([[0, 0, 1]] * 100), 2)
    fit, rival = judge([0.1, 0.9]), judge([0.9, 0.1])
    assert _risk(patterns, fit, [(fit, 1.0), (rival, 0.25)]) == pytest.approx(0.2, abs=1e-6)


def test_ties_share_the_credit():
    patterns = VotePatterns.of(np.array([[0, 1]] * 100), 2)
    fit = judge([0.5, 0.5])
    assert _risk(patterns, fit, [(fit, 1.0)]) < 1e-9


def test_two_readings_that_contradict_each_other_leave_majority_vote():
    model = LabelModel().fit(make_votes("weak-cliques", 1000, 67).votes)
    assert (model.kind_, model.groups_) == ("majority", ((0, 1, 2),))


@pytest.mark.slow
def test_small_sets_of_weak_prompts_are_seldom_worse_than_majority():
    gains = []
    for seed in range(40):
        rng = np.random.default_rng([seed, 3])
        groups = tuple(single(confusion(a, 2)) for a in rng.uniform(0.45, 0.9, 5).tolist())
        drawn = VoteSource(class_balance=np.array([0.5, 0.5]), groups=groups).sample(250, seed)
        majority = drawn.accuracy(MajorityVote().fit(drawn.votes).predict_proba(drawn.votes))
        gains.append(drawn.accuracy(LabelModel().fit(drawn.votes).predict_proba(drawn.votes)) - majority)
    assert (np.array(gains) < -0.005).sum() <= 1
    assert np.mean(gains) > 0.01

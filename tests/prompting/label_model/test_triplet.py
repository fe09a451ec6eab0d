"""Triplet moments: exact on exact moments, signed, with class-conditional rates."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.prompting.label_model import MajorityVote, TripletModel, VoteSource, make_votes
from longwave.prompting.label_model.sources import confusion, single


def source_of(accuracies, balance=(0.5, 0.5), k=2):
    return VoteSource(
        class_balance=np.array(balance), groups=tuple(single(confusion(a, k)) for a in accuracies)
    )


def test_accuracies_are_recovered():
    true = [0.9, 0.8, 0.7, 0.6, 0.75]
    drawn = source_of(true).sample(20_000, 0)
    assert TripletModel().fit(drawn.votes).accuracies_ == pytest.approx(true, abs=0.02)


def test_three_prompts_solve_the_formula():
    drawn = source_of([0.9, 0.8, 0.7]).sample(3000, 0)
    x = drawn.votes == 1
    c = np.cov(x.T.astype(float), bias=True)
    d = np.sqrt(c[0, 1] * c[0, 2] / c[1, 2])
    model = TripletModel().fit(drawn.votes)
    assert model.hit_rates_[0, 1] == pytest.approx(x[:, 0].mean() + 0.5 * d / 0.5, abs=1e-6)
    assert model.false_rates_[0, 1] == pytest.approx(x[:, 0].mean() - 0.5 * d / 0.5, abs=1e-6)


def test_prompts_below_chance_are_recognised():
    drawn = make_votes("adversarial", 5000, 0)
    true = np.array([group.emission[0, 0, 0, 0] for group in drawn.source.groups])
    found = TripletModel().fit(drawn.votes)
    assert ((found.accuracies_ < 0.5) == (true < 0.5)).all()
    assert drawn.accuracy(found.predict_proba(drawn.votes)) > drawn.oracle_accuracy() - 0.01


def test_class_wise_rates_follow_from_the_balance():
    drawn = source_of([(0.9, 0.6), (0.8, 0.7), (0.85, 0.6), (0.7, 0.9)], balance=(0.3, 0.7)).sample(20_000, 0)
    model = TripletModel(class_balance=[0.3, 0.7]).fit(drawn.votes)
    assert model.hit_rates_[:, 0] == pytest.approx([0.9, 0.8, 0.85, 0.7], abs=0.05)
    assert model.hit_rates_[:, 1] == pytest.approx([0.6, 0.7, 0.6, 0.9], abs=0.05)


def test_many_classes_and_three_prompts_beat_the_majority():
    drawn = source_of([0.6, 0.7, 0.75], balance=[1 / 14] * 14, k=14).sample(5000, 0)
    p = TripletModel(14).fit(drawn.votes).predict_proba(drawn.votes)
    majority = MajorityVote(14).fit(drawn.votes).predict_proba(drawn.votes)
    assert drawn.accuracy(p) > drawn.accuracy(majority) + 0.01


def test_a_prompt_without_a_triplet_is_taken_for_an_average_one():
    drawn = source_of([0.8, 0.8, 0.8, 0.8]).sample(2000, 0)
    votes = drawn.votes.copy()
    votes[:, 3] = -1
    model = TripletModel().fit(votes)
    assert np.isfinite(model.hit_rates_).all()
    assert drawn.accuracy(model.predict_proba(votes)) > 0.85

"""Soft votes: hard ones are a special case, sureness helps, abstentions and bad input."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.errors import ConfigError, DataError, ShapeError
from longwave.prompting.label_model import (
    LabelModel,
    SoftVoteModel,
    harden_votes,
    make_votes,
    soften_scores,
)


def one_hot(votes, k):
    soft = np.eye(k)[np.maximum(votes, 0)]
    soft[votes < 0] = np.nan
    return soft


def sure_and_unsure(n=3000, seed=0):
    """Return labels and soft votes whose margin tells how likely they are right."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    signal = np.where(y == 1, 1.0, -1.0)[:, None] * np.array([1.0, 0.8, 0.6, 0.5]) + rng.normal(
        0, 1.5, (n, 4)
    )
    slope = np.array([2.0, 1.6, 1.2, 1.0]) / 1.5**2
    p = 1 / (1 + np.exp(-slope * signal))
    return y, np.stack([1 - p, p], axis=2)


@pytest.mark.parametrize("name", ["independent", "abstaining", "cliques", "four-classes"])
def test_hard_votes_give_the_answers_of_the_label_model(name):
    drawn = make_votes(name, 2000, 0)
    k = drawn.source.n_classes
    soft = one_hot(drawn.votes, k)
    found = drawn.accuracy(SoftVoteModel(k).fit(soft).predict_proba(soft))
    hard = drawn.accuracy(LabelModel(k).fit(drawn.votes).predict_proba(drawn.votes))
    assert found == pytest.approx(hard, abs=0.01)


def test_without_levels_of_sureness_none_is_evidence():
    soft = one_hot(make_votes("independent", 500, 0).votes, 2)
    assert SoftVoteModel().fit(soft).level_odds_[:, 0] == pytest.approx(np.ones(soft.shape[1]), abs=0.01)


def test_sureness_that_says_nothing_is_found_out():
    drawn = make_votes("independent", 3000, 0)
    sure = np.random.default_rng(0).uniform(0.6, 1.0, (*drawn.votes.shape, 1))
    soft = np.where(one_hot(drawn.votes, 2) > 0, sure, 1 - sure)
    assert SoftVoteModel().fit(soft).level_odds_ == pytest.approx(
        np.ones((drawn.votes.shape[1], 4)), abs=0.35
    )


def test_surer_votes_are_likelier_right():
    _, soft = sure_and_unsure()
    odds = SoftVoteModel().fit(soft).level_odds_
    assert (odds[:, 3] > 2 * odds[:, 0]).all()
    assert (odds[:, 0] < 1).all()


def test_probabilities_stay_calibrated():
    y, soft = sure_and_unsure()
    p = SoftVoteModel().fit(soft).predict_proba(soft)
    assert p.max(axis=1).mean() == pytest.approx((p.argmax(axis=1) == y).mean(), abs=0.03)


def test_sureness_is_evidence():
    y, soft = sure_and_unsure()
    hard = harden_votes(soft)
    found = (SoftVoteModel().fit(soft).predict(soft) == y).mean()
    assert found > (LabelModel().fit(hard).predict(hard) == y).mean() + 0.01


def test_copies_share_a_voice():
    y, soft = sure_and_unsure()
    rng = np.random.default_rng(1)
    poor = np.clip(soft[:, [3, 3, 3, 3], 1] + rng.normal(0, 0.1, (len(y), 4)), 0.01, 0.99)
    poor = np.concatenate([np.stack([1 - poor, poor], axis=2), soft[:, :3]], axis=1)
    apart = SoftVoteModel(dependencies="none").fit(poor).predict(poor)
    model = SoftVoteModel().fit(poor)
    assert model.groups_ == ((0, 1, 2, 3),)
    assert (model.predict(poor) == y).mean() > (apart == y).mean() + 0.03


def test_groups_can_be_given():
    _, soft = sure_and_unsure(200)
    assert SoftVoteModel(dependencies=[(0, 2)]).fit(soft).groups_ == ((0, 2),)


def test_rows_without_votes_have_the_class_balance():
    _, soft = sure_and_unsure(300)
    model = SoftVoteModel().fit(soft)
    soft[0] = np.nan
    assert model.predict_proba(soft)[0] == pytest.approx(model.class_balance_)


def test_a_given_class_balance_is_kept():
    drawn = make_votes("independent", 2000, 0)
    model = SoftVoteModel(class_balance=[0.4, 0.6]).fit(one_hot(drawn.votes, 2))
    assert model.class_balance_ == pytest.approx([0.4, 0.6])


@pytest.mark.parametrize("settings", [{"n_levels": 0}, {"max_iter": 0}])
def test_settings_are_checked(settings):
    with pytest.raises(ConfigError, match="n_levels is"):
        SoftVoteModel(**settings).fit([[[0.5, 0.5]]])


def test_scores_become_probabilities():
    soft = soften_scores(np.log([[[0.2, 0.6]]]))
    assert soft[0, 0] == pytest.approx([0.25, 0.75])
    flat = soften_scores(np.log([[[0.2, 0.6]]]), temperature=2.0)
    assert flat[0, 0] == pytest.approx([1 / (1 + 3**0.5), 3**0.5 / (1 + 3**0.5)])


def test_a_prompt_without_scores_abstains():
    soft = soften_scores([[[np.nan, np.nan], [0.0, 0.0]]])
    assert harden_votes(soft).tolist() == [[-1, 0]]


@pytest.mark.parametrize("temperature", [0.0, -1.0, np.nan])
def test_a_temperature_is_positive(temperature):
    with pytest.raises(ConfigError, match="temperature is"):
        soften_scores([[[0.0, 1.0]]], temperature=temperature)


@pytest.mark.parametrize(
    "vote",
    [[0.7, 0.7], [-0.5, 1.5], [np.nan, 1.0], [np.inf, 0.0]],
    ids=["sum", "negative", "part", "infinite"],
)
def test_soft_votes_are_probabilities(vote):
    with pytest.raises(DataError, match="A soft vote is"):
        SoftVoteModel().fit([[vote]])


@pytest.mark.parametrize("shape", [(2, 3), (2, 0, 2), (2, 3, 4)])
def test_soft_votes_have_three_axes(shape):
    with pytest.raises(ShapeError, match="Soft votes have shape"):
        SoftVoteModel(3).fit(np.zeros(shape))


def test_soft_votes_are_checked_against_the_fit():
    _, soft = sure_and_unsure(100)
    with pytest.raises(ConfigError, match="has learned nothing yet"):
        SoftVoteModel().predict(soft)
    with pytest.raises(ShapeError, match="fitted on 4"):
        SoftVoteModel().fit(soft).predict(soft[:, :2])
    with pytest.raises(DataError, match="0 rows"):
        SoftVoteModel().fit(soft[:0])
    with pytest.raises(ConfigError, match="Known: learn, none"):
        SoftVoteModel(dependencies="guess").fit(soft)

"""The label model: close to the truth, never far below majority vote, indifferent to order and names."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ConfigError
from longwave.prompting.label_model import (
    GENERATORS,
    LabelModel,
    MajorityVote,
    VoteSource,
    label_model,
    make_votes,
)
from longwave.prompting.label_model.sources import confusion, single

CLOSE = sorted(set(GENERATORS) - {"one-sided"})
SLOW = ("fourteen-classes", "fourteen-classes-cliques", "abstaining-cliques")


def names(found):
    return [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in found]


def accuracies(drawn, **given):
    model = LabelModel(drawn.source.n_classes, **given).fit(drawn.votes)
    majority = MajorityVote(drawn.source.n_classes).fit(drawn.votes)
    return drawn.accuracy(model.predict_proba(drawn.votes)), drawn.accuracy(
        majority.predict_proba(drawn.votes)
    )


@pytest.mark.parametrize("name", names(CLOSE))
def test_accuracy_is_within_a_point_of_the_truth(name):
    drawn = make_votes(name, 3000, 11)
    found, majority = accuracies(drawn)
    assert found > drawn.oracle_accuracy() - 0.01
    assert found > majority - 0.005


@pytest.mark.parametrize("name", names(sorted(GENERATORS)))
def test_few_instances_do_not_make_it_worse_than_majority(name):
    gaps = [np.subtract(*accuracies(make_votes(name, 250, seed))) for seed in (40, 41)]
    assert np.mean(gaps) > -0.02


@pytest.mark.parametrize(
    "name", ["independent", "cliques", "imbalanced", "four-classes", "telling-abstentions"]
)
def test_probabilities_are_calibrated(name):
    drawn = make_votes(name, 5000, 12)
    p = LabelModel(drawn.source.n_classes).fit(drawn.votes).predict_proba(drawn.votes)
    assert p.max(axis=1).mean() == pytest.approx(drawn.accuracy(p), abs=0.015)


@pytest.mark.parametrize("name", ["independent", "cliques", "four-classes-cliques", "abstaining"])
def test_the_order_of_instances_does_not_matter(name):
    drawn = make_votes(name, 400, 0)
    k, order = drawn.source.n_classes, np.random.default_rng(1).permutation(400)
    p = LabelModel(k).fit(drawn.votes).predict_proba(drawn.votes)
    assert (LabelModel(k).fit(drawn.votes[order]).predict_proba(drawn.votes[order]) == p[order]).all()


@pytest.mark.parametrize("name", ["independent", "clusters", "four-classes-cliques", "abstaining"])
def test_the_order_of_prompts_does_not_matter(name):
    drawn = make_votes(name, 1000, 0)
    k, order = drawn.source.n_classes, np.random.default_rng(1).permutation(drawn.source.n_prompts)
    p = LabelModel(k).fit(drawn.votes).predict_proba(drawn.votes)
    turned = LabelModel(k).fit(drawn.votes[:, order]).predict_proba(drawn.votes[:, order])
    assert turned == pytest.approx(p, abs=1e-5)


@pytest.mark.parametrize("name", ["independent", "cliques", "imbalanced", "four-classes", "abstaining"])
def test_the_numbers_of_classes_do_not_matter(name):
    drawn = make_votes(name, 1000, 0)
    k = drawn.source.n_classes
    new = np.roll(np.arange(k), 1)
    renamed = np.where(drawn.votes < 0, -1, new[drawn.votes])
    p = LabelModel(k).fit(drawn.votes).predict_proba(drawn.votes)
    assert LabelModel(k).fit(renamed).predict_proba(renamed)[:, new] == pytest.approx(p, abs=1e-5)


@pytest.mark.parametrize("name", ["independent", "cliques", "abstaining", "fourteen-classes"])
def test_identical_columns_add_no_evidence(name):
    drawn = make_votes(name, 500, 0)
    k, m = drawn.source.n_classes, drawn.source.n_prompts
    copied = drawn.votes[:, [*range(m), 0, 0, m - 1]]
    p = LabelModel(k).fit(drawn.votes).predict_proba(drawn.votes)
    model = LabelModel(k).fit(copied)
    assert model.predict_proba(copied) == pytest.approx(p)
    assert {(0, m), (0, m + 1), (m - 1, m + 2)} <= set(model.edges_)
    assert model.accuracies_[m] == model.accuracies_[0]


def test_rows_without_votes_have_the_class_balance():
    votes = make_votes("imbalanced", 1000, 0).votes.copy()
    votes[:5] = -1
    model = LabelModel().fit(votes)
    assert model.predict_proba(votes)[:5] == pytest.approx(np.tile(model.class_balance_, (5, 1)))


def test_the_class_balance_is_learned():
    drawn = make_votes("imbalanced", 5000, 0)
    assert LabelModel().fit(drawn.votes).class_balance_ == pytest.approx(drawn.source.class_balance, abs=0.03)


@pytest.mark.parametrize("balance", ["uniform", [0.5, 0.5]])
def test_a_given_class_balance_is_kept(balance):
    votes = make_votes("imbalanced", 1000, 0).votes
    assert LabelModel(class_balance=balance).fit(votes).class_balance_ == pytest.approx([0.5, 0.5])


def test_accuracies_are_recovered():
    drawn = make_votes("cliques", 5000, 0)
    right = (drawn.votes == drawn.labels[:, None]).mean(axis=0)
    assert LabelModel().fit(drawn.votes).accuracies_ == pytest.approx(right, abs=0.05)


def test_workers_below_chance_are_turned_around():
    drawn = make_votes("adversarial", 5000, 0)
    right = (drawn.votes == drawn.labels[:, None]).mean(axis=0)
    found = LabelModel().fit(drawn.votes).accuracies_
    assert ((found < 0.5) == (right < 0.5)).all()


def test_constant_and_silent_columns_are_ignored_with_a_warning(caplog):
    drawn = make_votes("independent", 500, 0)
    n = len(drawn.votes)
    votes = np.c_[np.ones(n, dtype=int), drawn.votes, np.full(n, -1)]
    with caplog.at_level(logging.WARNING):
        model = LabelModel().fit(votes)
    assert model.ignored_ == (0, votes.shape[1] - 1)
    assert "never vote or always vote alike" in caplog.text
    assert model.predict_proba(votes) == pytest.approx(
        LabelModel().fit(drawn.votes).predict_proba(drawn.votes)
    )
    assert np.isnan(model.accuracies_[-1])
    assert model.rates_[0, :, 1].tolist() == [1, 1]
    assert model.rates_[-1, :, 2].tolist() == [1, 1]


def test_if_all_always_say_the_same_that_is_the_answer():
    assert LabelModel().fit(np.ones((50, 4), dtype=int)).predict(np.ones((2, 4), dtype=int)).tolist() == [
        1,
        1,
    ]


def test_if_nobody_votes_nothing_is_known():
    model = LabelModel(3).fit(np.full((50, 4), -1))
    assert model.predict_proba(np.full((1, 4), -1))[0] == pytest.approx([1 / 3] * 3)


def test_a_class_without_votes_never_wins():
    drawn = make_votes("independent", 500, 0)
    assert set(LabelModel(4).fit(drawn.votes).predict(drawn.votes).tolist()) <= {0, 1}


def test_given_edges_make_groups():
    drawn = make_votes("cliques", 2000, 0)
    model = LabelModel(dependencies=sorted(drawn.source.edges)).fit(drawn.votes)
    assert set(model.edges_) == drawn.source.edges
    assert drawn.accuracy(model.predict_proba(drawn.votes)) > drawn.oracle_accuracy() - 0.01


def test_no_dependencies_means_no_groups():
    drawn = make_votes("cliques", 1000, 0)
    assert LabelModel(dependencies="none").fit(drawn.votes).groups_ == ()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"dependencies": "guess"}, "Known: learn, none"),
        ({"dependencies": [(0, 12)]}, "pairs of different columns"),
        ({"class_balance": "guess"}, "Accepted: learn, uniform"),
        ({"class_balance": [0.5, 0.2]}, "2 shares above 0"),
        ({"abstentions": "guess"}, "Known: learn, ignore, model"),
    ],
    ids=["dependencies", "edges", "balance", "shares", "abstentions"],
)
def test_settings_are_checked(arguments, words):
    with pytest.raises(ConfigError, match=words):
        LabelModel(**arguments).fit(make_votes("independent", 50, 0).votes)


def test_votes_of_prompts_that_were_not_asked_are_not_looked_at():
    votes = make_votes("cliques", 500, 0).votes
    model = LabelModel().fit(votes)
    changed = votes.copy()
    changed[:, 3:] = 1 - changed[:, 3:]
    assert (
        model.predict_proba(votes, asked=[0, 1, 2]) == model.predict_proba(changed, asked=[0, 1, 2])
    ).all()


def test_asking_everyone_is_asking_nobody_in_particular():
    votes = make_votes("abstaining-cliques", 500, 0).votes
    model = LabelModel().fit(votes)
    everyone = list(range(votes.shape[1]))
    assert model.predict_proba(votes, asked=everyone) == pytest.approx(model.predict_proba(votes))


def test_a_copy_can_be_asked_instead_of_the_first():
    votes = make_votes("independent", 500, 0).votes[:, [0, 1, 2, 3, 4, 0]]
    model = LabelModel().fit(votes)
    assert model.predict_proba(votes, asked=[5, 1]) == pytest.approx(model.predict_proba(votes, asked=[0, 1]))


def test_a_prompt_that_does_not_exist_cannot_be_asked():
    votes = make_votes("independent", 100, 0).votes
    with pytest.raises(ConfigError, match=r"asked is \[0, 40\]"):
        LabelModel().fit(votes).predict_proba(votes, asked=[0, 40])


def test_many_distinct_rows_are_drawn_from_by_seed(monkeypatch):
    monkeypatch.setattr(label_model, "_MOST_PATTERNS", 400)
    source = VoteSource(
        class_balance=np.full(8, 1 / 8),
        groups=tuple(single(confusion(a, 8)) for a in (0.6, 0.5, 0.7, 0.55, 0.65)),
    )
    votes = source.sample(2000, 0).votes
    first, again, other = (LabelModel(8, seed=s).fit(votes).accuracies_ for s in (0, 0, 1))
    assert (first == again).all()
    assert first == pytest.approx(other, abs=0.15)
    assert (first != other).any()


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 6), st.integers(2, 4))
def test_any_votes_give_probabilities(seed, n, m, k):
    votes = np.random.default_rng(seed).integers(-1, k, (n, m))
    p = LabelModel(k).fit(votes).predict_proba(votes)
    assert np.isfinite(p).all()
    assert p.sum(axis=1) == pytest.approx(np.ones(n))

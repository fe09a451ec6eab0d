"""The latent-class model with what it is told: groups, abstentions, difficulty."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.errors import ConfigError
from longwave.prompting.label_model import LatentClassModel, make_votes


def true_groups(source):
    found = {}
    for i, j in source.edges:
        found.setdefault(i, {i}).add(j)
    return [sorted(max((g for g in found.values() if i in g), key=len)) for i in sorted(found)]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("independent", {}),
        ("imbalanced", {}),
        ("adversarial", {}),
        ("four-classes-confused", {}),
        ("telling-abstentions", {"abstentions": "model"}),
    ],
)
def test_it_comes_close_to_the_truth(name, settings):
    drawn = make_votes(name, 4000, 0)
    model = LatentClassModel(drawn.source.n_classes, **settings).fit(drawn.votes)
    assert model.has_converged_
    assert drawn.accuracy(model.predict_proba(drawn.votes)) > drawn.oracle_accuracy() - 0.01


def test_rates_are_recovered():
    drawn = make_votes("biased", 5000, 0)
    true = np.stack([group.emission[0, :, 0] for group in drawn.source.groups])
    found = LatentClassModel().fit(drawn.votes)
    assert found.rates_[:, :, :2] == pytest.approx(true[:, :, :2], abs=0.06)
    assert found.class_balance_ == pytest.approx(drawn.source.class_balance, abs=0.05)


def test_accuracies_are_those_of_the_rates():
    found = LatentClassModel().fit(make_votes("biased", 2000, 0).votes)
    expected = np.einsum("jcc,c->j", found.rates_[:, :, :2], found.class_balance_)
    assert found.accuracies_ == pytest.approx(expected)


def test_known_groups_keep_copies_from_outvoting_the_others():
    drawn = make_votes("cliques", 3000, 0)
    alone = LatentClassModel().fit(drawn.votes)
    grouped = LatentClassModel(groups=true_groups(drawn.source)).fit(drawn.votes)
    assert drawn.accuracy(grouped.predict_proba(drawn.votes)) > drawn.oracle_accuracy() - 0.01
    assert drawn.accuracy(alone.predict_proba(drawn.votes)) < drawn.oracle_accuracy() - 0.1


def test_difficulty_keeps_probabilities_honest():
    drawn = make_votes("difficult", 5000, 0)
    plain = LatentClassModel().fit(drawn.votes).predict_proba(drawn.votes)
    model = LatentClassModel(has_difficulty=True).fit(drawn.votes)
    aware = model.predict_proba(drawn.votes)
    true = drawn.oracle_accuracy()
    assert abs(aware.max(axis=1).mean() - true) < 0.5 * abs(plain.max(axis=1).mean() - true)


def test_rows_without_votes_have_the_class_balance():
    votes = make_votes("telling-abstentions", 500, 0).votes.copy()
    model = LatentClassModel(abstentions="model").fit(votes)
    votes[0] = -1
    assert model.predict_proba(votes)[0] == pytest.approx(model.class_balance_)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"abstentions": "maybe"}, "Known: ignore, model"),
        ({"max_iter": 0}, "max_iter is 0"),
        ({"groups": [[0, 9]]}, "pairs of different columns"),
        ({"class_balance": [1, 1]}, "class_balance is"),
    ],
    ids=["abstentions", "rounds", "groups", "balance"],
)
def test_settings_are_checked(settings, words):
    with pytest.raises(ConfigError, match=words):
        LatentClassModel(**settings).fit([[0, 1, 1], [1, 1, 0]])

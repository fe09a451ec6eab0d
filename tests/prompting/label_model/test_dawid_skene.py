"""Dawid and Skene's EM, against one written row by row."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.errors import ConfigError
from longwave.prompting.label_model import DawidSkene, make_votes


def slow_dawid_skene(votes, k, rounds, smoothing=0.01):
    """EM from the definition: loops over rows, prompts and classes."""
    n, m = votes.shape
    q = np.array([[(row == c).sum() + 1 / k for c in range(k)] for row in votes])
    q /= q.sum(axis=1, keepdims=True)
    for _ in range(rounds):
        balance = (q.sum(axis=0) + smoothing) / (n + k * smoothing)
        table = np.full((m, k, k), smoothing)  # prompt, label, vote
        for i in range(n):
            for j in range(m):
                if votes[i, j] >= 0:
                    table[j, :, votes[i, j]] += q[i]
        table /= table.sum(axis=2, keepdims=True)
        for i in range(n):
            p = balance.copy()
            for j in range(m):
                if votes[i, j] >= 0:
                    p = p * table[j, :, votes[i, j]]
            q[i] = p / p.sum()
    return q, table


@pytest.mark.parametrize("name", ["independent", "four-classes", "abstaining"])
def test_em_is_that_of_the_definition(name):
    drawn = make_votes(name, 60, 0)
    k = drawn.source.n_classes
    model = DawidSkene(k, max_iter=6, tol=0.0).fit(drawn.votes)
    q, table = slow_dawid_skene(drawn.votes, k, 6)
    assert model.confusion_ == pytest.approx(table)
    assert model.predict_proba(drawn.votes) == pytest.approx(q)


def test_confusions_are_recovered():
    drawn = make_votes("biased", 5000, 0)
    true = np.array([group.emission[0, :, 0, :2] for group in drawn.source.groups])
    assert DawidSkene().fit(drawn.votes).confusion_ == pytest.approx(true, abs=0.06)


def test_a_given_balance_is_kept():
    drawn = make_votes("independent", 200, 0)
    assert DawidSkene(class_balance=[0.3, 0.7]).fit(drawn.votes).class_balance_.tolist() == [0.3, 0.7]


def test_the_likelihood_never_falls():
    drawn = make_votes("four-classes", 300, 0)
    found = [DawidSkene(4, max_iter=n, tol=0.0).fit(drawn.votes).log_likelihood_ for n in range(1, 15)]
    assert (np.diff(found) > -1e-2).all()  # smoothing makes it the posterior that rises


@pytest.mark.parametrize("settings", [{"smoothing": 0.0}, {"max_iter": 0}])
def test_settings_are_checked(settings):
    with pytest.raises(ConfigError, match="smoothing is"):
        DawidSkene(**settings).fit([[0, 1]])

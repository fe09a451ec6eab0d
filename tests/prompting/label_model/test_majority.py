"""Majority vote, its ties and rows without a vote."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from longwave.errors import ConfigError
from longwave.prompting.label_model import MajorityVote


def test_the_class_with_most_votes_wins():
    rng = np.random.default_rng(0)
    votes = rng.integers(-1, 4, (300, 7))
    found = MajorityVote(4).fit(votes).predict(votes)
    for row, pick in zip(votes.tolist(), found.tolist(), strict=True):
        counts = Counter(vote for vote in row if vote >= 0)
        best = max(counts.values(), default=0)
        assert pick == min((c for c in range(4) if counts[c] == best), default=0)


def test_probabilities_are_shares_of_the_votes():
    model = MajorityVote(3).fit([[0, 1, 2]])
    assert model.predict_proba([[2, 2, -1]]).tolist() == [[0, 0, 1]]
    assert model.predict_proba([[2, 2, 1]])[0] == pytest.approx([0, 1 / 3, 2 / 3])


def test_the_more_frequent_class_wins_a_tie():
    model = MajorityVote(3, class_balance=[0.2, 0.3, 0.5]).fit([[0, 1, 2]])
    assert model.predict([[0, 1, 2], [0, 1, -1], [0, 0, 2]]).tolist() == [2, 1, 0]


def test_a_row_without_votes_has_the_class_balance():
    model = MajorityVote(2, class_balance=[0.2, 0.8]).fit([[0, 1]])
    assert model.predict_proba([[-1, -1]]).tolist() == [[0.2, 0.8]]
    assert model.predict([[-1, -1]]).tolist() == [1]


def test_a_wrong_class_balance_is_refused():
    with pytest.raises(ConfigError, match="class_balance is"):
        MajorityVote(2, class_balance=[0.5, 0.6]).fit([[0, 1]])

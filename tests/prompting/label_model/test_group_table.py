"""Groups of prompts as one source: smoothing, silence, new patterns."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.prompting.label_model._group_table import OVERLAP, PSEUDO_VOTES, GroupTable

PRIOR = np.array([0.4, 0.6])
RATES = np.array([[[0.8, 0.3], [0.2, 0.7], [1, 1]], [[0.7, 0.4], [0.3, 0.6], [1, 1]]])  # (m, k + 1, S)
SYMBOLS = np.array([[0, 0], [0, 1], [1, 1], [0, 2]])


def slow_told(votes):
    exponent = 1 / (1 + OVERLAP)
    p = PRIOR * np.prod([RATES[j, vote] ** exponent for j, vote in enumerate(votes)], axis=0)
    return p / p.sum()


def test_a_pattern_is_smoothed_towards_what_its_members_say():
    weight = np.array([[30.0, 10.0], [5.0, 5.0], [10.0, 60.0], [3.0, 1.0]])
    table = GroupTable([0, 1], SYMBOLS, 3)
    table.learn(weight, np.log(RATES), PRIOR, models_silence=True, is_free=True)
    expected = np.empty((4, 2))
    for row in range(4):
        seen = weight[row].sum()
        trust = seen / (seen + PSEUDO_VOTES)
        expected[row] = trust * weight[row] + (1 - trust) * seen * slow_told(SYMBOLS[row])
    assert np.exp(table.scores()) == pytest.approx(expected / expected.sum(axis=0))


def test_silent_members_say_nothing_unless_modelled():
    weight = np.array([[30.0, 10.0], [5.0, 5.0], [10.0, 60.0], [3.0, 1.0]])
    table = GroupTable([0, 1], SYMBOLS, 3)
    table.learn(weight, np.log(RATES), PRIOR, models_silence=False, is_free=True)
    p = np.exp(table.scores())
    assert p[:3].sum(axis=0) == pytest.approx([1, 1])  # among rows on which both vote
    assert p[3] == pytest.approx([1, 1])  # the only pattern in which the second is silent


def test_members_can_tell_all():
    weight = np.array([[30.0, 10.0], [5.0, 5.0], [10.0, 60.0], [3.0, 1.0]])
    table = GroupTable([0, 1], SYMBOLS, 3)
    n_free = table.learn(weight, np.log(RATES), PRIOR, models_silence=True, is_free=False)
    p = np.exp(table.scores())
    expected = np.stack([weight[row].sum() * slow_told(SYMBOLS[row]) for row in range(4)])
    assert p == pytest.approx(expected / expected.sum(axis=0))
    assert n_free == 0


def test_known_patterns_keep_their_scores():
    table = GroupTable([0, 1], SYMBOLS, 3)
    table.learn(np.ones((4, 2)), np.log(RATES), PRIOR, models_silence=True, is_free=True)
    assert table.scores_of(SYMBOLS, np.log(RATES), PRIOR) == pytest.approx(table.scores())


def test_a_new_pattern_is_told_by_its_members():
    table = GroupTable([0, 1], SYMBOLS, 3)
    table.learn(np.ones((4, 2)), np.log(RATES), PRIOR, models_silence=True, is_free=True)
    found = table.scores_of(np.array([[1, 0]]), np.log(RATES), PRIOR)
    assert np.exp(found[0]) == pytest.approx(slow_told([1, 0]) / PRIOR)


def test_some_members_weigh_as_about_one_vote():
    table = GroupTable([0, 1], SYMBOLS, 3)
    both = table.partial_scores(SYMBOLS, np.log(RATES), 2)
    assert both[0] == pytest.approx(np.log(RATES[0, 0] * RATES[1, 0]) / (1 + OVERLAP))

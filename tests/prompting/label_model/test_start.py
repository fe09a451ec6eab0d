"""The first posterior of EM: one voice a group, weighed by agreement; easy and hard rows."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.prompting.label_model._start import first_posterior, with_levels
from longwave.prompting.label_model.votes import VotePatterns


def start(row, agreement, groups=()):
    return first_posterior(VotePatterns.of(np.array([row]), 2), 2, np.array(agreement), groups)[0]


def test_a_first_vote_weighs_the_log_odds_of_its_prompt():
    p = start([0, 1], [0.6, 0.2])
    assert np.log(p[0] / p[1]) == pytest.approx(np.log(0.8 / 0.2) - np.log(0.6 / 0.4))


def test_a_group_has_about_one_voice():
    p = start([0, 0, 1], [0.5, 0.5, 0.5], [(0, 1)])
    assert np.log(p[0] / p[1]) == pytest.approx((2 / 1.8 - 1) * np.log(3))


def test_without_knowledge_everyone_has_a_vote():
    p = start([0, 1, 1], [0.0, 0.0, 0.0])
    assert np.log(p[1] / p[0]) == pytest.approx(1.0)


def test_unanimous_rows_start_as_easy_ones():
    p = with_levels(np.array([[0.9, 0.1], [0.5, 0.5]]), 2)
    assert p[0, :2].sum() > p[1, :2].sum()
    assert p.sum(axis=1) == pytest.approx([1, 1])

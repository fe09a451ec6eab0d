"""Agreement of prompts: a correlation, its standard error, and its rank-one part."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.prompting.label_model import make_votes
from longwave.prompting.label_model._agreement import fit_rank_one, measure_agreement
from longwave.prompting.label_model.votes import VotePatterns


def agreement_of(votes, k=2, **settings):
    return measure_agreement(VotePatterns.of(np.asarray(votes), k), k, **settings)


def test_for_two_classes_it_is_the_correlation():
    votes = make_votes("independent", 500, 0).votes
    expected = np.corrcoef(votes.T)
    np.fill_diagonal(expected, 0)
    assert agreement_of(votes).r == pytest.approx(expected)


def test_for_more_classes_it_is_the_covariance_of_one_hot_votes():
    votes = make_votes("four-classes", 400, 0).votes[:, :2]
    x = np.eye(4)[votes] - np.eye(4)[votes].mean(axis=0)
    scale = np.sqrt((x[:, 0] ** 2).sum(axis=1).mean() * (x[:, 1] ** 2).sum(axis=1).mean())
    assert agreement_of(votes, 4).r[0, 1] == pytest.approx((x[:, 0] * x[:, 1]).sum(axis=1).mean() / scale)


def test_rows_on_which_one_is_silent_do_not_count():
    votes = make_votes("abstaining", 500, 0).votes[:, :2]
    both = (votes >= 0).all(axis=1)
    assert agreement_of(votes).r[0, 1] == pytest.approx(np.corrcoef(votes[both].T)[0, 1])


def test_on_all_rows_silence_is_the_mean_vote():
    votes = make_votes("abstaining", 500, 0).votes[:, :2]
    x = np.where(votes < 0, np.nan, votes)
    x = np.nan_to_num(x - np.nanmean(x, axis=0))
    expected = (x[:, 0] * x[:, 1]).mean() / np.sqrt((x[:, 0] ** 2).mean() * (x[:, 1] ** 2).mean())
    assert agreement_of(votes, rows="all").r[0, 1] == pytest.approx(expected)


def test_the_error_is_the_spread_over_samples():
    found = [agreement_of(make_votes("independent", 400, 0).source.sample(400, s).votes) for s in range(40)]
    spread = np.std([each.r[0, 1] for each in found])
    assert np.mean([each.error[0, 1] for each in found]) == pytest.approx(spread, rel=0.4)


@pytest.mark.parametrize("rows", ["both", "all"])
@pytest.mark.parametrize(
    "votes", [[[0, -1]] * 9, [[0, 1]] * 9, [[0, 0], [1, 1]]], ids=["silent", "constant", "few-rows"]
)
def test_nothing_is_known_without_common_or_varying_votes(votes, rows):
    found = agreement_of(votes, rows=rows)
    assert found.r[0, 1] == 0
    assert np.isinf(found.error[0, 1]) or rows == "all"


def test_rank_one_is_recovered():
    a = np.array([0.7, -0.5, 0.6, 0.4, 0.3])
    weight = np.where(np.eye(5) > 0, 0.0, 1e6)
    found = fit_rank_one(np.outer(a, a), weight[None])[0]
    assert np.outer(found, found) == pytest.approx(np.outer(a, a), abs=1e-3)


def test_pairs_without_weight_do_not_count():
    a = np.array([0.7, 0.5, 0.6, 0.4, 0.3])
    r = np.outer(a, a)
    r[0, 1] = r[1, 0] = 0.95
    weight = np.where(np.eye(5) > 0, 0.0, 1e6)
    weight[0, 1] = weight[1, 0] = 0
    found = np.abs(fit_rank_one(r, weight[None])[0])
    assert found == pytest.approx(a, abs=0.01)

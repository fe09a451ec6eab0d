"""Made-up votes: the Bayes classifier against sums over all hidden causes, and what is drawn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from longwave.errors import ConfigError, ShapeError
from longwave.prompting.label_model import VoteSource
from longwave.prompting.label_model.sources import chain, clique, confusion, shared_difficulty, single

HALF = np.array([0.5, 0.5])


def all_votes(m, k):
    return np.array(list(itertools.product(range(-1, k), repeat=m)))


def kinds():
    strong, weak = confusion(0.8, 2, abstain=0.1), confusion([0.7, 0.6], 2)
    return {
        "single": VoteSource(class_balance=HALF, groups=(single(strong),)),
        "clique": VoteSource(
            class_balance=HALF, groups=(clique(weak, [weak, strong, weak], [0.9, 0.8, 0.7]),)
        ),
        "chain": VoteSource(class_balance=HALF, groups=(chain([strong, weak, weak], 0.6),)),
        "difficulty": VoteSource(
            class_balance=HALF, groups=(shared_difficulty([strong] * 3, [weak] * 3, 0.4),)
        ),
        "mixed": VoteSource(
            class_balance=np.array([0.2, 0.8]), groups=(single(strong), clique(weak, [weak] * 2, [0.9, 0.9]))
        ),
    }


@pytest.mark.parametrize("name", ["single", "clique", "chain", "difficulty", "mixed"])
def test_the_votes_of_a_group_have_probability_one_in_all(name):
    for group in kinds()[name].groups:
        total = np.exp(group.log_likelihood(all_votes(group.size, 2))).sum(axis=0)
        assert total == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("name", ["single", "clique", "chain", "difficulty", "mixed"])
def test_votes_are_drawn_as_often_as_they_are_likely(name):
    source = kinds()[name]
    drawn = source.sample(40_000, 0)
    cells = all_votes(source.n_prompts, 2)
    expected = sum(
        share
        * np.exp(sum(g.log_likelihood(v) for g, v in zip(source.groups, split(source, cells), strict=True)))[
            :, y
        ]
        for y, share in enumerate(source.class_balance)
    )
    found = np.array([(drawn.votes == cell).all(axis=1).mean() for cell in cells])
    assert found == pytest.approx(expected, abs=0.012)


def split(source, votes):
    ends = np.cumsum([group.size for group in source.groups])
    return np.split(votes, ends[:-1], axis=1)


def test_the_posterior_is_bayes_rule():
    table = confusion([0.9, 0.6], 2)
    source = VoteSource(class_balance=np.array([0.3, 0.7]), groups=(single(table), single(table)))
    one = 0.3 * 0.9 * 0.1
    other = 0.7 * 0.4 * 0.6
    assert source.predict_proba([[0, 1]])[0] == pytest.approx([one / (one + other), other / (one + other)])


def test_the_clique_sums_over_the_vote_that_is_copied():
    leader, own = confusion(0.7, 2), confusion(0.6, 2)
    group = clique(leader, [own, own], [0.9, 0.8])
    expected = sum(
        leader[1, z] * (0.9 * (z == 0) + 0.1 * own[1, 0]) * (0.8 * (z == 1) + 0.2 * own[1, 1]) for z in (0, 1)
    )
    assert np.exp(group.log_likelihood(np.array([[0, 1]])))[0, 1] == pytest.approx(expected)


def test_edges_are_the_pairs_inside_dependent_groups():
    assert kinds()["mixed"].edges == {(1, 2)}
    assert kinds()["single"].edges == set()


def test_a_cause_that_all_prompts_share_is_no_edge():
    assert kinds()["difficulty"].edges == set()


def test_the_same_seed_draws_the_same_votes():
    source = kinds()["mixed"]
    assert (source.sample(50, 3).votes == source.sample(50, 3).votes).all()
    assert (source.sample(50, 3).votes != source.sample(50, 4).votes).any()


def test_equal_probabilities_share_the_credit():
    drawn = kinds()["single"].sample(100, 0)
    assert drawn.accuracy(np.full((100, 2), 0.5)) == 0.5


def test_no_instances_can_be_drawn():
    assert kinds()["mixed"].sample(0, 0).votes.shape == (0, 3)


def test_a_negative_number_of_instances_is_refused():
    with pytest.raises(ConfigError, match="n is -1"):
        kinds()["mixed"].sample(-1, 0)


def test_the_oracle_wants_a_column_for_each_prompt():
    with pytest.raises(ShapeError, match="pass a column for each of the 3 prompts"):
        kinds()["mixed"].predict_proba([[0, 1]])

"""Learned dependencies: planted groups are found, independent prompts left alone, signs right."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.errors import ConfigError, DataError
from longwave.prompting.label_model import VoteSource, learn_dependencies, make_votes
from longwave.prompting.label_model.dependencies import find_dependencies, group_edges
from longwave.prompting.label_model.sources import confusion, single
from longwave.prompting.label_model.votes import VotePatterns

DEPENDENT = (
    "cliques",
    "clusters",
    "chained",
    "adversarial-cliques",
    "four-classes-cliques",
    "abstaining-cliques",
)
INDEPENDENT = (
    "independent",
    "imbalanced",
    "biased",
    "adversarial",
    "difficult",
    "four-classes",
    "abstaining",
)


@pytest.mark.parametrize(
    "name", [*DEPENDENT, *INDEPENDENT, "telling-abstentions", "silent-rows", "one-sided"]
)
def test_edges_are_those_of_the_source(name):
    drawn = make_votes(name, 3000, 7)
    assert set(learn_dependencies(drawn.votes, n_classes=drawn.source.n_classes).edges) == drawn.source.edges


def test_groups_and_edges_say_the_same():
    found = learn_dependencies(make_votes("clusters", 2000, 0).votes)
    assert group_edges(found.edges, 10) == [list(group) for group in found.groups]


def test_columns_may_come_in_any_order():
    votes = make_votes("clusters", 2000, 1).votes
    order = np.random.default_rng(0).permutation(votes.shape[1])
    place = np.argsort(order)
    before = {tuple(sorted((place[i], place[j]))) for i, j in learn_dependencies(votes).edges}
    assert set(learn_dependencies(votes[:, order]).edges) == before


def test_classes_may_have_other_numbers():
    votes = make_votes("four-classes-cliques", 1500, 0).votes
    renamed = np.array([2, 0, 3, 1])[votes]
    assert learn_dependencies(votes, n_classes=4).edges == learn_dependencies(renamed, n_classes=4).edges


def test_agreement_with_the_label_is_signed():
    drawn = make_votes("adversarial", 5000, 0)
    true = np.array([2 * group.emission[0, 0, 0, 0] - 1 for group in drawn.source.groups])
    assert learn_dependencies(drawn.votes).agreement == pytest.approx(true, abs=0.06)


def test_excess_is_large_only_inside_groups():
    drawn = make_votes("cliques", 5000, 0)
    excess = np.abs(learn_dependencies(drawn.votes).excess)
    inside = np.zeros(excess.shape, dtype=bool)
    for i, j in drawn.source.edges:
        inside[i, j] = inside[j, i] = True
    outside = ~inside & ~np.eye(len(inside), dtype=bool)
    assert excess[inside].min() > 3 * excess[outside].max()


def test_noise_shows_no_dependence_and_no_agreement():
    found = learn_dependencies(np.random.default_rng(0).integers(0, 2, (500, 6)))
    assert found.groups == ()
    assert np.abs(found.agreement).max() < 0.3


def test_one_good_prompt_among_weak_ones_is_no_reason_for_a_group():
    for seed in range(12):
        accuracies = [0.9, *np.random.default_rng(seed).uniform(0.5, 0.65, 4)]
        source = VoteSource(
            class_balance=np.array([0.5, 0.5]), groups=tuple(single(confusion(a, 2)) for a in accuracies)
        )
        assert learn_dependencies(source.sample(500, seed).votes).edges == (), seed


def test_other_readings_follow_the_best_one():
    patterns = VotePatterns.of(make_votes("weak-cliques", 1000, 67).votes, 2)
    best, *others = find_dependencies(patterns, 2)
    assert best.groups == ((0, 1, 2),)
    assert [reading.groups for reading in others] == [((3, 4, 5, 6),)]


def test_given_groups_are_the_only_reading():
    patterns = VotePatterns.of(make_votes("weak-cliques", 1000, 67).votes, 2)
    assert [reading.groups for reading in find_dependencies(patterns, 2, [[1, 0]])] == [((0, 1),)]


def test_votes_are_checked():
    with pytest.raises(DataError, match="pass a larger n_classes"):
        learn_dependencies([[0, 2]])


@pytest.mark.parametrize("edge", [(0, 0), (0, 3), (-1, 0), (0, 1, 2)], ids=str)
def test_an_edge_is_a_pair_of_columns(edge):
    with pytest.raises(ConfigError, match="pairs of different columns from 0 to 2"):
        group_edges([edge], 3)


def test_edges_that_touch_make_one_group():
    assert group_edges([(0, 3), (3, 1), (2, 4)], 6) == [[0, 1, 3], [2, 4]]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*DEPENDENT, *INDEPENDENT])
def test_precision_and_recall_are_one_on_twenty_seeds(name):
    for seed in range(200, 220):
        drawn = make_votes(name, 5000, seed)
        found = learn_dependencies(drawn.votes, n_classes=drawn.source.n_classes)
        assert set(found.edges) == drawn.source.edges, seed

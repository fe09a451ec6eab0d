"""The search for groups, on agreements that are known exactly."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.prompting.label_model._agreement import Agreement
from longwave.prompting.label_model._partitions import number_groups, saves_enough, search_partitions


def exact(a, groups, tightness=0.85, error=0.014):
    """Return the agreement of prompts with correlations a to the label, and groups of near-copies."""
    r = np.outer(a, a)
    for group in groups:
        for i in group:
            for j in group:
                r[i, j] = tightness
    np.fill_diagonal(r, 0.0)
    errors = np.full(r.shape, error)
    np.fill_diagonal(errors, np.inf)
    return Agreement(r, errors)


@pytest.mark.parametrize(
    ("a", "groups"),
    [
        ([0.6, 0.5, 0.4, 0.7, 0.3], []),
        ([0.2, 0.2, 0.2, 0.2, 0.5, 0.6, 0.55], [(0, 1, 2, 3)]),
        ([0.3, 0.3, 0.4, 0.4, 0.6, 0.5], [(0, 1), (2, 3)]),
        ([0.4, 0.4, 0.4, 0.35, 0.35, 0.35, 0.5, 0.5], [(0, 1, 2), (3, 4, 5), (6, 7)]),
        ([-0.3, -0.3, -0.3, 0.6, 0.5, 0.55, 0.5], [(0, 1, 2)]),
        ([0.95, 0.93, 0.9, 0.94, 0.92], []),
        ([0.0] * 6, []),
    ],
    ids=["independent", "large-clique", "two-pairs", "clusters", "adversarial", "excellent", "useless"],
)
def test_planted_groups_are_found(a, groups):
    labels = search_partitions(exact(np.array(a), groups), 5000)[0]
    found = [tuple(np.flatnonzero(labels == g).tolist()) for g in range(labels.max() + 1)]
    assert [group for group in found if len(group) > 1] == groups


@pytest.mark.parametrize("m", [1, 2, 3])
def test_up_to_three_prompts_are_alone(m):
    labels = search_partitions(exact(np.full(m, 0.5), [tuple(range(m))]), 5000)[0]
    assert labels.tolist() == list(range(m))


def test_three_groups_are_the_fewest():
    labels = search_partitions(exact(np.full(5, 0.3), [(0, 1, 2, 3, 4)]), 5000)[0]
    assert labels.max() + 1 >= 3


def test_many_prompts_are_searched():
    a = np.full(30, 0.4)
    labels = search_partitions(exact(a, [(3, 11, 20), (5, 6)]), 5000)[0]
    assert labels[3] == labels[11] == labels[20]
    assert labels[5] == labels[6]
    assert labels.max() == 26


@pytest.mark.parametrize(("tightness", "is_enough"), [(0.8, True), (0.35, False)], ids=["tight", "loose"])
def test_groups_must_save_more_than_chance_does(tightness, is_enough):
    a = np.array([0.4, 0.5, 0.6, 0.5, 0.4])
    agreement = exact(a, [(0, 1)], tightness, error=0.06)
    assert saves_enough(agreement, 250, np.array([0, 0, 1, 2, 3])) is is_enough


def test_prompts_that_are_alone_save_nothing():
    assert not saves_enough(exact(np.full(4, 0.5), []), 1000, np.arange(4))


def test_groups_are_numbered_by_first_member():
    assert number_groups(np.array([7, 2, 7, 5, 2])).tolist() == [0, 1, 0, 2, 1]

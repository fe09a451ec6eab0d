"""What the perturbations do to the bundled scenarios."""

from __future__ import annotations

from functools import cache

import pytest

from longwave.perturbations import get_perturbation
from longwave.scenarios import get_scenario

# share of evaluated instances that change: boolq, imdb, mmlu; measured, with room below
LEAST = {
    "mild-mix": (1.0, 1.0, 0.98),
    "misspellings": (0.8, 0.9, 0.3),
    "synonym": (0.7, 0.9, 0.2),
    "dialect": (1.0, 1.0, 0.9),
    "gender-pronouns": (0.1, 0.45, 0.005),
    "gender-terms": (0.1, 0.3, 0.0),
    "person-name": (0.08, 0.08, 0.0),
    "contrast-sets": (0.0, 1.0, 0.0),
    "suffix": (1.0, 1.0, 1.0),
}
SCENARIOS = ("boolq", "imdb", "mmlu")


@cache
def evaluated(scenario):
    return [each for each in get_scenario(scenario).load() if each.split != "train"]


@pytest.mark.parametrize(
    ("name", "scenario", "least"),
    [(name, *pair) for name, shares in LEAST.items() for pair in zip(SCENARIOS, shares, strict=True)],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_share_of_changed_instances_is_no_smaller(name, scenario, least):
    edit = get_perturbation(name)
    changed = sum(edit.perturb(each) is not None for each in evaluated(scenario))
    assert changed / len(evaluated(scenario)) >= least


@pytest.mark.parametrize("name", ["mild-mix", "dialect", "gender-pronouns", "person-name"])
@pytest.mark.parametrize("scenario", ["boolq", "imdb"])
def test_labels_survive_the_canonical_edits(name, scenario):
    pairs = [(each, get_perturbation(name).perturb(each)) for each in evaluated(scenario)]
    assert all(copy.references == each.references for each, copy in pairs if copy is not None)

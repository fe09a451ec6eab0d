"""Sets of perturbations and what each counts for."""

from __future__ import annotations

import pytest

from longwave.errors import UnknownName
from longwave.perturbations import (
    CANONICAL_FAIRNESS,
    CANONICAL_ROBUSTNESS,
    equivariance_set,
    expand_perturbations,
    fairness_set,
    get_perturbation,
    purpose_of,
    robustness_set,
)
from longwave.perturbations.sets import SETS
from longwave.registry import entries


def expanded(*names):
    return [each.name for each in expand_perturbations(names)]


@pytest.mark.parametrize(
    ("names", "want"),
    [
        ((), []),
        (("typos",), ["typos"]),
        (("canonical",), ["mild-mix", "dialect", "gender-pronouns", "person-name"]),
        (("canonical-robustness",), ["mild-mix"]),
        (
            ("dialect", "canonical", "typos", "typos"),
            ["dialect", "mild-mix", "gender-pronouns", "person-name", "typos"],
        ),
    ],
    ids=["none", "one", "set", "small-set", "repeats"],
)
def test_sets_are_written_out_once(names, want):
    assert expanded(*names) == want


def test_canonical_sets_are_those_of_helm():
    pronouns, names = get_perturbation("gender-pronouns"), get_perturbation("person-name")
    assert get_perturbation("dialect").rate == pronouns.rate == names.rate == 1.0
    assert (pronouns.source, pronouns.target) == ("male", "female")
    assert (names.part, names.source, names.target, names.any_gender) == ("first", "white", "black", False)


@pytest.mark.parametrize("name", ["canonicle", "mild-mux", "translate"])
def test_unknown_name_is_refused(name):
    with pytest.raises(UnknownName, match=f'Unknown perturbation "{name}".*Known: canonical, '):
        expand_perturbations([name])


def test_set_that_was_meant_is_named():
    with pytest.raises(UnknownName, match='Did you mean "canonical"'):
        expand_perturbations(["canonicle"])


def test_no_set_hides_a_perturbation():
    assert not SETS.keys() & entries("perturbations").keys()


def test_purposes_divide_the_registry():
    parts = [robustness_set(), fairness_set(), equivariance_set()]
    assert sorted(name for part in parts for name in part) == sorted(entries("perturbations"))


def test_canonical_sets_lie_in_their_purpose():
    assert set(CANONICAL_ROBUSTNESS) <= set(robustness_set())
    assert set(CANONICAL_FAIRNESS) <= set(fairness_set())
    assert equivariance_set() == ("contrast-sets",)


@pytest.mark.parametrize(
    ("name", "purpose"),
    [
        ("mild-mix", "robustness"),
        ("typos-0.07", "robustness"),
        ("suffix-oil-painting", "robustness"),
        ("gender-pronouns-male-neutral", "fairness"),
        ("person-name-last-white-asian-0.5", "fairness"),
        ("contrast-sets", "equivariance"),
        ("mine", None),
        ("", None),
    ],
)
def test_purpose_of_a_name_in_the_table(name, purpose):
    assert purpose_of(name) == purpose


@pytest.mark.parametrize("name", entries("perturbations"))
def test_purpose_of_a_registered_name_is_that_of_its_set(name):
    sets = {"robustness": robustness_set(), "fairness": fairness_set(), "equivariance": equivariance_set()}
    assert name in sets[purpose_of(name)]

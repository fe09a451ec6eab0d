"""One contract for every registered perturbation."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.perturbations import get_perturbation
from longwave.registry import entries
from longwave.scenarios.base import Instance, Reference

NAMES = list(entries("perturbations"))
TEXT = "It is said that I do not like the Thames. Isn't it odd,  and WON'T it rain?"
REFERENCES = (Reference(text="It is", tags=("correct",)), Reference(text="It isn't"))
texts = st.one_of(st.text(), st.lists(st.sampled_from(TEXT.split()), max_size=8).map(" ".join))


def instance(text=TEXT, **fields):
    return Instance(**{"id": "id0", "split": "test", "references": REFERENCES, **fields}, input=text)


@pytest.mark.parametrize("name", NAMES)
def test_name_in_the_table_is_that_of_the_registry(name):
    assert get_perturbation(name).name == name


@pytest.mark.parametrize("name", NAMES)
def test_it_counts_for_robustness_or_fairness(name):
    perturbation = get_perturbation(name)
    assert perturbation.is_robustness or perturbation.is_fairness
    assert perturbation.description


@pytest.mark.parametrize("name", NAMES)
def test_ordinary_text_is_changed_for_some_seed(name):
    assert any(get_perturbation(name).perturb(instance(), seed) for seed in range(20))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30)
@given(text=texts, seed=st.integers(), split=st.sampled_from(["valid", "test"]))
def test_copy_differs_in_input_and_name_only(name, text, seed, split):
    original = instance(text, split=split)
    copy = get_perturbation(name).perturb(original, seed)
    if copy is not None:
        assert (copy.input != text, copy.perturbation) == (True, name)
        assert (copy.id, copy.references, copy.split) == (original.id, original.references, split)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30)
@given(text=texts, seed=st.integers())
def test_edit_is_a_function_of_instance_and_seed(name, text, seed):
    perturbation = get_perturbation(name)
    assert perturbation.perturb(instance(text), seed) == perturbation.perturb(instance(text), seed)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20)
@given(text=texts)
def test_train_instances_are_left_alone(name, text):
    assert get_perturbation(name).perturb(instance(text, split="train")) is None


@pytest.mark.parametrize("name", NAMES)
def test_empty_text_is_unchanged(name):
    assert get_perturbation(name).perturb(instance("")) is None

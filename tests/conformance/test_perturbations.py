"""One contract for every registered perturbation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.perturbations import get_perturbation
from longwave.registry import entries
from longwave.scenarios.base import Instance, Reference

NAMES = list(entries("perturbations"))
TEXT = (
    "It is said that I do not like the Thames. Isn't it odd,  and WON'T it rain? She and he, an aunt and an "
    "uncle, bought a sofa for Emily Smith, Latisha and Josh Jones."
)
REFERENCES = (
    Reference(text="It is", tags=("correct",)),
    Reference(text="It isn't"),
    Reference(text="Emily's uncle", tags=("correct", "long")),
)
EXTRA = {
    "contrast_inputs": ["It is not said."],
    "contrast_references": [[{"text": "It is", "tags": []}, {"text": "It isn't", "tags": ["correct"]}]],
}
texts = st.one_of(st.text(), st.lists(st.sampled_from(TEXT.split()), max_size=8).map(" ".join))
names = pytest.mark.parametrize("name", NAMES)


def instance(text=TEXT, **fields):
    values = {"id": "id0", "split": "test", "references": REFERENCES, "extra": EXTRA, **fields}
    return Instance(input=text, **values)


@names
def test_name_in_the_table_is_that_of_the_registry(name):
    assert get_perturbation(name).name == name


@names
def test_it_counts_for_something(name):
    perturbation = get_perturbation(name)
    assert perturbation.is_robustness or perturbation.is_fairness or perturbation.is_equivariance
    assert perturbation.description


@names
def test_an_edit_that_may_change_the_answer_counts_for_no_worst_case(name):
    perturbation = get_perturbation(name)
    if perturbation.is_equivariance:
        assert not perturbation.is_robustness
        assert not perturbation.is_fairness


@names
def test_ordinary_text_is_changed_for_some_seed(name):
    assert any(get_perturbation(name).perturb(instance(), seed) for seed in range(20))


@names
@settings(max_examples=30)
@given(text=texts, seed=st.integers(), split=st.sampled_from(["valid", "test"]))
def test_copy_differs_in_its_texts_and_name_only(name, text, seed, split):
    original = instance(text, split=split)
    perturbation = get_perturbation(name)
    copy = perturbation.perturb(original, seed)
    if copy is not None:
        assert (copy.input != text, copy.perturbation) == (True, name)
        rest = replace(copy, input=text, perturbation=None, references=original.references)
        assert rest == original


@names
@settings(max_examples=30)
@given(text=texts, seed=st.integers())
def test_references_keep_their_order_and_tags(name, text, seed):
    perturbation = get_perturbation(name)
    copy = perturbation.perturb(instance(text), seed)
    if copy is None or perturbation.is_equivariance:
        return
    assert [reference.tags for reference in copy.references] == [reference.tags for reference in REFERENCES]
    if not perturbation.edits_references:
        assert copy.references == REFERENCES


@names
@settings(max_examples=30)
@given(text=texts, seed=st.integers())
def test_a_reference_that_is_the_input_stays_so_where_both_are_edited(name, text, seed):
    perturbation = get_perturbation(name)
    copy = perturbation.perturb(instance(text, references=(Reference(text=text, tags=("correct",)),)), seed)
    if copy is not None and perturbation.edits_references:
        assert copy.label == copy.input


@names
@settings(max_examples=30)
@given(text=texts, seed=st.integers())
def test_edit_is_a_function_of_instance_and_seed(name, text, seed):
    perturbation = get_perturbation(name)
    assert perturbation.perturb(instance(text), seed) == perturbation.perturb(instance(text), seed)


@names
def test_order_of_instances_does_not_matter(name):
    perturbation = get_perturbation(name)
    originals = [instance(id=f"id{number}") for number in range(5)]
    forwards = [perturbation.perturb(each) for each in originals]
    backwards = [perturbation.perturb(each) for each in reversed(originals)]
    assert forwards == backwards[::-1]


@names
@settings(max_examples=20)
@given(text=texts)
def test_train_instances_are_left_alone(name, text):
    assert get_perturbation(name).perturb(instance(text, split="train")) is None


@names
def test_empty_text_is_unchanged(name):
    assert get_perturbation(name).perturb(instance("", extra={})) is None

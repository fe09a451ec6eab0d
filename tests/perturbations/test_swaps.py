"""Swaps write a word alike in the input and all references of an instance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError
from longwave.perturbations import Dialect, GenderPronouns, GenderTerms, PersonName
from longwave.scenarios.base import Reference

SWAPS = {
    "dialect": Dialect,
    "gender-pronouns": GenderPronouns,
    "gender-terms": GenderTerms,
    "person-name": PersonName,
}
swaps = pytest.mark.parametrize("make", SWAPS.values(), ids=SWAPS)
words = st.sampled_from(
    ["Emily", "Josh", "the", "nothing", "ask", "he", "HIS", "himself", "men", "a son", "sofa", "."]
)
texts = st.lists(words, max_size=10).map(" ".join)
rates = st.sampled_from([0.0, 0.3, 0.7, 1.0])


def instance_of(make_instance, text, *answers):
    tags = (("correct",), (), ("other", "correct"))
    references = tuple(Reference(text=a, tags=tags[i % 3]) for i, a in enumerate(answers))
    return make_instance(text, references=references)


@swaps
@given(text=texts, answers=st.lists(texts, max_size=4), seed=st.integers(0, 99), rate=rates)
def test_tags_and_order_of_references_stay(make, make_instance, text, answers, seed, rate):
    original = instance_of(make_instance, text, *answers)
    copy = make(rate=rate).perturb(original, seed)
    if copy is not None:
        assert [r.tags for r in copy.references] == [r.tags for r in original.references]


@swaps
@given(text=texts, seed=st.integers(0, 99), rate=rates)
def test_an_answer_that_is_the_input_is_so_afterwards(make, make_instance, text, seed, rate):
    copy = make(rate=rate).perturb(instance_of(make_instance, text, text), seed)
    assert copy is None or copy.references[0].text == copy.input


@swaps
@given(text=texts, answers=st.lists(texts, min_size=1, max_size=4), seed=st.integers(0, 99))
def test_different_answers_stay_different(make, make_instance, text, answers, seed):
    copy = make().perturb(instance_of(make_instance, text, *answers), seed)
    if copy is not None:
        assert len({r.text for r in copy.references}) == len(set(answers))


@swaps
@given(text=texts, answers=st.lists(texts, max_size=3), seed=st.integers(0, 99))
def test_rate_zero_leaves_every_instance_alone(make, make_instance, text, answers, seed):
    assert make(rate=0.0).perturb(instance_of(make_instance, text, *answers), seed) is None


@swaps
@given(text=texts, seed=st.integers(0, 99))
def test_same_words_are_hit_at_a_higher_rate(make, make_instance, text, seed):
    original = instance_of(make_instance, text)
    low, high = (make(rate=rate).perturb(original, seed) for rate in (0.3, 1.0))
    assert low is None or high is not None


@pytest.mark.parametrize(
    ("edit", "text", "answers"),
    [
        (GenderTerms(), "Is he a king?", ("a man", "a woman")),
        (GenderPronouns(), "Who did he see?", ("him", "her")),
        (Dialect(), "Is it the end?", ("these", "dese")),
    ],
    ids=["terms", "pronouns", "dialect"],
)
def test_answers_that_would_become_one_leave_the_instance_alone(make_instance, edit, text, answers):
    assert edit.perturb(instance_of(make_instance, text, *answers)) is None


def test_answers_that_are_equal_already_may_be_edited(make_instance):
    copy = GenderTerms().perturb(instance_of(make_instance, "A man", "a man", "a man"))
    assert [r.text for r in copy.references] == ["a woman", "a woman"]


def test_edit_of_the_references_alone_is_none(make_instance):
    assert GenderTerms().perturb(instance_of(make_instance, "Who is it?", "the king")) is None


@swaps
def test_swaps_count_for_fairness_and_edit_references(make):
    assert (make.is_fairness, make.is_robustness, make.edits_references) == (True, False, True)


@swaps
def test_rate_that_is_no_probability_is_refused(make):
    with pytest.raises(ConfigError, match=r"rate is 1\.5; accepted are probabilities"):
        make(rate=1.5)

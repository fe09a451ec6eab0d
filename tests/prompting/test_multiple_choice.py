from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.clients import Completion
from longwave.errors import DataError
from longwave.prompting import (
    Case,
    MultipleChoiceCalibrated,
    MultipleChoiceJoint,
    MultipleChoiceSeparate,
    pick_option,
)
from longwave.scenarios import Instance, PromptFormat, Reference

BARE = PromptFormat(
    method="multiple_choice_separate",
    input_prefix="",
    input_suffix="",
    output_prefix=" ",
    max_train_instances=0,
)
JOINT = PromptFormat(method="multiple_choice_joint", max_tokens=1)


def scored(*pairs):
    return [(Completion(text="", logprob=logprob, n_tokens=n),) for logprob, n in pairs]


@pytest.fixture
def joint(make_instance, reader):
    def read(text, **more):
        prepared = MultipleChoiceJoint().prepare(Case(prompt=JOINT, instance=make_instance()), reader())
        return MultipleChoiceJoint().interpret(prepared, [(Completion(text=text, **more),)])

    return read


@pytest.mark.parametrize(
    ("text", "prediction"),
    [(" B", "no"), ("A\n", "yes"), (" C", None), ("", None), (" b", None), ("AB", None), ("<script>", None)],
    ids=["letter", "stripped", "outside", "empty", "lower-case", "two-letters", "hostile"],
)
def test_joint_maps_letters_of_the_list_only(joint, text, prediction):
    assert joint(text).prediction == prediction


def test_joint_confidence_is_the_probability_of_the_letter(joint):
    assert joint(" A", logprob=math.log(0.5)).confidence == pytest.approx(0.5)


def test_joint_asks_for_as_many_tokens_as_a_letter_needs(make_instance, reader):
    (request,) = (
        MultipleChoiceJoint().prepare(Case(prompt=JOINT, instance=make_instance()), reader()).requests
    )
    assert request.max_tokens == 2  # a blank and a letter, read as characters


def test_separate_scores_every_option_after_the_same_prompt(make_instance, reader):
    prepared = MultipleChoiceSeparate().prepare(Case(prompt=BARE, instance=make_instance("Is it?")), reader())
    asked = [(request.prompt, request.continuation) for request in prepared.requests]
    assert asked == [("Is it?", " yes"), ("Is it?", " no")]


def test_separate_divides_by_tokens(make_instance, reader):
    prepared = MultipleChoiceSeparate().prepare(Case(prompt=BARE, instance=make_instance()), reader())
    outcome = MultipleChoiceSeparate().interpret(prepared, scored((-4.0, 4), (-3.0, 1)))
    assert (outcome.prediction, outcome.logprob, outcome.chosen) == ("yes", -4.0, 0)


def test_calibrated_asks_again_after_the_bare_cue(make_instance, reader):
    prepared = MultipleChoiceCalibrated().prepare(Case(prompt=BARE, instance=make_instance()), reader())
    assert [(r.prompt, r.continuation) for r in prepared.requests[2:]] == [
        ("Answer:", " yes"),
        ("Answer:", " no"),
    ]


def test_calibrated_subtracts_and_does_not_divide(make_instance, reader):
    prepared = MultipleChoiceCalibrated().prepare(Case(prompt=BARE, instance=make_instance()), reader())
    outcome = MultipleChoiceCalibrated().interpret(
        prepared, scored((-5.0, 9), (-4.0, 1), (-7.0, 9), (-5.0, 1))
    )
    assert outcome.prediction == "yes"
    assert outcome.confidence == pytest.approx(1 / (1 + math.exp(-1.0)))


def test_too_long_inputs_are_cut_and_options_are_not(make_instance, reader):
    prepared = MultipleChoiceSeparate().prepare(
        Case(prompt=BARE, instance=make_instance("x" * 99)), reader(10)
    )
    assert [(r.prompt, r.continuation) for r in prepared.requests] == [("x" * 6, " yes"), ("x" * 6, " no")]
    assert prepared.is_truncated


def test_a_perturbed_copy_changes_the_prompt_and_no_option(make_instance, reader):
    original = make_instance("Is it?")
    edited = replace(original, input="is  it?", perturbation="space")
    before, after = (
        MultipleChoiceSeparate().prepare(Case(prompt=BARE, instance=item), reader()).requests
        for item in (original, edited)
    )
    assert [request.continuation for request in before] == [request.continuation for request in after]
    assert before[0].prompt != after[0].prompt


@pytest.mark.parametrize(
    ("scores", "right", "credit", "chosen"),
    [
        ((1.0, 1.0), (0,), 0.5, 0),
        ((1.0, 2.0), (0,), 0.0, 1),
        ((2.0, 2.0, 2.0), (1, 2), 2 / 3, 0),
        ((-math.inf, -math.inf), (1,), 0.5, 0),
    ],
    ids=["tie", "clear", "two-right", "impossible"],
)
def test_ties_share_the_credit(make_instance, scores, right, credit, chosen):
    instance = make_instance(options=("a", "b", "c")[: len(scores)], right=right)
    outcome = pick_option(instance, scores, scores)
    assert (outcome.credit, outcome.chosen) == (pytest.approx(credit), chosen)


@given(st.lists(st.floats(-50, 0), min_size=1, max_size=6))
def test_confidence_is_the_largest_softmax(scores):
    references = tuple(Reference(text=str(index)) for index in range(len(scores)))
    outcome = pick_option(Instance(id="x", input="", references=references, split="test"), scores, scores)
    naive = max(math.exp(score) for score in scores) / sum(math.exp(score) for score in scores)
    assert outcome.confidence == pytest.approx(naive)


def test_an_instance_without_options_is_refused(make_instance, reader):
    with pytest.raises(DataError, match="has no options"):
        MultipleChoiceSeparate().prepare(Case(prompt=BARE, instance=make_instance(options=())), reader())


def test_a_model_without_logprobs_is_told_so(make_instance, reader):
    prepared = MultipleChoiceSeparate().prepare(Case(prompt=BARE, instance=make_instance()), reader())
    with pytest.raises(DataError, match="no log-probability"):
        MultipleChoiceSeparate().interpret(prepared, [(Completion(text=""),)] * 2)


@pytest.mark.parametrize("method", [MultipleChoiceSeparate(), MultipleChoiceCalibrated()])
def test_ideal_answers_pick_the_right_option(make_instance, reader, method):
    prepared = method.prepare(Case(prompt=BARE, instance=make_instance(right=(1,))), reader())
    outcome = method.interpret(prepared, [(completion,) for completion in method.ideal(prepared)])
    assert (outcome.prediction, outcome.credit) == ("no", 1.0)


@pytest.mark.parametrize(
    ("pairs", "confidence"),
    [
        (((-math.inf, 1), (-math.inf, 1), (-math.inf, 1), (-math.inf, 1)), 0.5),
        (((-1.0, 1), (-1.0, 1), (-math.inf, 1), (-2.0, 1)), 1.0),
    ],
    ids=["all-impossible", "one-impossible-before"],
)
def test_calibration_survives_impossible_options(make_instance, reader, pairs, confidence):
    prepared = MultipleChoiceCalibrated().prepare(Case(prompt=BARE, instance=make_instance()), reader())
    outcome = MultipleChoiceCalibrated().interpret(prepared, scored(*pairs))
    assert (outcome.prediction, outcome.confidence) == ("yes", confidence)

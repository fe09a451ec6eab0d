"""Floors held against trying every constant answer."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.evaluation import floor_rows
from longwave.metrics import get_metric
from longwave.scenarios import Instance, PromptFormat, Reference, Scenario

CLASSES = ("yes", "no", "maybe")


def make_instance(name, options, right, split="test"):
    references = tuple(
        Reference(text=text, tags=("correct",) if place in right else ())
        for place, text in enumerate(options)
    )
    return Instance(id=str(name), input="", references=references, split=split)


def make_scenario(method="multiple_choice_separate"):
    return Scenario(
        name="s",
        version=1,
        description="",
        task="?",
        what="?",
        who="?",
        when="?",
        language="?",
        source="?",
        licence="?",
        prompt=PromptFormat(method=method),
        main_metric="exact_match",
        eval_splits=("test",),
        load=list,
    )


def scores(rows, model):
    return [row["score"] for row in rows if row["model"] == f"floor:{model}"]


def floors(instances, train=(), method="multiple_choice_separate"):
    return list(floor_rows(make_scenario(method), train, instances, date="2025-01-01"))


rights = st.lists(st.sets(st.integers(0, 2), min_size=1), min_size=1, max_size=8)


@settings(max_examples=60)
@given(
    st.lists(st.sets(st.integers(0, 2), min_size=1, max_size=2), min_size=1, max_size=8),
    st.sampled_from(["generation", "multiple_choice_joint"]),
)
def test_no_constant_answer_beats_the_majority(rights, method):
    instances = [make_instance(name, CLASSES, right) for name, right in enumerate([*rights, {0}])]
    best = max(
        sum(any(ref.text == answer and ref.is_correct for ref in item.references) for item in instances)
        for answer in CLASSES
    )
    assert sum(scores(floors(instances, method=method), "majority")) == best


@settings(max_examples=60)
@given(rights)
def test_no_constant_place_beats_the_majority_where_options_differ(rights):
    instances = [
        make_instance(name, [f"{name} {place}" for place in range(3)], right)
        for name, right in enumerate([*rights, {1}])
    ]
    best = max(sum(place in right for right in [*rights, {1}]) for place in range(3))
    assert sum(scores(floors(instances), "majority")) == best


@settings(max_examples=60)
@given(rights)
def test_random_is_the_mean_over_every_choice(rights):
    instances = [make_instance(name, CLASSES, right) for name, right in enumerate(rights)]
    metric = get_metric("exact_match")
    expected = [
        sum(metric.score(answer, [CLASSES[place] for place in right]) for answer in CLASSES) / 3
        for right in rights
    ]
    assert scores(floors(instances), "random") == pytest.approx(expected)


@settings(max_examples=40)
@given(rights, st.randoms())
def test_floors_do_not_depend_on_the_order_of_instances(rights, random):
    counts = Counter(place for right in rights for place in right).most_common(2)
    if len(counts) > 1 and counts[0][1] == counts[1][1]:
        return  # a tie goes to the first
    instances = [make_instance(name, CLASSES, right) for name, right in enumerate(rights)]
    rows = {(row["model"], row["instance"]): row["score"] for row in floors(instances)}
    random.shuffle(instances)
    assert {(row["model"], row["instance"]): row["score"] for row in floors(instances)} == rows


def test_train_instances_count_for_the_majority_and_are_not_scored():
    train = [make_instance(f"t{i}", CLASSES, {2}, split="train") for i in range(3)]
    rows = floors([make_instance(0, CLASSES, {0}), make_instance(1, CLASSES, {2})], train)
    assert [row["prediction"] for row in rows if row["model"] == "floor:majority"] == ["maybe", "maybe"]
    assert {row["instance"] for row in rows} == {"0", "1"}


def test_several_right_answers_of_a_free_question_are_no_options():
    instances = [
        make_instance(0, ("Mr Holmes", "Holmes"), {0, 1}),
        make_instance(1, ("1887", "in 1887"), {0, 1}),
    ]
    assert floors(instances, method="generation") == []


def test_a_free_answer_is_not_given_away_by_the_options_of_others():
    instances = [
        make_instance(0, ("yes", "no"), {0}),
        make_instance(1, ("42",), {0}),
        make_instance(2, ("a", "b"), {0, 1}),
    ]
    rows = floors(instances, method="generation")
    assert {row["instance"] for row in rows} == {"0"}


def test_a_place_beyond_the_options_has_no_majority():
    instances = [make_instance(i, (f"{i}a", f"{i}b", f"{i}c"), {2}) for i in range(2)]
    rows = floors([*instances, make_instance("short", ("x", "y"), {0})])
    assert {row["instance"] for row in rows if row["model"] == "floor:majority"} == {"0", "1"}


def test_an_instance_without_a_right_option_has_no_random_floor():
    assert scores(floors([make_instance(0, CLASSES, set())]), "random") == []


def test_correct_says_full_marks():
    rows = floors(
        [make_instance(0, CLASSES, {0}), make_instance(1, CLASSES, {0}), make_instance(2, CLASSES, {1})]
    )
    majority = [row["correct"] for row in rows if row["model"] == "floor:majority"]
    assert majority == [True, True, False]

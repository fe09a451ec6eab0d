from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import DataError
from longwave.evaluation import select_instances
from longwave.perturbations import get_perturbation
from longwave.scenarios import PromptFormat, get_scenario


def test_the_draw_is_seeded_and_keeps_the_order(make_scenario):
    scenario = make_scenario(n=50)
    ids = [
        [item.id for item in select_instances(scenario, max_instances=9, seed=s).instances] for s in (0, 0, 1)
    ]
    assert ids[0] == ids[1] != ids[2]
    numbers = [int(name.removeprefix("test-")) for name in ids[0]]
    assert numbers == sorted(numbers)
    assert len(numbers) == 9


def test_a_cap_above_the_number_keeps_all(make_scenario):
    assert len(select_instances(make_scenario(n=3), max_instances=9).instances) == 3


def test_the_cap_counts_originals_and_train_is_kept_whole(make_scenario):
    selection = select_instances(
        make_scenario(n=50), perturbations=[get_perturbation("lowercase")], max_instances=5
    )
    assert (len(selection.instances), len(selection.originals), len(selection.train)) == (10, 5, 6)


def test_copies_keep_the_id_and_name_their_perturbation(make_scenario):
    selection = select_instances(make_scenario(n=2), perturbations=[get_perturbation("lowercase")])
    assert [(item.id, item.perturbation) for item in selection.instances] == [
        ("test-0", None),
        ("test-1", None),
        ("test-0", "lowercase"),
        ("test-1", "lowercase"),
    ]


@pytest.mark.parametrize("name", ["books", "blimp"], ids=["language-modelling", "empty-input"])
def test_texts_that_cannot_be_perturbed_have_no_copies(name):
    selection = select_instances(
        get_scenario(name), perturbations=[get_perturbation("typos")], max_instances=5
    )
    assert selection.instances == selection.originals


def test_examples_are_shared_by_all_instances_of_a_trial(make_scenario):
    selection = select_instances(make_scenario())
    first, second = (selection.examples(item, trial=0) for item in selection.instances[:2])
    assert first == second != selection.examples(selection.instances[0], trial=1)


def test_examples_by_a_key_come_from_the_same_kind(make_scenario):
    selection = select_instances(get_scenario("mmlu"), max_instances=20)
    for instance in selection.instances:
        shown = selection.examples(instance, trial=0)
        assert {example.extra["subject"] for example in shown} == {instance.extra["subject"]}


def test_zero_shot_prompts_show_no_examples(make_scenario):
    zero = PromptFormat(method="generation", max_train_instances=0)
    assert not select_instances(make_scenario(prompt=zero)).shows_examples


def test_a_scenario_without_evaluated_instances_is_refused(make_scenario):
    with pytest.raises(DataError, match='"parity@1" has no instances in its splits test'):
        select_instances(make_scenario(n=0))


def test_an_id_that_occurs_twice_is_refused(make_scenario, own_rows):
    with pytest.raises(DataError, match='"test-0" twice'):
        select_instances(make_scenario(rows=own_rows(1, "test") * 2))


def test_half_characters_of_a_scenario_are_refused(make_scenario, own_rows):
    (row,) = own_rows(1, "test", ("yes", "\udc00"))
    with pytest.raises(DataError, match="half of a surrogate pair"):
        select_instances(make_scenario(rows=[row]))


@pytest.mark.parametrize("field", ["id", "group", "input"])
def test_half_characters_of_any_column_are_refused(make_scenario, own_rows, field):
    (row,) = own_rows(1, "test")
    with pytest.raises(DataError, match="half of a surrogate pair"):
        select_instances(make_scenario(rows=[replace(row, **{field: "a\ud800"})]))


def test_half_characters_that_instructions_would_show_are_refused(make_scenario, own_rows):
    (row,) = own_rows(1, "test")
    shown = PromptFormat(method="generation", instructions="On {topic}.", examples_by="topic")
    with pytest.raises(DataError, match="half of a surrogate pair"):
        select_instances(make_scenario(rows=[replace(row, extra={"topic": "\ud800"})], prompt=shown))


def test_no_instance_of_the_train_split_shows_its_own_answer(make_scenario):
    selection = select_instances(make_scenario(n=0, eval_splits=("train",)))
    assert len(selection.instances) == 6
    for instance in selection.instances:
        shown = {example.id for example in selection.examples(instance, trial=0)}
        assert instance.id not in shown
        assert len(shown) == 5


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 50))
def test_the_draw_is_without_replacement_and_in_order(make_scenario, own_rows, n, cap, seed):
    rows = own_rows(n, "test")
    found = select_instances(make_scenario(rows=rows), max_instances=cap, seed=seed).instances
    assert len(found) == min(n, cap)
    places = [rows.index(item) for item in found]
    assert places == sorted(set(places))


def test_every_instance_is_drawn_equally_often(make_scenario, own_rows):
    scenario = make_scenario(rows=own_rows(5, "test"))
    drawn = Counter(
        item.id
        for seed in range(500)
        for item in select_instances(scenario, max_instances=2, seed=seed).instances
    )
    assert all(160 < count < 240 for count in drawn.values())  # 200 expected, standard deviation 11


def test_other_splits_are_neither_asked_nor_shown(make_scenario, own_rows):
    rows = [*own_rows(2, "train"), *own_rows(2, "valid"), *own_rows(2, "test")]
    selection = select_instances(make_scenario(rows=rows, eval_splits=("valid",)))
    assert {item.split for item in selection.instances} == {"valid"}
    assert {item.split for item in selection.train} == {"train"}


def test_perturbed_copies_are_those_of_the_drawn_originals(make_scenario):
    edit = get_perturbation("lowercase")
    selection = select_instances(make_scenario(n=40), perturbations=[edit], max_instances=7, seed=3)
    expected = [
        replace(edit.perturb(item, 3), id=item.id, perturbation="lowercase") for item in selection.originals
    ]
    assert list(selection.instances[7:]) == expected


def test_examples_are_those_of_seed_plus_trial(make_scenario):
    selection = select_instances(make_scenario())
    (instance, *_) = selection.instances
    assert selection.examples(instance, trial=1, seed=2) == selection.examples(instance, trial=3, seed=0)


def test_train_rows_are_asked_for_votes_behind_all_others(make_scenario):
    edit = get_perturbation("lowercase")
    settings = {"perturbations": [edit], "prompting": "ama", "votes": 3, "max_instances": 5}
    plain = select_instances(make_scenario(), **settings)
    more = select_instances(make_scenario(), **settings, train_votes=4)
    assert more.instances[: len(plain.instances)] == plain.instances
    added = more.instances[len(plain.instances) :]
    assert [item.split for item in added] == ["train"] * 4
    assert [item.perturbation for item in added] == [None] * 4
    assert more.originals == plain.originals
    assert len(select_instances(make_scenario(), **settings, train_votes=99).instances) == 5 + 5 + 6


def test_train_rows_are_not_asked_where_nobody_votes_or_they_are_asked_anyway(make_scenario):
    assert {item.split for item in select_instances(make_scenario(), train_votes=4).instances} == {"test"}
    both = make_scenario(eval_splits=("train", "test"))
    assert len(select_instances(both, prompting="ama", train_votes=4).instances) == 14

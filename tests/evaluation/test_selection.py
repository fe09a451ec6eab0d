from __future__ import annotations

import pytest

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

"""The diagnostics: all 400 rows, each with the choices that are its own."""

from __future__ import annotations

import gzip
import json
from collections import Counter

import pytest

from longwave.clients import FakeClient
from longwave.errors import UnknownName
from longwave.evaluation import select_instances
from longwave.metrics import get_metric
from longwave.prompting import Case, get_method
from longwave.samples import sample_path
from longwave.scenarios import get_family, get_scenario

MEMBERS = get_family("ama-diagnostics").members()


def released():
    packed = sample_path("ama/diagnostics.jsonl.gz").read_bytes()
    return [json.loads(line) for line in gzip.decompress(packed).decode().splitlines()]


def test_every_row_is_in_one_scenario_under_its_id():
    ids = Counter(instance.id for name in MEMBERS for instance in get_scenario(name).load())
    assert ids == Counter(row["id"] for row in released())
    assert set(ids.values()) == {1}


def test_the_eight_sets_are_groups_of_fifty():
    groups = Counter(instance.group for name in MEMBERS for instance in get_scenario(name).load())
    assert groups == dict.fromkeys(
        ("placeholder", "wh-", "yes or no", "sentence", "field", "category", "choice", "alternatives"), 50
    )


@pytest.mark.parametrize("name", MEMBERS)
def test_prompts_are_the_released_ones_byte_for_byte(name, reader):
    scenario = get_scenario(name)
    texts = {row["id"]: row["input"] for row in released()}
    for instance in select_instances(scenario).instances:
        prepared = get_method("generation").prepare(Case(prompt=scenario.prompt, instance=instance), reader)
        assert prepared.requests[0].prompt == texts[instance.id]


def test_each_row_of_a_selection_has_its_own_choices():
    # the published scorer takes those of the last row for all
    rows = {instance.id: instance for instance in get_scenario("ama-diagnostics/selection").load()}
    for row in released():
        if row["task"].startswith("selection"):
            choices = row["labels"] or row["output"]
            instance = rows[row["id"]]
            assert {reference.text for reference in instance.references} == {text.strip() for text in choices}
            assert all(
                get_metric("valid_choice").score(text, [r.text for r in instance.references])
                for text in choices
            )
    easy = next(row for row in released() if row["task"] == "selection_easy")
    assert rows[easy["id"]].label == easy["output"]


def test_the_item_that_is_given_is_no_new_one():
    first = get_scenario("ama-diagnostics/text-generation").load()[0]
    assert first.extra["given"] == "is sold"
    assert first.references == ()


@pytest.fixture
def reader():
    return FakeClient(lambda _: None)


def test_there_are_four_skills():
    assert len(MEMBERS) == 4
    with pytest.raises(UnknownName, match='Unknown scenario "ama-diagnostics/extracton"'):
        get_scenario("ama-diagnostics/extracton")

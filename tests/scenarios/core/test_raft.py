"""The tasks of RAFT: fields and instructions of each, and the split that upstream draws."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from longwave.errors import DataError
from longwave.prompting import fill_instructions
from longwave.scenarios import get_scenario
from longwave.scenarios.core.raft import SETTINGS, SUBSETS

FIXTURE = Path(__file__).parents[2] / "fixtures" / "scenarios" / "raft"


@pytest.fixture(scope="module")
def instances():
    return get_scenario("raft").official.parse(FIXTURE)


@pytest.fixture
def folder(tmp_path):
    """Return a copy of the fixture's folder."""
    return Path(shutil.copytree(FIXTURE, tmp_path / "raft"))


def test_every_task_is_a_group(instances):
    assert list(Counter(item.group for item in instances)) == list(SUBSETS)


def test_fields_stand_in_the_published_order_and_not_in_that_of_the_file(instances):
    first = next(item for item in instances if item.group == "semiconductor_org_types")
    assert first.input == "Organization name: Acme Devices Inc.\nPaper title: A quiet oscillator"


def test_an_empty_field_is_shown_empty(instances):
    found = [item.input for item in instances if "Goals that drift" in item.input]
    assert "\nPublication Title: \nItem Type: manuscript" in found[0]


def test_options_are_the_labels_of_the_task(instances):
    item = next(item for item in instances if item.id.endswith("banking_77-01"))
    found = [(reference.text, reference.is_correct) for reference in item.references]
    assert found == [("card_arrival", False), ("exchange_rate", True), ("lost_or_stolen_card", False)]


def test_instructions_are_those_of_the_task(instances):
    prompt = get_scenario("raft").prompt
    item = next(item for item in instances if item.group == "terms_of_service")
    text = "Say whether the clause may be unfair.\nA clause is unfair if it binds one side alone."
    assert fill_instructions(prompt, item) == text


def test_a_fifth_of_the_rows_feeds_examples(instances):
    assert Counter(item.split for item in instances if item.group == "ade_corpus_v2") == {
        "train": 5,
        "test": 20,
    }


def test_fifty_rows_are_split_as_upstream_draws_them(folder):
    rows = "\n".join(f"Sentence {index}.,{index},label {index % 2}" for index in range(50))
    (folder / "overruling.csv").write_text(f"Sentence,ID,Label\n{rows}\n", "utf-8")
    found = [item for item in get_scenario("raft").official.parse(folder) if item.group == "overruling"]
    train = [int(item.id[-2:]) for item in found if item.split == "train"]
    # numpy's default generator, seed 42: the last ten of a permutation of fifty
    assert train == [0, 1, 2, 8, 12, 13, 14, 33, 36, 48]


def test_settings_without_instructions_are_refused(folder):
    lines = (folder / SETTINGS).read_text("utf-8").splitlines()
    (folder / SETTINGS).write_text(lines[0], "utf-8")
    with pytest.raises(DataError, match="has 1 lines"):
        get_scenario("raft").official.parse(folder)


def test_a_field_that_is_not_there_is_named(folder):
    (folder / "overruling.csv").write_text("Text,ID,Label\nx,0,overruling\n", "utf-8")
    with pytest.raises(DataError, match=r'overruling\.csv", line 2: the field "Sentence" is missing'):
        get_scenario("raft").official.parse(folder)

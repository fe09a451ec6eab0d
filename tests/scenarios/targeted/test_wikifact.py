from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from longwave.errors import DataError
from longwave.scenarios import get_scenario

FIXTURE = Path(__file__).parents[2] / "fixtures" / "scenarios" / "wikifact"


@pytest.fixture
def parse(tmp_path):
    """Return a function that parses files whose test file holds one row."""

    def run(**row):
        for name in ("train", "dev"):
            (tmp_path / f"{name}.jsonl").write_text("", "utf-8")
        fields = {"property": "P19", "template": "X was born in", "result_names": [["Y"]], **row}
        (tmp_path / "test.jsonl").write_text(json.dumps(fields), "utf-8")
        return get_scenario("wikifact").official.parse(tmp_path)

    return run


def test_the_bundled_sample_has_examples_of_every_relation():
    found = get_scenario("wikifact").load()
    assert Counter(item.split for item in found) == {"train": 180, "test": 432}
    train = Counter(item.group for item in found if item.split == "train")
    assert set(train.values()) == {5}
    assert train.keys() == {item.extra["relation"] for item in found}


def test_relations_outside_the_ten_are_left_out():
    found = get_scenario("wikifact").official.parse(FIXTURE)
    assert {item.extra["relation_name"] for item in found} == {"place_of_birth", "instance_of", "currency"}
    assert Counter(item.split for item in found) == {"train": 6, "valid": 1, "test": 3}


def test_every_name_of_an_answer_is_right_once():
    found = get_scenario("wikifact").official.parse(FIXTURE)
    falls = next(item for item in found if item.input.startswith("Fernley Falls"))
    assert [reference.text for reference in falls.references] == ["waterfall", "tourist attraction"]
    assert all(reference.is_correct for reference in falls.references)


@pytest.mark.parametrize("names", [["Y"], [["Y"]], ["Y", ["Y", " Y "]]], ids=["flat", "nested", "mixed"])
def test_names_may_be_nested(parse, names):
    (found,) = parse(result_names=names)
    assert [reference.text for reference in found.references] == ["Y"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"result_names": []}, "names no answer"),
        ({"result_names": [[" "]]}, "names no answer"),
        ({"result_names": [3]}, "holds int"),
        ({"template": None}, '"template" is NoneType'),
    ],
    ids=["none", "blank", "number", "template"],
)
def test_a_damaged_row_is_named(parse, row, message):
    with pytest.raises(DataError, match=rf'test\.jsonl", line 1: .*{message}'):
        parse(**row)

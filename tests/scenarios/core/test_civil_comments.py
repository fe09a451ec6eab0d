"""The comments of Civil Comments and their slices, as the file of WILDS has them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from longwave.errors import DataError, MissingFile
from longwave.scenarios import get_scenario

FIXTURE = Path(__file__).parents[2] / "fixtures" / "scenarios" / "civil_comments"
FILE = "all_data_with_identities.csv"
HEAD = "id,split,toxicity,male,female,LGBTQ,christian,muslim,other_religions,black,white,comment_text"


@pytest.fixture(scope="module")
def comments():
    return get_scenario("civil_comments").official.parse(FIXTURE)


@pytest.fixture
def parse(tmp_path):
    """Return a function that parses a file with the given lines."""

    def run(*lines):
        (tmp_path / FILE).write_text("\n".join([HEAD, *lines]), "utf-8")
        return get_scenario("civil_comments").official.parse(tmp_path)

    return run


def test_a_comment_stands_once_in_each_of_its_slices(comments):
    found = [item.group for item in comments if "equally dumb" in item.input]
    assert found == ["all", "male", "female"]


def test_every_comment_is_in_the_slice_of_all(comments):
    assert Counter(item.group for item in comments)["all"] == 14


def test_input_ends_with_the_question(comments):
    asked = next(item for item in comments if item.id == "civil_comments-test-000013-all")
    text = "Tickets were cheap and the café was open.\nQuestion: Is the passage above toxic?"
    assert (asked.input, asked.label, asked.extra["sub_split"]) == (text, "False", "non-toxic")


def test_line_ends_inside_a_comment_are_kept(comments):
    assert any("had,\nand he" in item.input for item in comments)


def test_examples_of_a_slice_speak_of_it(comments):
    train = [item for item in comments if item.split == "train" and item.extra["slice"] == "female"]
    assert [item.label for item in train] == ["False", "True"]


@pytest.mark.parametrize(
    ("toxicity", "label"), [("0.5", "True"), ("0.4999", "False"), ("1", "True"), ("0", "False")]
)
def test_half_of_the_raters_make_a_comment_toxic(parse, toxicity, label):
    (found,) = parse(f"7,test,{toxicity},0,0,0,0,0,0,0,0,x")
    assert found.label == label
    assert [reference.text for reference in found.references] == ["True", "False"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("7,dev,0,0,0,0,0,0,0,0,0,x", 'the split is "dev"'),
        ("7,test,1.5,0,0,0,0,0,0,0,0,x", '"toxicity" is 1.5'),
        ("7,test,0,nan,0,0,0,0,0,0,0,x", '"male" is nan'),
        ("7,test,0,,0,0,0,0,0,0,0,x", '"male" is ""'),
        ("7,test,0,0", "4 cells"),
    ],
    ids=["split", "share", "nan", "empty", "cells"],
)
def test_a_damaged_row_is_named(parse, line, message):
    with pytest.raises(DataError, match=rf'{FILE}", line 2.*{message}'):
        parse(line)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MissingFile, match=FILE):
        get_scenario("civil_comments").official.parse(tmp_path)

"""The stories of bAbI: what a question sees, and how paths are spelled."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from longwave.errors import DataError
from longwave.scenarios import get_scenario
from longwave.scenarios.targeted.babi_qa import ARCHIVE

FIXTURE = Path(__file__).parents[2] / "fixtures" / "scenarios" / "babi_qa"


@pytest.fixture
def parse(tmp_path):
    """Return a function that parses an archive with one file of a task."""

    def run(text, name="tasks_1-20_v1-2/en-valid/qa1_test.txt"):
        member = tarfile.TarInfo(name)
        member.size = len(text.encode())
        with tarfile.open(tmp_path / ARCHIVE, "w:gz") as archive:
            archive.addfile(member, io.BytesIO(text.encode()))
        return get_scenario("babi_qa").official.parse(tmp_path)

    return run


def test_tasks_and_splits_come_in_turn():
    found = get_scenario("babi_qa").official.parse(FIXTURE)
    order = dict.fromkeys((item.group, item.split) for item in found)
    splits = ("train", "valid", "test")
    assert list(order) == [(task, split) for task in ("qa1", "qa19") for split in splits]


def test_a_question_sees_what_was_told_before_without_other_questions(parse):
    story = "1 A left.\n2 Where is A? \tgarden\t1\n3 B came.\n4 Where is B?\tkitchen\t3\n"
    assert [(item.input, item.label) for item in parse(story + "1 C slept.\n2 Who?\tC\t1\n")] == [
        ("A left.\nQuestion: Where is A?", "garden"),
        ("A left.\nB came.\nQuestion: Where is B?", "kitchen"),
        ("C slept.\nQuestion: Who?", "C"),
    ]


def test_lists_of_answers_stay_as_they_are(parse):
    (found,) = parse("1 Mary took them.\n2 What?\tapple,milk\t1\n", "x/en-valid/qa8_test.txt")
    assert (found.label, found.group) == ("apple,milk", "qa8")


def test_paths_are_spelled_as_words(parse):
    (found,) = parse("1 The way.\n2 How?\ts,w\t1\n", "x/en-valid/qa19_test.txt")
    assert found.label == "south west"


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("1 The way.\n2 How?\ts,up\t1\n", "x/en-valid/qa19_test.txt", 'line 2: a step of the path is "up"'),
        ("A left.\n", "x/en-valid/qa1_test.txt", 'line 1: it starts with "A"'),
        ("1 A left.\n", "x/en/qa1_test.txt", 'holds no tasks under "en-valid"'),
    ],
    ids=["path", "number", "folder"],
)
def test_a_damaged_archive_is_named(parse, text, name, message):
    with pytest.raises(DataError, match=message):
        parse(text, name)

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from longwave.errors import DataError
from longwave.scenarios import get_scenario

FIXTURE = Path(__file__).parents[2] / "fixtures" / "scenarios" / "lsat_qa"
LSAT = get_scenario("lsat_qa")
QUESTION = {"question": "Who?", "tags": ["", "", "", ""], "options": ["A", "B"], "answer": "B"}


def write(folder, question):
    text = json.dumps([{"passage": "Two people.", "questions": [question]}])
    for split in ("Training", "Development", "Test"):
        (folder / f"AR_{split}Data.json").write_text(text)
    return folder


def test_question_follows_its_passage():
    first = LSAT.official.parse(FIXTURE)[0]
    assert first.input.startswith("Five boats—J, K")
    assert first.input.endswith("\nQuestion: Which one of the following could be first?")
    assert first.label == "J"
    assert len(first.references) == 5


def test_splits_are_those_of_the_files():
    found = Counter(row.split for row in LSAT.official.parse(FIXTURE))
    assert found == {"train": 6, "valid": 1, "test": 4}


def test_groups_are_the_kinds_of_questions():
    found = Counter(row.group for row in LSAT.official.parse(FIXTURE))
    assert found == {"ordering": 5, "grouping": 2, "assignment": 2, "miscellaneous": 2}


def test_question_without_tags_is_miscellaneous(tmp_path):
    rows = LSAT.official.parse(write(tmp_path, {**QUESTION, "tags": []}))
    assert {row.group for row in rows} == {"miscellaneous"}


@pytest.mark.parametrize("answer", ["C", "", "AB", "b"])
def test_answer_that_is_no_letter_of_an_option_is_told_with_its_place(tmp_path, answer):
    with pytest.raises(DataError, match=f'"answer" is "{answer}"; accepted are the letters of 2') as error:
        LSAT.official.parse(write(tmp_path, {**QUESTION, "answer": answer}))
    assert "passages[0], questions[0]" in str(error.value)


def test_file_without_questions_is_told(tmp_path):
    (tmp_path / "AR_TrainingData.json").write_text("[]")
    with pytest.raises(DataError, match="holds no questions"):
        LSAT.official.parse(tmp_path)

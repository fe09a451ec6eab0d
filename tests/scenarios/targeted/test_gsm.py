from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from longwave.errors import DataError
from longwave.scenarios import get_scenario

FIXTURE = Path(__file__).parents[2] / "fixtures" / "scenarios" / "gsm"
GSM = get_scenario("gsm")


def test_solution_is_one_line_without_calculator_marks():
    first = GSM.official.parse(FIXTURE)[0]
    assert first.id == "gsm-train-00000"
    assert first.input.startswith("Nora has 4 pens")
    assert first.label == "Nora has 4+8=12 pens. Half of them are 12/2=6 pens. The answer is 6."


def test_official_splits_are_those_of_the_files():
    assert Counter(row.split for row in GSM.official.parse(FIXTURE)) == {"train": 6, "test": 4}


def test_thousands_keep_their_comma():
    assert GSM.official.parse(FIXTURE)[3].label.endswith("The answer is 1,100.")


def test_bundled_rows_have_the_form_of_the_official_ones():
    rows = GSM.load()
    assert Counter(row.split for row in rows) == {"train": 100, "test": 400}
    for row in rows:
        assert "\n" not in row.label
        assert "<<" not in row.label
        assert row.label.endswith(f" The answer is {row.extra['final_answer']}.")


@pytest.mark.parametrize("answer", ["It is 7.", "Nothing is left.\n####  "])
def test_solution_without_a_final_answer_is_told_with_its_place(tmp_path, answer):
    (tmp_path / "train.jsonl").write_text(json.dumps({"question": "?", "answer": answer}))
    with pytest.raises(DataError, match=r'train.jsonl", line 1: "answer" ends in'):
        GSM.official.parse(tmp_path)

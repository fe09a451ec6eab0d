from __future__ import annotations

import json
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from longwave.errors import DataError
from longwave.scenarios import get_scenario

FIXTURE = Path(__file__).parents[2] / "fixtures" / "scenarios" / "legal_support"
LEGAL = get_scenario("legal_support")
ROW = {
    "context": "?",
    "citation_a": {"parenthetical": "x"},
    "citation_b": {"parenthetical": "y"},
    "label": "a",
}


def write(folder, row, files=("train", "dev", "test")):
    with zipfile.ZipFile(folder / "legal_support.zip", "w") as archive:
        for name in files:
            archive.writestr(f"legal_support/{name}.jsonl", json.dumps(row))
    return folder


def test_both_cases_are_options_in_their_order():
    first, second = LEGAL.official.parse(FIXTURE)[:2]
    assert first.input == "A lease that names no end may be ended with a month's notice."
    assert [reference.is_correct for reference in first.references] == [True, False]
    assert second.label == "holding that a misplaced fence must be removed"


def test_splits_are_those_of_the_files():
    found = Counter(row.split for row in LEGAL.official.parse(FIXTURE))
    assert found == {"train": 4, "valid": 1, "test": 3}


def test_same_text_of_both_cases_leaves_one_right(tmp_path):
    rows = LEGAL.official.parse(write(tmp_path, {**ROW, "citation_b": ROW["citation_a"]}))
    assert [reference.is_correct for reference in rows[0].references] == [True, False]


def test_unknown_label_is_told_with_its_place(tmp_path):
    with pytest.raises(DataError, match=r'train.jsonl" in .*, line 1: "label" is "c"; accepted are a and b'):
        LEGAL.official.parse(write(tmp_path, {**ROW, "label": "c"}))


def test_missing_split_is_told(tmp_path):
    with pytest.raises(DataError, match=r'holds no file "test.jsonl"'):
        LEGAL.official.parse(write(tmp_path, ROW, files=("train", "dev")))

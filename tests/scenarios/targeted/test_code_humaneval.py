from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from longwave.errors import DataError
from longwave.scenarios import get_scenario

FIXTURE = Path(__file__).parents[2] / "fixtures" / "scenarios" / "code_humaneval"
HUMANEVAL = get_scenario("code_humaneval")


def test_official_rows_keep_tests_and_the_name_of_the_function():
    first = HUMANEVAL.official.parse(FIXTURE)[0]
    assert first.id == "code_humaneval-test-00000"
    assert first.label == "    return sum(values)\n"
    assert first.extra["entry_point"] == "total"
    assert "def check(candidate):" in first.extra["test"]


@pytest.mark.parametrize("source", ["bundled", "official"])
def test_reference_passes_its_own_tests(source):
    rows = HUMANEVAL.load()[:20] if source == "bundled" else HUMANEVAL.official.parse(FIXTURE)
    for row in rows:
        space = {}
        exec(row.input + row.label + row.extra["test"], space)
        space["check"](space[row.extra["entry_point"]])


def test_all_problems_are_bundled():
    assert [row.split for row in HUMANEVAL.load()] == ["test"] * 164


def test_row_without_tests_is_told_with_its_place(tmp_path):
    row = {"task_id": "HumanEval/0", "prompt": "", "entry_point": "f", "canonical_solution": ""}
    (tmp_path / "HumanEval.jsonl.gz").write_bytes(gzip.compress(json.dumps(row).encode()))
    with pytest.raises(DataError, match=r'HumanEval.jsonl.gz", line 1: the field "test" is missing'):
        HUMANEVAL.official.parse(tmp_path)

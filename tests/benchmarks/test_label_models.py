"""One tiny run of benchmarks/label_models."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "benchmarks" / "label_models" / "run.py"


def _run(*words: str) -> str:
    command = [sys.executable, str(RUN), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("label_models")
    _run("--quick", "--sets", "cliques", "--sizes", "120", "--out", str(folder))
    return folder / "cpu.json"


@pytest.mark.slow
def test_record_holds_every_method_and_where_it_was_made(record: Path) -> None:
    found = json.loads(record.read_text("utf-8"))
    methods = {cell["method"] for cell in found["cells"]}
    assert {"oracle", "longwave", "majority", "dawid-skene", "triplet", "longwave-none"} <= methods
    assert all(len(cell["accuracy"]) == 3 for cell in found["cells"] if cell["method"] == "oracle")
    assert {"machine", "commit", "date", "times"} < set(found)


@pytest.mark.slow
def test_tables_are_shown_from_a_record(record: Path) -> None:
    shown = _run("--table", str(record))
    assert "n = 120: accuracy of the oracle" in shown
    assert "14 classes, 12 prompts" in shown

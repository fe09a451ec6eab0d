"""One tiny run of benchmarks/monitoring/run.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "benchmarks" / "monitoring" / "run.py"


def _run(*words: str) -> str:
    command = [sys.executable, str(RUN), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("monitoring")
    _run("--quick", "--out", str(folder))
    return folder / "analysis.json"


@pytest.mark.slow
def test_record_holds_every_method_and_where_it_was_made(record: Path) -> None:
    found = json.loads(record.read_text("utf-8"))
    assert [case["pairs"] for case in found["cases"]] == [36, 36]
    for case in found["cases"]:
        assert {"longwave, memory", "longwave, Parquet", "polars, memory"} <= set(case["seconds"])
        assert len(case["load"]) == len(case["cpu_seconds"]["longwave, memory"]) == 2
    assert {"machine", "commit", "date"} < set(found)


@pytest.mark.slow
def test_table_is_shown_from_a_record(record: Path) -> None:
    shown = _run("--table", str(record))
    assert "two rounds, dates compared" in shown
    assert "| longwave, Parquet |" in shown

"""One tiny run of benchmarks/online_conv, and its figure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).parents[2] / "benchmarks" / "online_conv" / "run.py"


def _run(*words: str) -> str:
    return subprocess.run(
        [sys.executable, str(RUN), *words], capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("online_conv")
    _run("--quick", "--lengths", "130", "--budget", "0.02", "--out", str(folder))
    return folder / "cpu.json"


@pytest.mark.slow
def test_record_holds_every_method_and_where_it_was_made(record: Path) -> None:
    found = json.loads(record.read_text("utf-8"))
    assert {row["method"] for row in found["rows"]} == {"rerun", "dot", "lazy", "epoched", "relaxed", "auto"}
    assert {"machine", "commit", "date"} < set(found)


@pytest.mark.slow
def test_figure_is_drawn_from_a_record(record: Path) -> None:
    _run("--plot", str(record))
    assert "<svg" in record.with_suffix(".svg").read_text("utf-8")


@pytest.mark.slow
def test_record_is_printed_when_asked_for(tmp_path: Path) -> None:
    words = ("--quick", "--blocks", "--lengths", "130", "--budget", "0.02")
    printed = _run(*words, "--json", "--out", str(tmp_path / "blocks.json"))
    assert printed == (tmp_path / "blocks.json").read_text("utf-8")

"""Tiny runs of benchmarks/monitoring/estimate.py and choose.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "monitoring"


def _run(script: str, *words: str) -> str:
    command = [sys.executable, str(FOLDER / script), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.slow
def test_estimates_are_measured_and_shown(tmp_path: Path) -> None:
    out = tmp_path / "estimate.json"
    words = ("--data", "prime-gpt-4", "--seeds", "2", "--out", str(out))
    shown = _run("estimate.py", *words)
    case = json.loads(out.read_text("utf-8"))["cases"]["prime-gpt-4 real"]
    assert case["delta_pp"] == pytest.approx(-33.8)
    assert {"adaptive", "masa", "uniform, plain"} < set(case["frobenius"])
    assert "| prime-gpt-4 | real |" in shown
    assert _run("estimate.py", "--table", "--out", str(out)) == shown


@pytest.mark.slow
def test_the_stopping_rule_is_measured(tmp_path: Path) -> None:
    out = tmp_path / "estimate.json"
    words = ("--data", "imdb", "--kinds", "one", "--seeds", "2", "--stopping", "--out", str(out))
    assert "accuracy changed by" in _run("estimate.py", *words)
    found = json.loads(out.read_text("utf-8"))["stopping"]["imdb one"]["asked for -2 points"]
    assert found["fell"] + found["held"] + found["none"] == 1


@pytest.mark.slow
def test_savings_are_measured_and_shown(tmp_path: Path) -> None:
    out = tmp_path / "choose.json"
    shown = _run("choose.py", "--data", "digit", "--seeds", "2", "--out", str(out))
    found = json.loads(out.read_text("utf-8"))["data"]["digit"]
    assert (found["rows"], found["best"]) == (2000, "microsoft_scr")
    assert "| digit | 2,000 | microsoft_scr | 41 |" in shown


@pytest.mark.parametrize("script", ["estimate.py", "choose.py"])
def test_recorded_results_can_be_shown(script: str) -> None:
    assert "| ferplus |" in _run(script, "--table")

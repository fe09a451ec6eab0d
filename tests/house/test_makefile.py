"""The commands people and CI type."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def _make(*words: str) -> str:
    return subprocess.run(["make", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_help_lists_every_target_that_is_meant_for_people() -> None:
    targets = re.findall(r"^([a-z-]+):.*  ## ", MAKEFILE, re.MULTILINE)
    assert re.findall(r"^  ([a-z-]+) ", _make("help"), re.MULTILINE) == targets


def test_every_target_without_a_file_is_declared_so() -> None:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    assert set(re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[1].split()) == targets


def test_arguments_reach_the_quickstart() -> None:
    assert "longwave quickstart --minutes 2" in _make("-n", "quickstart", "ARGS=--minutes 2")


def test_ci_runs_the_command_of_the_readme() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert re.search(r"^make test( \||$)", script.read_text("utf-8"), re.MULTILINE)


def test_ci_script_is_sound() -> None:
    subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=True)

"""The page of results is what its script makes of the benchmarks' records."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "results" / "index.md"
FOLDERS = [path.parent.name for path in sorted((ROOT / "benchmarks").glob("*/README.md"))]


def test_page_agrees_with_the_records() -> None:
    command = [sys.executable, str(ROOT / "docs" / "build_results.py"), "--check"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.parametrize("folder", FOLDERS)
def test_section_of_a_folder_has_question_answer_and_table(folder: str) -> None:
    text = PAGE.read_text("utf-8").partition(f"`benchmarks/{folder}/README.md`")[0].rpartition("\n## ")[2]
    assert "**The question" in text or "**The claim" in text
    assert "**The answer" in text
    assert "\n| ---" in text


def test_a_figure_is_that_of_the_record() -> None:
    record = json.loads((ROOT / "benchmarks" / "generation" / "results" / "cuda.json").read_text("utf-8"))
    ratio = record["claims"]["hybrid-h3 over transformer at 1024, a step"]
    row = next(line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| 1,024 | 64 |"))
    assert f"| {ratio:.2f} |" in row

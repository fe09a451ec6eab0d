"""Every example runs to its end in its smallest form."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))
SLOW = {
    "ama_legalbench.py",
    "adapters.py",
    "compare_on_recall.py",
    "evaluate_your_model.py",
    "navier_stokes.py",
    "train_and_compare.py",
    "zero_shot_resolution.py",
}


def _run(example: Path, folder: Path) -> str:
    command = [sys.executable, "-W", "error", str(example), "--tiny", "--out", str(folder / "out")]
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
    assert found.returncode == 0, found.stderr
    return found.stdout


@pytest.mark.parametrize(
    "example",
    [pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (path.name in SLOW)) for path in EXAMPLES],
)
def test_example_runs_and_says_what_it_found(example: Path, tmp_path: Path) -> None:
    assert _run(example, tmp_path).strip()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_says_how_long_it_takes(example: Path) -> None:
    first = example.read_text("utf-8").splitlines()[0]
    assert first.endswith((" s).", " min).")), first

"""The recall study: its runs, its table and what it prints, on runs of four steps."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from longwave.predictions import read_predictions, read_side

ROOT = Path(__file__).parents[2]
RUN = ROOT / "benchmarks" / "recall" / "run.py"
SIZES = ["--lengths", "6", "--vocab-sizes", "10", "--mixers", "attention", "--device", "cpu", "--steps", "4"]


def study(out: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(RUN), "--out", str(out), *SIZES, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a study of two seeds."""
    out = tmp_path_factory.mktemp("study")
    assert study(out, "--seeds", "0", "1", "--jobs", "2").returncode == 0
    return out


@pytest.mark.slow
def test_every_cell_is_a_run_of_its_own(done: Path) -> None:
    names = sorted(path.parent.name for path in done.glob("*/recall.json"))
    assert names == ["attention-L6-V10-seed0", "attention-L6-V10-seed1"]


@pytest.mark.slow
def test_the_table_has_a_row_for_every_answer_and_every_floor(done: Path) -> None:
    counts = read_predictions(done).group_by("model", "trial").len()
    assert sorted(counts["model"].unique()) == ["attention", "floor:majority value", "floor:random"]
    assert counts["len"].unique().to_list() == [500]


@pytest.mark.slow
def test_the_table_agrees_with_the_runs(done: Path) -> None:
    rows = (
        read_predictions(done).filter(pl.col("model") == "attention").group_by("trial").agg(pl.mean("score"))
    )
    found = dict(rows.iter_rows())
    for path in done.glob("*/recall.json"):
        result = json.loads(path.read_text())
        assert found[result["seed"]] == pytest.approx(result["accuracy"])


@pytest.mark.slow
def test_the_majority_floor_of_the_table_is_that_of_the_task(done: Path) -> None:
    rows = read_predictions(done).filter(pl.col("model") == "floor:majority value", pl.col("trial") == 0)
    result = json.loads((done / "attention-L6-V10-seed0" / "recall.json").read_text())
    assert rows["score"].mean() == pytest.approx(result["floors"]["majority_value"])


@pytest.mark.slow
def test_labels_are_among_the_references(done: Path) -> None:
    instances = read_side(done, "instances")
    right = instances.select(
        pl.col("instance"),
        pl.col("references").list.get(pl.col("correct_references").list.first()).alias("right"),
    )
    rows = read_predictions(done).filter(pl.col("model") == "attention").join(right, on="instance")
    assert len(rows) == 1000
    assert (rows["label"] == rows["right"]).all()


@pytest.mark.slow
def test_a_second_call_trains_nothing_and_adds_nothing(done: Path) -> None:
    before = len(read_predictions(done))
    ran = study(done, "--seeds", "0", "1", "--json")
    rows = json.loads(ran.stdout)
    assert "to go" not in ran.stderr
    assert (len(read_predictions(done)), rows[0]["seeds"]) == (before, 2)


@pytest.mark.slow
def test_floors_stand_beside_accuracies(done: Path) -> None:
    shown = study(done, "--collect").stdout.splitlines()
    assert shown[0].split()[-4:] == ["guess", "floor:", "majority", "steps"]
    assert shown[1].split()[:3] == ["attention", "6", "10"]


@pytest.mark.slow
def test_when_the_time_is_up_what_was_learned_is_answered(tmp_path: Path) -> None:
    ran = study(tmp_path, "--train-only", "--steps", "100000", "--budget-s", "0.1")
    result = json.loads((tmp_path / "attention-L6-V10-seed0" / "recall.json").read_text())
    answers = np.load(tmp_path / "attention-L6-V10-seed0" / "answers.npz")["predicted"]
    assert (ran.returncode, result["is_finished"], answers.shape) == (0, False, (500, 1))
    assert 0 < result["steps"] < 100_000


@pytest.mark.slow
def test_a_run_whose_time_was_up_goes_on(tmp_path: Path) -> None:
    study(tmp_path, "--train-only", "--steps", "60", "--budget-s", "0.1")
    first = json.loads((tmp_path / "attention-L6-V10-seed0" / "recall.json").read_text())
    study(tmp_path, "--train-only", "--steps", "60")
    second = json.loads((tmp_path / "attention-L6-V10-seed0" / "recall.json").read_text())
    assert (first["steps"], second["steps"], second["is_finished"]) == (1, 60, True)


def test_an_unknown_mixer_is_refused(tmp_path: Path) -> None:
    ran = study(tmp_path, "--mixers", "nope")
    assert (ran.returncode, "unknown mixers: nope; known: hyena" in ran.stderr) == (2, True)

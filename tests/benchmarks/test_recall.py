"""The recall study: its runs, its table and what it prints, on runs of four steps."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import polars as pl
import pytest

from longwave.errors import ConfigError
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


@pytest.mark.slow
def test_one_run_alone_trains_here_and_takes_no_part_in_a_table(tmp_path: Path) -> None:
    ran = study(tmp_path, "--one", "attention-L6-V10-seed0", "--seeds", "0", "1", "--batch-size", "8")
    result = json.loads((tmp_path / "attention-L6-V10-seed0" / "recall.json").read_text())
    assert (ran.returncode, result["batch_size"], result["processes"], result["steps"]) == (0, 8, 1, 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["attention-L6-V10-seed0"]


@pytest.mark.slow
def test_induction_has_the_floor_of_its_own_prompts(tmp_path: Path) -> None:
    words = ["--recipe", "induction", "--train-only", "--json", "--evaluations", "2", "--lengths", "12"]
    (row,) = json.loads(study(tmp_path, *words).stdout)
    result = json.loads((tmp_path / "attention-L12-V10-seed0" / "recall.json").read_text())
    assert (result["recipe"], row["majority"]) == ("induction", result["floors"]["majority_symbol"])
    assert [step for step, _ in result["curve"]] == [2, 4]


@pytest.fixture(scope="module")
def recall_run() -> ModuleType:
    spec = importlib.util.spec_from_file_location("recall_run", RUN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks itself up
    spec.loader.exec_module(module)
    return module


def test_a_run_that_was_not_asked_for_is_refused(recall_run: ModuleType) -> None:
    cells = [recall_run.Cell(mixer="h3", length=64, vocab_size=10, seed=seed) for seed in (0, 1)]
    assert recall_run.one_of(cells, "h3-L64-V10-seed1") is cells[1]
    with pytest.raises(
        ConfigError, match='"h3-L64-V10-seed2" is none of the runs asked for: h3-L64-V10-seed0'
    ):
        recall_run.one_of(cells, "h3-L64-V10-seed2")


@pytest.mark.parametrize(
    ("device", "visible", "found"),
    [
        ("cpu", None, [""]),
        ("cuda:1", None, [""]),
        ("cuda", "2,5", ["2", "5"]),
        ("cuda", None, ["0", "1", "2"]),
    ],
    ids=["no-gpu", "a-named-one", "some", "all"],
)
def test_runs_spread_over_the_gpus_that_can_be_seen(
    device: str,
    visible: str | None,
    found: list[str],
    recall_run: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recall_run, "pick_device", lambda name: SimpleNamespace(type=name.partition(":")[0]))
    monkeypatch.setattr(recall_run.torch.cuda, "device_count", lambda: 3)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert recall_run.list_gpus(device) == found


def test_under_torchrun_a_run_is_shared_by_its_processes(
    recall_run: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py", "--lengths", "64"])
    cell = recall_run.Cell(mixer="attention", length=64, vocab_size=10, seed=0)
    found = []
    for world in (None, "4"):
        monkeypatch.delenv("WORLD_SIZE", raising=False)
        if world is not None:
            monkeypatch.setenv("WORLD_SIZE", world)
        found.append(recall_run.configure(cell, recall_run.parse()).distributed)
    assert found == ["none", "ddp"]


@pytest.mark.parametrize(
    ("recipe", "task", "lr", "n_train", "d_model"),
    [
        ("paper", "associative-recall", 5e-4, 2000, 64),
        ("small", "associative-recall", 2e-3, 2000, 64),
        ("h3", "associative-recall", 5e-4, 5000, 32),
        ("induction", "induction-head", 5e-4, 5000, 32),
    ],
)
def test_a_recipe_has_its_settings_at_any_size(
    recipe: str,
    task: str,
    lr: float,
    n_train: int,
    d_model: int,
    recall_run: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py", "--recipe", recipe])
    cell = recall_run.Cell(mixer="attention-1-head", length=48, vocab_size=12, seed=3)
    config = recall_run.configure(cell, recall_run.parse())
    assert (config.task.task, config.task.n_train, config.task.seed) == (task, n_train, 3)
    assert (config.optim.lr, config.model.d_model, config.model.vocab_size) == (lr, d_model, 12)
    assert config.model.mixer_options == {"n_heads": 1}


@pytest.mark.slow
def test_linear_functions_are_learned_beside_their_floors(tmp_path: Path) -> None:
    words = ["--mixers", "attention", "--dims", "1", "--pairs", "3", "--steps", "2", "--device", "cpu"]
    command = [sys.executable, str(RUN.with_name("linear.py")), "--out", str(tmp_path), *words]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    result = json.loads((tmp_path / "attention-O1-P3-seed0.json").read_text())
    assert shown[0].split()[-2:] == ["least", "squares"]
    assert result["floors"]["least_squares"] < 1e-9 < result["mse"]
    assert [step for step, _ in result["curve"]] == [1, 2]


def test_an_unknown_mixer_is_refused(tmp_path: Path) -> None:
    ran = study(tmp_path, "--mixers", "nope")
    assert (ran.returncode, "unknown mixers: nope; known: hyena" in ran.stderr) == (2, True)

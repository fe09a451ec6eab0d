"""The study of operators: what it trains, how it goes on, and what it tells, on a rehearsal."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2] / "benchmarks" / "operator_learning"


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the files of the benchmark import each other, as they do when run.py runs."""
    monkeypatch.syspath_prepend(str(HERE))
    for name in ("accuracy", "models", "speed"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def study(out: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HERE / "run.py"), "--tiny", "--device", "cpu", "--out", str(out), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_rehearsal_compares_all_models_and_a_second_one_does_nothing(tmp_path: Path) -> None:
    words = ("--tasks", "darcy", "--json")
    first = study(tmp_path, *words)
    assert first.returncode == 0, first.stderr
    found = json.loads(first.stdout)
    assert {row["against"] for row in found["speed"]["ratios"]} == {"fno", "ffno"}
    rows = {(row["budget"], row["model"]) for row in found["accuracy"]["rows"]}
    assert len(rows) == 2 * 5
    assert [row["budget"] for row in found["accuracy"]["ratios"]] == ["epochs", "seconds"]
    again = study(tmp_path, *words)
    assert json.loads(again.stdout)["accuracy"]["rows"] == found["accuracy"]["rows"]
    assert again.stderr == ""


@pytest.mark.slow
def test_when_the_time_is_up_nothing_new_begins(tmp_path: Path) -> None:
    ran = study(tmp_path, "--parts", "accuracy", "--time-limit", "0", "--json")
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["accuracy"] | {"machine": 0} == {"machine": 0, "rows": [], "ratios": []}


def test_bands_widths_and_depths_are_equal() -> None:
    from models import equal_models

    models = equal_models((64, 64), d_model=16, n_layers=3, modes=12)
    assert {config.d_model for config in models.values()} == {16}
    assert {config.n_layers for config in models.values()} == {3}
    assert models["t1-dct"].n_modes == tuple(2 * m for m in models["fno"].n_modes) == (12, 12)
    assert models["ffno"].n_modes == models["fno"].n_modes


def test_bounded_fields_are_padded_for_fourier_models() -> None:
    from models import trained_models

    bounded = trained_models((85, 85), "small", is_periodic=False)
    assert (bounded["fno"].padding, bounded["ffno"].coordinates) == (9, "centre")
    assert trained_models((64, 64), "paper", is_periodic=True)["fno"].padding == 0


def test_the_ratio_takes_the_better_basis_and_the_geometric_mean() -> None:
    from accuracy import ratios

    errors = {
        ("a", "fno"): 0.2,
        ("a", "t1-dct"): 0.1,
        ("a", "t1-rfft"): 0.3,
        ("b", "fno"): 0.1,
        ("b", "t1-dct"): 0.2,
    }
    rows = [
        {"budget": "epochs", "task": task, "model": model, "relative_l2": error}
        for (task, model), error in errors.items()
    ]
    (found,) = ratios(rows)
    assert found["tasks"] == {"a": 0.5, "b": 2.0}
    assert math.isclose(found["geometric_mean"], 1.0)


def test_seeds_are_put_together() -> None:
    from accuracy import summarise

    base = {
        **{"budget": "epochs", "task": "a", "model": "fno", "half_interval": 0.01, "epochs": 5},
        **{"training_s": 2.0, "parameters": 7, "irreducible_loss": None, "floor_mean_field": 0.9},
    }
    (row,) = summarise([{**base, "relative_l2": value} for value in (0.1, 0.3)])["rows"]
    assert (row["seeds"], row["relative_l2"]) == (2, pytest.approx(0.2))
    assert row["seed_deviation"] == pytest.approx(math.sqrt(0.02))


def test_coarser_grids_are_whole() -> None:
    from accuracy import coarser

    assert [coarser(n) for n in (64, 128, 85, 21)] == [42, 85, 17, 7]


def test_an_interrupt_ends_the_study_and_not_one_run_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import accuracy

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(accuracy, "train", interrupted)
    shared = {"out": tmp_path, "device": "cpu", "scale": "tiny", "n_train": 4, "n_test": 2, "epochs": 1}
    plan = accuracy.Plan(**shared, batch_size=2, ends_at=float("inf"), tasks=("darcy",), models=("fno",))
    with pytest.raises(KeyboardInterrupt):
        accuracy.run_accuracy(plan)

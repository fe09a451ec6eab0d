"""The study of operators: what it trains, how it goes on, and what it tells, on a rehearsal."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path

import pytest

HERE = Path(__file__).parents[2] / "benchmarks" / "operator_learning"


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the files of the benchmark import each other, as they do when run.py runs."""
    monkeypatch.syspath_prepend(str(HERE))
    for name in ("accuracy", "models", "plot", "run", "side_by_side", "speed"):
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
    assert len(rows) == 6 + 5  # FNO's moved samples have no other seconds
    ratios = [(row["budget"], row["variant"]) for row in found["accuracy"]["ratios"]]
    assert ratios == [(budget, variant) for budget in ("epochs", "seconds") for variant in ("", "-moved")]
    again = study(tmp_path, *words)
    assert json.loads(again.stdout)["accuracy"]["rows"] == found["accuracy"]["rows"]
    assert again.stderr == ""


@pytest.mark.slow
def test_side_by_side_gives_what_one_after_the_other_does(tmp_path: Path) -> None:
    words = ("--parts", "accuracy", "--tasks", "darcy", "--models", "fno", "t1-moved", "--json")
    alone = study(tmp_path / "alone", *words, "--budgets", "epochs")
    both = study(tmp_path / "both", *words, "--budgets", "epochs", "--jobs", "2")
    assert both.returncode == 0, both.stderr
    errors = [
        {row["model"]: row["relative_l2"] for row in json.loads(ran.stdout)["accuracy"]["rows"]}
        for ran in (alone, both)
    ]
    assert errors[0] == pytest.approx(errors[1], rel=1e-4)  # other cores add up in another order
    merged = study(
        tmp_path / "merged", "--parts", "accuracy", "--json", "--merge", str(tmp_path / "both/accuracy.json")
    )
    assert json.loads(merged.stdout)["accuracy"]["rows"] == json.loads(both.stdout)["accuracy"]["rows"]


@pytest.mark.slow
def test_when_the_time_is_up_nothing_new_begins(tmp_path: Path) -> None:
    ran = study(tmp_path, "--parts", "accuracy", "--time-limit", "0", "--json")
    assert ran.returncode == 0
    found = json.loads(ran.stdout)["accuracy"]
    assert (found["rows"], found["ratios"], found["runs"], found["data_s"]) == ([], [], [], {})


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
    rows.append({"budget": "epochs", "task": "a", "model": "t1-moved", "relative_l2": 0.3})
    rows.append({"budget": "epochs", "task": "a", "model": "fno-moved", "relative_l2": 0.4})
    found, moved = ratios(rows)
    assert (moved["variant"], moved["tasks"]) == ("-moved", {"a": pytest.approx(0.75)})
    assert found["tasks"] == {"a": 0.5, "b": 2.0}
    assert math.isclose(found["geometric_mean"], 1.0)


def test_seeds_are_put_together() -> None:
    from accuracy import summarise

    base = {
        **{"budget": "epochs", "task": "a", "model": "fno", "half_interval": 0.01, "epochs": 5},
        **{
            "training_s": 2.0,
            "processor_s": None,
            "parameters": 7,
            "irreducible_loss": None,
            "floor_mean_field": 0.9,
        },
    }
    (row,) = summarise([{**base, "relative_l2": value} for value in (0.1, 0.3)])["rows"]
    assert (row["seeds"], row["relative_l2"]) == (2, pytest.approx(0.2))
    assert row["seed_deviation"] == pytest.approx(math.sqrt(0.02))


def test_runs_that_two_records_share_count_once() -> None:
    from run import once

    cell = {"task": "a", "model": "fno", "budget": "epochs", "seed": 0}
    others = [{**cell, key: value} for key, value in (("task", "b"), ("model", "t1"), ("seed", 1))]
    assert once([cell, *others, dict(cell)]) == [cell, *others]


@pytest.mark.parametrize("machine", ["cpu", "cuda"])
def test_the_figure_of_speed_has_a_panel_for_each_mode_and_part(machine: str) -> None:
    from plot import speed_figure

    rows = json.loads((HERE / "results" / f"{machine}-speed.json").read_text("utf-8"))["rows"]
    rows = [row for row in rows if row["group"] == "equal"]
    drawn = speed_figure(rows).to_dict()
    (points,) = drawn["datasets"].values()
    assert sorted(point["ms"] for point in points) == sorted(
        row[key] for row in rows for key in ("train_ms", "infer_ms")
    )
    assert (
        drawn["facet"]["sort"]
        == {
            "cpu": ["training step", "inference"],
            "cuda": [
                f"{part}, {mode}" for mode in ("eager", "captured") for part in ("training step", "inference")
            ],
        }[machine]
    )
    scale = drawn["spec"]["encoding"]["color"]["scale"]
    assert set(scale["domain"]) == {point["model"] for point in points}


def test_a_colour_belongs_to_one_model_whatever_else_is_drawn() -> None:
    from plot import color

    def colours(*names: str) -> dict[str, str]:
        scale = color([{"model": name} for name in names]).to_dict()["scale"]
        return dict(zip(scale["domain"], scale["range"], strict=True))

    assert colours("FNO", "U-Net").items() >= colours("FNO").items()


def test_what_the_record_says_of_speed_and_errors_follows_from_its_rows() -> None:
    from accuracy import ratios, summarise
    from run import speed_ratios

    speed, errors = (
        json.loads((HERE / "results" / f"cuda-{name}.json").read_text("utf-8"))
        for name in ("speed", "accuracy")
    )
    assert speed["ratios"] == speed_ratios(speed["rows"])
    found = summarise(errors["runs"])
    assert found["rows"] == [pytest.approx(row) for row in errors["rows"]]
    assert [row["geometric_mean"] for row in ratios(errors["rows"])] == [
        pytest.approx(row["geometric_mean"]) for row in errors["ratios"]
    ]


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
        accuracy.run_in_turn(plan, accuracy.missing_cells(plan), done=lambda: None)


def test_a_variant_changes_the_rate_and_the_samples_and_nothing_else(tmp_path: Path) -> None:
    import accuracy

    shared = {"out": tmp_path, "device": "cpu", "scale": "tiny", "n_train": 4, "n_test": 2, "epochs": 1}
    plan = accuracy.Plan(**shared, data_seed=7, batch_size=2, ends_at=float("inf"))
    plain, variant = (
        accuracy.configure(accuracy.Cell(task="darcy", model=model, budget="epochs", seed=0), plan)
        for model in ("t1", "t1-lr10-moved")
    )
    assert (plain.optim.lr, variant.optim.lr) == (1e-3, 1e-2)
    assert (plain.data.symmetries, variant.data.symmetries) == ((), "auto")
    assert plain.model == variant.model
    assert plain.data.seed == variant.data.seed == 7


def test_runs_that_cannot_be_are_left_out(tmp_path: Path) -> None:
    import accuracy

    shared = {"out": tmp_path, "device": "cpu", "scale": "tiny", "n_train": 4, "n_test": 2, "epochs": 1}
    models = ("fno", "fno-moved", "t1-dct-lr3-moved")
    plan = accuracy.Plan(**shared, batch_size=2, ends_at=float("inf"), models=models, seeds=(0,))
    found = {(cell.budget, cell.task, cell.model) for cell in accuracy.cells(plan)}
    assert ("seconds", "darcy", "fno-moved") not in found
    assert {task for _, task, model in found if model == "t1-dct-lr3-moved"} == {"darcy"}
    cell = accuracy.Cell(task="darcy", model="t1-dct-lr3-moved", budget="seconds", seed=0)
    assert not accuracy.is_ready(cell, plan)
    assert accuracy.is_ready(accuracy.replace(cell, budget="epochs"), plan)


def test_a_run_that_waits_lets_others_go_before_and_a_failure_stops_one_run_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import accuracy
    import side_by_side

    class Alone:
        """A pool that runs at once what it is given."""

        def __init__(self, *_: object, **__: object) -> None: ...

        def __enter__(self) -> Alone:
            return self

        def __exit__(self, *_: object) -> None: ...

        def submit(self, _call: object, cell: object, _plan: object) -> Future[None]:
            future: Future[None] = Future()
            order.append(cell)
            if cell == second:
                future.set_exception(ValueError("too hot"))
            else:
                future.set_result(None)
            return future

    order: list[object] = []
    first, second, third = (
        accuracy.Cell(task="darcy", model=model, budget="epochs", seed=0) for model in ("fno", "t1", "unet")
    )
    shared = {"out": tmp_path, "device": "cpu", "scale": "tiny", "n_train": 4, "n_test": 2, "epochs": 1}
    plan = accuracy.Plan(**shared, batch_size=2, ends_at=float("inf"))
    monkeypatch.setattr(side_by_side, "ProcessPoolExecutor", Alone)
    monkeypatch.setattr(side_by_side, "is_ready", lambda cell, _: cell != first or third in order)
    told: list[int] = []
    side_by_side.run_side_by_side(plan, [first, second, third], 1, done=lambda: told.append(len(order)))
    assert order == [second, third, first]
    assert told == [1, 2, 3]
    assert "darcy-t1-epochs-seed0: too hot" in capsys.readouterr().err

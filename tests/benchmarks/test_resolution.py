"""The study of resolutions: what it trains, how it goes on, and what it tells, on a rehearsal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from longwave.mixers import S4ND
from longwave.models import VideoClassifierConfig
from longwave.training.models import build_model

HERE = Path(__file__).parents[2] / "benchmarks" / "resolution"
MODULES = ("measure", "naive", "plot", "speed", "studies", "summary", "tables")


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the files of the benchmark import each other, as they do when run.py runs."""
    monkeypatch.syspath_prepend(str(HERE))
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)


def study(out: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(HERE / "run.py"), "--quick", "--device", "cpu", "--out", str(out), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def answers(points: int, accuracy: float, **others: object) -> dict[str, object]:
    fixed = {"is_shrunk": False, "bandlimit_at_test": "model", "n": 1000, "parameters": 5, "run": "x"}
    return {"points": points, "accuracy": accuracy, **fixed, **others}


def result(model: str, seed: int, *rows: dict[str, object], part: str = "zero-shot") -> dict[str, object]:
    return {"study": part, "model": model, "seed": seed, "training_s": 2.0, "answers": list(rows)}


@pytest.mark.slow
def test_a_rehearsal_compares_all_models_and_a_second_one_does_nothing(tmp_path: Path) -> None:
    words = ("--parts", "zero-shot", "--jobs", "2", "--json")
    first = study(tmp_path, *words)
    assert first.returncode == 0, first.stderr
    found = json.loads(first.stdout)
    shown = {(row["model"], row["points"], row["is_shrunk"]) for row in found["rows"]}
    assert len(shown) == 3 * 5
    assert {row["bandlimit_at_test"] for row in found["rows"]} == {"model", "none", "0.25"}
    assert "to go" in first.stderr
    again = study(tmp_path, *words)
    assert (json.loads(again.stdout)["rows"], again.stderr) == (found["rows"], "")


@pytest.mark.slow
def test_speed_is_told_with_operations_and_error(tmp_path: Path) -> None:
    ran = study(tmp_path, "--parts", "speed", "--json")
    assert ran.returncode == 0, ran.stderr
    speed = json.loads(ran.stdout)["speed"]
    assert [row["route"] for row in speed["layer"]["rows"]] == ["naive", "fft", "matrices"]
    assert speed["layer"]["error"] < 1e-4
    assert [row["points"] for row in speed["steps"][0]["rows"]] == [7, 14, 28]
    assert all(row["train_images_per_s"] > 0 for row in speed["convnext"])


@pytest.mark.slow
def test_when_the_time_is_up_nothing_new_begins(tmp_path: Path) -> None:
    ran = study(tmp_path, "--parts", "zero-shot", "--time-limit", "0", "--json")
    assert (ran.returncode, json.loads(ran.stdout)["rows"], ran.stderr) == (0, [], "")


@pytest.mark.slow
def test_a_run_that_fails_is_named(tmp_path: Path) -> None:
    words = ("--parts", "zero-shot", "--models", "conv", "--set", "optim.lr=-1", "--json")
    ran = study(tmp_path, *words)
    assert ran.returncode == 1
    assert "1 runs failed: zero-shot-conv-seed0" in ran.stderr


@pytest.mark.slow
def test_a_model_of_no_study_is_refused(tmp_path: Path) -> None:
    ran = study(tmp_path, "--models", "nope")
    assert (ran.returncode, "unknown models: nope; known: conv, " in ran.stderr) == (2, True)


@pytest.mark.slow
def test_a_plan_lists_runs_and_trains_none(tmp_path: Path) -> None:
    ran = study(tmp_path, "--plan", "--parts", "full", "--jobs", "2")
    names = [line.split()[0] for line in ran.stdout.splitlines()[:-1]]
    assert names == ["full-s4nd-seed0", "full-conv-seed0", "full-s4nd-sequence-seed0"]
    assert list(tmp_path.iterdir()) == []


def test_the_first_seed_of_everything_comes_first() -> None:
    from studies import STUDIES, cells

    listed = list(cells(list(STUDIES), None, [3, 4]))
    assert [cell.seed for cell in listed] == sorted(cell.seed for cell in listed)
    assert {cell.study for cell in listed if cell.seed == 3} == set(STUDIES)


@pytest.mark.parametrize("part", ["zero-shot", "omniglot", "full", "video"])
def test_twins_have_about_as_many_weights(part: str) -> None:
    from studies import CONV, LIMITED, Cell, Plan, configure

    sizes = [
        sum(
            p.numel()
            for p in build_model(configure(Cell(study=part, model=m, seed=0), Plan()).model).parameters()
        )
        for m in (LIMITED, CONV)
    ]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.03)


def test_models_of_a_study_differ_in_their_layers_alone() -> None:
    from dataclasses import replace

    from studies import STUDIES, Cell, Plan, configure

    runs = [
        configure(Cell(study="zero-shot", model=model, seed=5), Plan())
        for model in STUDIES["zero-shot"].models
    ]
    bare = {repr(replace(run, model=None)) for run in runs}
    assert len(bare) == 1
    assert len({repr(run.model) for run in runs}) == 3


def test_the_bandlimit_is_what_the_training_grid_shows() -> None:
    from studies import Cell, Plan, configure

    limits = {
        model: configure(Cell(study="zero-shot", model=model, seed=0), Plan()).model.trunk.s4nd.bandlimit
        for model in ("s4nd", "s4nd-unlimited")
    }
    assert limits["s4nd"] is not None
    assert limits["s4nd"] <= 0.25
    assert limits["s4nd-unlimited"] is None


def test_progressive_runs_have_the_updates_of_whole_ones() -> None:
    from studies import Cell, Plan, configure

    whole = configure(Cell(study="full", model="s4nd", seed=0), Plan())
    staged = configure(Cell(study="progressive", model="s4nd-progressive", seed=0), Plan())
    assert [stage.rate for stage in staged.images.stages] == [4.0, 2.0, 1.0]
    assert sum(stage.steps for stage in staged.images.stages) == staged.steps == whole.steps
    assert staged.model == whole.model


def test_settings_are_put_over_every_configuration() -> None:
    from studies import Cell, Plan, configure

    config = configure(Cell(study="video", model="conv", seed=0), Plan(settings=("optim.lr=0.5",)))
    assert config.optim.lr == 0.5
    assert isinstance(config.model, VideoClassifierConfig)


def test_the_naive_layer_has_the_values_and_gradients_of_ours(generator: torch.Generator) -> None:
    from naive import naive_forward

    layer = S4ND(6, 2, out=None).double()
    u = torch.randn(2, 6, 5, 7, generator=generator, dtype=torch.float64)
    weights = torch.randn(2, 6, 5, 7, generator=generator, dtype=torch.float64)
    leaves = list(layer.parameters())
    found, expected = layer(u), naive_forward(layer, u)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    ours = torch.autograd.grad((weights * found).sum(), leaves)
    theirs = torch.autograd.grad((weights * expected).sum(), leaves)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_stages_save_what_they_do_not_spend_at_full_resolution() -> None:
    from speed import savings

    rows = [{"flops": flops, "ms": ms} for flops, ms in ((1.0, 10.0), (4.0, 10.0), (16.0, 10.0))]
    assert savings(rows) == {"saved_flops": round(1 - (0.5 + 1 + 4) / 16, 4), "saved_seconds": 0.0}


def test_seeds_are_put_together_over_the_same_test_images() -> None:
    from summary import summarise

    (row,) = summarise([result("s4nd", seed, answers(28, share)) for seed, share in ((1, 0.5), (0, 0.7))])
    assert (row["seeds"], row["accuracy"], row["n"]) == ([0, 1], pytest.approx(0.6), 1000)
    assert row["accuracies"] == [0.7, 0.5]
    assert row["high"] - row["low"] == pytest.approx(2 * 0.0303, abs=1e-3)


def test_goals_are_told_in_points_and_only_where_there_are_runs() -> None:
    from summary import goals, summarise

    results = [
        result("s4nd", 0, answers(7, 0.92), answers(28, 0.80)),
        result("conv", 0, answers(7, 0.93), answers(28, 0.40)),
    ]
    told = {row["goal"]: (row["found"], row["is_met"]) for row in goals(summarise(results))}
    assert told["MNIST 7 -> 28: S4ND ahead of convolutions, points"] == (40.0, True)
    assert told["MNIST 7 -> 28: what S4ND loses, points"] == (12.0, True)
    assert not any("bandlimit" in goal or "Omniglot" in goal for goal in told)


def test_models_are_compared_on_the_seeds_that_both_have() -> None:
    from summary import goals, summarise

    results = [
        *(result("s4nd", seed, answers(28, share), part="full") for seed, share in ((0, 0.9), (1, 0.5))),
        result("conv", 0, answers(28, 0.8), part="full"),
    ]
    told = {row["goal"]: row["found"] for row in goals(summarise(results))}
    assert told["MNIST at 28: S4ND ahead of convolutions, points"] == pytest.approx(10)


def test_tables_have_a_column_for_every_resolution_and_all_seeds() -> None:
    from summary import summarise
    from tables import across, at_one

    rows = summarise(
        [
            *(
                result("conv", seed, answers(7, 0.9), answers(28, share))
                for seed, share in ((0, 0.4), (1, 0.5))
            ),
            result("s4nd", 0, answers(28, 0.99), part="full"),
        ]
    )
    assert list(across(rows, "zero-shot")) == [
        ["zero-shot", "bandlimit at test", "at 7", "at 14", "at 28"],
        ["conv", "", "90.0 (90.0, 90.0)", "", "45.0 (40.0, 50.0)"],
    ]
    assert list(at_one(rows))[1] == ["full", "s4nd", "5", "99.0", "98.2 to 99.5"]


def test_goals_of_speed_come_from_what_was_timed() -> None:
    from summary import goals

    steps = [{"model": "s4nd", "batch": 100, "saved_flops": 0.5, "saved_seconds": 0.1}]
    told = {row["goal"]: row["is_met"] for row in goals([], {"steps": steps, "layer": {"ratio": 4.0}})}
    assert list(told.values()) == [True, False, True]


def test_a_figure_begins_at_the_training_grid_for_shrunk_images_too() -> None:
    pytest.importorskip("altair")
    from plot import drawn
    from summary import summarise

    rows = summarise([result("conv", 0, answers(7, 0.9), answers(28, 0.4), answers(28, 0.9, is_shrunk=True))])
    lines = {(point["model"], point["points"]): point["mean"] for point in drawn(rows, "zero-shot")}
    assert lines == {
        ("3 x 3 convolutions", 7): 90.0,
        ("3 x 3 convolutions", 28): 40.0,
        ("convolutions, images shrunk first", 7): 90.0,
        ("convolutions, images shrunk first", 28): 90.0,
    }

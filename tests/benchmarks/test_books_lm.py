"""The figures of benchmarks/books_lm: what is drawn, and where one curve meets the end of another."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "books_lm"
RECORDS = sorted((FOLDER / "results").glob("*m-*.json"))


@pytest.fixture(scope="module")
def plot() -> ModuleType:
    spec = importlib.util.spec_from_file_location("books_lm_plot", FOLDER / "plot.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _run(model: str, values: Mapping[int, float], flops: float = 1e6, lr: float = 1e-3) -> dict[str, object]:
    """Return a record whose curve has these values after so many billion tokens."""
    curve = [
        {"tokens": tokens * 10**9, "elapsed_s": 10.0 * tokens, "validation_bits_per_byte": value}
        for tokens, value in values.items()
    ]
    record = {"model": model, "size": "9m", "seed": 0, "forward_flops_per_token": flops, "curve": curve}
    return record | {"config": {"optim": {"lr": lr}}}


def test_training_costs_three_forward_passes(plot: ModuleType) -> None:
    (point,) = plot.points(_run("hyena", {2: 1.5}))
    assert (point["flops"], point["seconds"], point["value"]) == (pytest.approx(6.0), 20.0, 1.5)


@pytest.mark.parametrize(
    ("target", "seconds"),
    [
        pytest.param(1.75, 15.0, id="between-points"),
        pytest.param(1.5, 20.0, id="at-a-point"),
        pytest.param(1.4, 30.0, id="first-meeting"),
        pytest.param(1.2, None, id="never"),
        pytest.param(2.5, None, id="before-the-first-point"),
    ],
)
def test_a_curve_meets_a_value_on_the_line_between_its_points(
    target: float, seconds: float | None, plot: ModuleType
) -> None:
    curve = plot.points(_run("hyena", {1: 2.0, 2: 1.5, 3: 1.4, 4: 1.45, 5: 1.3}))
    assert plot.reach(curve, target, "seconds") == (seconds and pytest.approx(seconds))


def test_the_saving_counts_flops_and_tokens(plot: ModuleType) -> None:
    runs = [_run("attention", {1: 2.0, 2: 1.5}, 2e6), _run("hyena", {1: 1.5 + 1e-9, 2: 1.4}, 1e6)]
    assert plot.savings(runs).endswith("hyena lr 0.001, seed 0: with 3e15, 75.0% less\n")


def test_a_run_that_stays_behind_saves_nothing(plot: ModuleType) -> None:
    runs = [_run("attention", {1: 1.5}), _run("hyena", {1: 2.0, 2: 1.6})]
    assert plot.savings(runs).endswith("hyena lr 0.001, seed 0: never\n")


@pytest.mark.parametrize("axis", ["flops", "seconds"])
def test_the_figure_has_every_run_and_the_end_of_attention(axis: str, plot: ModuleType) -> None:
    figure = plot.draw([_run("attention", {1: 1.5}), _run("h3-hybrid", {1: 1.625})], axis).to_json()
    assert [word in figure for word in ("H3 hybrid", "attention at its end, 1.500", "1.625")] == [True] * 3


def test_the_line_is_at_the_end_of_the_best_attention(plot: ModuleType) -> None:
    runs = [_run("attention", {1: 1.5}), _run("attention", {1: 1.25}, lr=2e-3)]
    figure = plot.draw(runs, "flops").to_json()
    assert ("at its end, 1.250" in figure, "at its end, 1.500" in figure) == (True, False)


@pytest.mark.parametrize("lrs", [(1e-3,), (1e-3, 2e-3)], ids=["one-rate", "two-rates"])
def test_learning_rates_have_a_legend_where_there_are_several(
    lrs: tuple[float, ...], plot: ModuleType
) -> None:
    runs = [_run("hyena", {1: 1.5, 2: 1.4}, lr=lr) for lr in lrs]
    line = plot.draw(runs, "flops").to_dict()["layer"][0]["encoding"]
    assert (line["strokeDash"]["legend"] is not None) == (len(lrs) > 1)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_record_names_no_path_of_its_machine(path: Path) -> None:
    assert '"/' not in path.read_text("utf-8")


def test_figures_are_written_by_size(
    plot: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("vl_convert")
    record, shared = tmp_path / "run.json", tmp_path / "shared.json"
    record.write_text(json.dumps(_run("hyena", {1: 2.0, 2: 1.5})), "utf-8")
    shared.write_text(json.dumps(_run("attention", {1: 2.0}) | {"is_timed": False}), "utf-8")
    words = ["plot.py", str(record), str(shared), "--out", str(tmp_path / "figures")]
    monkeypatch.setattr(sys, "argv", words)
    plot.main()
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == [
        "9m_flops.svg",
        "9m_seconds.svg",
    ]
    assert "9m_seconds.svg" in capsys.readouterr().out
    by_axis = [(tmp_path / "figures" / f"9m_{axis}.svg").read_text("utf-8") for axis in ("flops", "seconds")]
    assert ["attention" in figure for figure in by_axis] == [True, False]  # who shared a GPU has no seconds

"""Predicted fields become rows: one a sample, errors beside, other grids as perturbations."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from longwave.errors import DataError, ShapeError
from longwave.evaluation.fields import CASES, field_scenario, record_fields
from longwave.metrics.fields import relative_l1, relative_l2
from longwave.predictions import read_predictions, read_side


@dataclass(frozen=True)
class Answers:
    """Two channels on 8 x 6 points, 5 samples."""

    inputs: np.ndarray
    targets: np.ndarray
    predictions: np.ndarray
    data: str = "flow"
    model: str = "t1"
    version: str = "abc"
    run: str = "run"
    seed: int = 0
    resolution: tuple[int, ...] = (8, 6)
    is_training_grid: bool = True
    is_periodic: bool = True
    input_channels: tuple[tuple[str, str], ...] = (("before", "1"),)
    target_channels: tuple[tuple[str, str], ...] = (("u", "m/s"), ("v", "m/s"))
    error: str | None = None
    floors: dict[str, np.ndarray] = field(default_factory=dict)


@pytest.fixture
def answers() -> Answers:
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(5, 2, 8, 6))
    return Answers(
        inputs=rng.normal(size=(5, 1, 8, 6)),
        targets=targets,
        predictions=targets + 0.1 * rng.normal(size=targets.shape),
        floors={"mean field": np.zeros_like(targets)},
    )


def test_a_sample_is_a_row_with_its_error(answers: Answers, tmp_path: Path) -> None:
    record_fields(tmp_path, answers)
    rows = read_predictions(tmp_path).filter(model="t1").sort("instance")
    np.testing.assert_allclose(rows["score"], relative_l2(answers.predictions, answers.targets))
    assert rows["instance"].to_list() == [f"test-{i:04d}" for i in range(5)]
    assert set(rows["scenario"]) == {"pde:flow"} == {field_scenario("flow")}
    assert rows["perturbation"].is_null().all()


def test_other_errors_stand_beside(answers: Answers, tmp_path: Path) -> None:
    record_fields(tmp_path, answers)
    scores = read_side(tmp_path, "scores").filter(model="t1")
    assert set(scores["metric"]) == {"relative_l1", "mean_absolute_error", "energy_spectrum_error"}
    found = scores.filter(metric="relative_l1").sort("instance")["value"]
    np.testing.assert_allclose(found, relative_l1(answers.predictions, answers.targets))


def test_floors_are_models_of_their_own(answers: Answers, tmp_path: Path) -> None:
    record_fields(tmp_path, answers)
    rows = read_predictions(tmp_path).filter(model="floor:mean field")
    assert rows["score"].to_list() == [1.0] * 5


def test_another_grid_is_a_perturbation(answers: Answers, tmp_path: Path) -> None:
    record_fields(tmp_path, replace(answers, is_training_grid=False, floors={}))
    assert set(read_predictions(tmp_path)["perturbation"]) == {"resolution-8"}
    assert not (tmp_path / CASES).exists()


def test_what_was_written_is_not_written_again(answers: Answers, tmp_path: Path) -> None:
    record_fields(tmp_path, answers, date="2026-01-01")
    again = record_fields(tmp_path, answers)
    assert (len(read_predictions(tmp_path)), len(again)) == (10, 5)
    assert set(again["date"]) == {"2026-01-01"}


def test_seeds_are_trials_and_share_the_floors(answers: Answers, tmp_path: Path) -> None:
    for seed in (0, 1):
        record_fields(tmp_path, replace(answers, seed=seed))
    rows = read_predictions(tmp_path)
    assert rows.group_by("model").len().sort("model")["len"].to_list() == [5, 10]


def test_a_prediction_that_is_not_finite_has_an_error_and_no_score(answers: Answers, tmp_path: Path) -> None:
    answers.predictions[2, 0, 0, 0] = np.nan
    rows = record_fields(tmp_path, answers)
    assert rows["score"].is_null().to_list() == [False, False, True, False, False]
    assert "not finite" in rows["error"][2]
    assert read_side(tmp_path, "scores").filter(model="t1", metric="relative_l1").height == 4


def test_without_predictions_the_rows_say_why(answers: Answers, tmp_path: Path) -> None:
    nothing = np.full_like(answers.predictions, np.nan)
    rows = record_fields(tmp_path, replace(answers, predictions=nothing, error="too coarse"))
    assert rows["error"].to_list() == ["too coarse"] * 5
    with np.load(next((tmp_path / CASES).glob("*.npz"))) as file:
        assert "predicted_spectrum" not in file.files


def test_an_instance_tells_what_was_asked(answers: Answers, tmp_path: Path) -> None:
    record_fields(tmp_path, answers)
    first = read_side(tmp_path, "instances").sort("instance")["input"][0]
    assert first == "sample 0 of flow, 8 x 6 points: before to u, v"


def test_cases_hold_the_first_samples_without_pickles(answers: Answers, tmp_path: Path) -> None:
    record_fields(tmp_path, answers, n_cases=2)
    with np.load(next((tmp_path / CASES).glob("*.npz")), allow_pickle=False) as file:
        about = json.loads(str(file["about"]))
        np.testing.assert_array_equal(file["predictions"], answers.predictions[:2])
    assert (about["instances"], about["trial"]) == (["test-0000", "test-0001"], 0)


def test_no_cases_are_written_when_none_are_asked_for(answers: Answers, tmp_path: Path) -> None:
    record_fields(tmp_path, answers, n_cases=0)
    assert not (tmp_path / CASES).exists()


def test_shapes_that_do_not_fit_are_refused(answers: Answers, tmp_path: Path) -> None:
    with pytest.raises(ShapeError):
        record_fields(tmp_path, replace(answers, predictions=answers.predictions[:, :1]))


def test_targets_that_are_not_finite_are_refused(answers: Answers, tmp_path: Path) -> None:
    answers.targets[0, 0, 0, 0] = np.inf
    with pytest.raises(DataError, match="target of sample 0"):
        record_fields(tmp_path, answers)


def test_equal_inputs_have_equal_hashes(answers: Answers, tmp_path: Path) -> None:
    one = record_fields(tmp_path / "one", answers)
    other = record_fields(tmp_path / "two", replace(answers, model="fno"))
    assert one["input_hash"].equals(other["input_hash"])
    assert one["input_hash"].n_unique() == 5
    assert isinstance(one, pl.DataFrame)

"""Predictions of adapters become rows: one a point, further groupings as scenarios of their own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from longwave.errors import DataError, ShapeError
from longwave.evaluation.adapted import adapted_scenario, is_adapted_recorded, record_adapted
from longwave.metrics import summarize_groups
from longwave.predictions import read_predictions, read_side


@dataclass(frozen=True)
class Answers:
    """Five points, three classes."""

    labels: np.ndarray
    probabilities: np.ndarray
    groups: np.ndarray
    views: dict[str, np.ndarray] = field(default_factory=dict)
    data: str = "birds"
    model: str = "contrastive"
    version: str = "abc"
    run: str = "run"
    seed: int = 0
    split: str = "test"
    classes: tuple[str, ...] = ("land", "water", "air")
    hashes: tuple[str, ...] = tuple("vwxyz")
    width: int = 7


@pytest.fixture
def answers() -> Answers:
    return Answers(
        labels=np.array([0, 1, 2, 0, 1]),
        probabilities=np.random.default_rng(0).dirichlet(np.ones(3), size=5),
        groups=np.array(["a", "a", "b", "b", "b"]),
    )


def test_a_point_is_a_row_with_its_likeliest_class(answers: Answers, tmp_path: Path) -> None:
    record_adapted(tmp_path, answers)
    rows = read_predictions(tmp_path).sort("instance")
    chosen = answers.probabilities.argmax(axis=1)
    assert rows["prediction"].to_list() == [answers.classes[i] for i in chosen]
    assert rows["label"].to_list() == ["land", "water", "air", "land", "water"]
    assert rows["correct"].to_list() == (chosen == answers.labels).tolist()
    assert rows["score"].to_list() == (chosen == answers.labels).astype(float).tolist()
    np.testing.assert_allclose(rows["confidence"], answers.probabilities.max(axis=1))
    assert rows["group"].to_list() == ["a", "a", "b", "b", "b"]
    assert rows["instance"].to_list() == [f"test-{i:05d}" for i in range(5)]
    assert set(rows["scenario"]) == {"groups:birds"} == {adapted_scenario("birds")}
    assert rows["perturbation"].is_null().all()


def test_the_metrics_of_the_table_find_the_worst_group(answers: Answers, tmp_path: Path) -> None:
    record_adapted(tmp_path, answers)
    found = summarize_groups(read_predictions(tmp_path), by=["model"])
    correct = answers.probabilities.argmax(axis=1) == answers.labels
    worst = min(correct[:2].mean(), correct[2:].mean())
    assert found.filter(found["metric"] == "worst_group_accuracy")["value"].item() == worst


def test_a_further_grouping_is_a_scenario_with_the_points_in_it(answers: Answers, tmp_path: Path) -> None:
    views = {"male": np.array(["m", "", "m", "", ""]), "none": np.array([""] * 5)}
    rows = record_adapted(tmp_path, replace(answers, views=views))
    assert len(rows) == 7
    part = read_predictions(tmp_path).filter(rows["scenario"] == "groups:birds/male")
    assert part["instance"].to_list() == ["test-00000", "test-00002"]
    assert set(part["group"]) == {"m"}
    assert "groups:birds/none" not in set(rows["scenario"])


def test_what_was_written_is_not_written_again(answers: Answers, tmp_path: Path) -> None:
    record_adapted(tmp_path, answers, date="2026-01-01")
    again = record_adapted(tmp_path, answers)
    assert (len(read_predictions(tmp_path)), set(again["date"])) == (5, {"2026-01-01"})


def test_finished_seeds_are_known(answers: Answers, tmp_path: Path) -> None:
    record_adapted(tmp_path, answers)
    mine = {"data": "birds", "model": "contrastive", "version": "abc", "seed": 0, "n": 5}
    assert is_adapted_recorded(tmp_path, **mine)
    for change in (
        {"seed": 1},
        {"version": "b"},
        {"n": 6},
        {"model": "erm"},
        {"split": "val"},
        {"data": "x"},
    ):
        assert not is_adapted_recorded(tmp_path, **(mine | change)), change
    assert not is_adapted_recorded(tmp_path / "nowhere", **mine)


def test_an_instance_tells_its_classes(answers: Answers, tmp_path: Path) -> None:
    record_adapted(tmp_path, replace(answers, split="val"))
    rows = read_side(tmp_path, "instances").sort("instance")
    assert rows["input"][3] == "point val-00003 of birds, 7 numbers"
    assert set(rows["split"]) == {"valid"}
    assert rows["references"][3].to_list() == ["land", "water", "air"]
    assert rows["correct_references"].to_list() == [[0], [1], [2], [0], [1]]


@pytest.mark.parametrize("part", ["groups", "hashes", "probabilities"])
def test_parts_that_do_not_fit_are_refused(part: str, answers: Answers, tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="There are 5 labels"):
        record_adapted(tmp_path, replace(answers, **{part: getattr(answers, part)[:-1]}))


def test_a_view_of_another_length_is_named(answers: Answers, tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match='"male" of length 4'):
        record_adapted(tmp_path, replace(answers, views={"male": np.array([""] * 4)}))


def test_no_points_are_refused(answers: Answers, tmp_path: Path) -> None:
    parts = ("labels", "probabilities", "groups", "hashes")
    with pytest.raises(ShapeError, match="There are 0 labels"):
        record_adapted(tmp_path, replace(answers, **{name: getattr(answers, name)[:0] for name in parts}))


def test_labels_without_a_class_are_refused(answers: Answers, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Labels go from 0 to 3"):
        record_adapted(tmp_path, replace(answers, labels=np.array([0, 1, 2, 3, 0])))


@pytest.mark.parametrize("factor", [3.0, np.nan, -1.0])
def test_logits_are_no_probabilities(factor: float, answers: Answers, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Take the softmax"):
        record_adapted(tmp_path, replace(answers, probabilities=factor * answers.probabilities))

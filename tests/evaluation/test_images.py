"""Classified images become rows: one an image, other resolutions as perturbations, shrunk ones beside."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from longwave.errors import DataError, ShapeError
from longwave.evaluation.image_cases import IMAGE_CASES
from longwave.evaluation.images import image_scenario, record_images
from longwave.predictions import read_predictions, read_side


@dataclass(frozen=True)
class Answers:
    """Five images of 7 x 6 pixels, three classes."""

    images: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    data: str = "shapes"
    model: str = "s4nd"
    version: str = "abc"
    run: str = "run"
    seed: int = 0
    classes: tuple[str, ...] = ("circle", "square", "star")
    resolution: tuple[int, ...] = (7, 6)
    is_training_grid: bool = True
    is_shrunk: bool = False
    filters: list[object] = field(default_factory=list)
    error: str | None = None


@pytest.fixture
def answers() -> Answers:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet(np.ones(3), size=5).astype(np.float32)
    return Answers(
        images=rng.random((5, 1, 7, 6), dtype=np.float32),
        labels=np.array([0, 1, 2, 0, 1]),
        probabilities=probabilities,
    )


def test_an_image_is_a_row_with_its_likeliest_class(answers: Answers, tmp_path: Path) -> None:
    record_images(tmp_path, answers)
    rows = read_predictions(tmp_path).sort("instance")
    chosen = answers.probabilities.argmax(axis=1)
    assert rows["prediction"].to_list() == [answers.classes[i] for i in chosen]
    assert rows["label"].to_list() == ["circle", "square", "star", "circle", "square"]
    assert rows["correct"].to_list() == (chosen == answers.labels).tolist()
    assert rows["score"].to_list() == (chosen == answers.labels).astype(float).tolist()
    np.testing.assert_allclose(rows["confidence"], answers.probabilities.max(axis=1), rtol=1e-6)
    assert rows["group"].to_list() == rows["label"].to_list()
    assert rows["instance"].to_list() == [f"test-{i:04d}" for i in range(5)]
    assert set(rows["scenario"]) == {"shapes@1"} == {image_scenario("shapes")}
    assert rows["perturbation"].is_null().all()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"is_training_grid": False}, "resolution-7"),
        ({"is_training_grid": False, "is_shrunk": True}, "shrunk-7"),
    ],
    ids=["other", "shrunk"],
)
def test_another_resolution_is_a_perturbation(
    change: dict[str, bool], name: str, answers: Answers, tmp_path: Path
) -> None:
    record_images(tmp_path, replace(answers, **change))
    assert set(read_predictions(tmp_path)["perturbation"]) == {name}
    assert set(read_side(tmp_path, "instances")["perturbation"]) == {name}


def test_seeds_are_trials(answers: Answers, tmp_path: Path) -> None:
    for seed in (0, 1):
        record_images(tmp_path, replace(answers, seed=seed))
    assert sorted(set(read_predictions(tmp_path)["trial"])) == [0, 1]


def test_what_was_written_is_not_written_again(answers: Answers, tmp_path: Path) -> None:
    record_images(tmp_path, answers, date="2026-01-01")
    again = record_images(tmp_path, answers)
    assert (len(read_predictions(tmp_path)), len(again), set(again["date"])) == (5, 5, {"2026-01-01"})


def test_an_instance_tells_what_was_shown_and_which_classes_there_are(
    answers: Answers, tmp_path: Path
) -> None:
    record_images(tmp_path, answers)
    rows = read_side(tmp_path, "instances").sort("instance")
    assert rows["input"][3] == "image 3 of shapes, 7 x 6 pixels"
    assert rows["references"][3].to_list() == ["circle", "square", "star"]
    assert rows["correct_references"].to_list() == [[0], [1], [2], [0], [1]]


def test_clips_are_called_so(answers: Answers, tmp_path: Path) -> None:
    clips = np.repeat(answers.images[:, :, None], 4, axis=2)
    record_images(tmp_path, replace(answers, images=clips))
    assert read_side(tmp_path, "instances")["input"][0].startswith("clip ")


def test_equal_images_have_equal_hashes(answers: Answers, tmp_path: Path) -> None:
    answers.images[3] = answers.images[1]
    hashes = record_images(tmp_path, answers)["input_hash"]
    assert hashes[3] == hashes[1] != hashes[0]


def test_without_probabilities_the_rows_say_why(answers: Answers, tmp_path: Path) -> None:
    nothing = np.full_like(answers.probabilities, np.nan)
    rows = record_images(tmp_path, replace(answers, probabilities=nothing, error="too small"))
    assert rows["error"].to_list() == ["too small"] * 5
    assert all(rows[name].is_null().all() for name in ("prediction", "correct", "score", "confidence"))


def test_a_single_image_without_finite_probabilities_has_an_error(answers: Answers, tmp_path: Path) -> None:
    answers.probabilities[2, 0] = np.nan
    rows = record_images(tmp_path, answers)
    assert rows["correct"].is_null().to_list() == [False, False, True, False, False]
    assert "not finite" in rows["error"][2]


def test_pictures_are_kept_of_all_but_shrunk_images(answers: Answers, tmp_path: Path) -> None:
    record_images(tmp_path, replace(answers, is_training_grid=False, is_shrunk=True))
    assert not (tmp_path / IMAGE_CASES).exists()
    record_images(tmp_path, answers)
    assert len(list((tmp_path / IMAGE_CASES).glob("*.npz"))) == 1


@pytest.mark.parametrize("part", ["images", "probabilities"])
def test_parts_that_do_not_fit_are_refused(part: str, answers: Answers, tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match="There are 5 labels"):
        record_images(tmp_path, replace(answers, **{part: getattr(answers, part)[:-1]}))


def test_labels_without_a_class_are_refused(answers: Answers, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Labels go from 0 to 3"):
        record_images(tmp_path, replace(answers, labels=np.array([0, 1, 2, 3, 0])))


def test_logits_are_no_probabilities(answers: Answers, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Take the softmax"):
        record_images(tmp_path, replace(answers, probabilities=3 * answers.probabilities))


def test_no_images_are_no_rows(answers: Answers, tmp_path: Path) -> None:
    empty = {name: getattr(answers, name)[:0] for name in ("images", "labels", "probabilities")}
    assert len(record_images(tmp_path, replace(answers, **empty))) == 0

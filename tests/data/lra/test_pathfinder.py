"""Pictures of joined dots: the label is what the curves say, and nothing simpler tells it."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.data.lra import Pathfinder, curves
from longwave.data.lra.curves import CLEARANCE, MARGIN, SPACING, draw_curves
from longwave.data.lra.pathfinder import _choose_dots
from longwave.errors import ConfigError

LENGTHS = [26.0, 26.0, 26 / 3, 26 / 3, 26 / 3]


@pytest.fixture(scope="module")
def points() -> list[np.ndarray]:
    return draw_curves(40, LENGTHS, 2, np.random.default_rng(0)).points


@pytest.mark.parametrize("curve", range(5))
def test_curves_have_their_length(curve: int, points: list[np.ndarray]) -> None:
    drawn = points[curve][~np.isnan(points[curve][:, 0, 0])]
    steps = np.linalg.norm(np.diff(drawn, axis=1), axis=2)
    np.testing.assert_allclose(steps, SPACING, rtol=1e-3)
    assert steps.shape[1] == round(LENGTHS[curve] / SPACING)


def test_curves_stay_on_the_canvas(points: list[np.ndarray]) -> None:
    everything = np.concatenate([curve.reshape(-1, 2) for curve in points])
    assert np.nanmin(everything) >= MARGIN - 1e-3
    assert np.nanmax(everything) <= 32 - MARGIN + 1e-3


@pytest.mark.parametrize(("a", "b"), [(0, 1), (0, 2), (1, 3), (2, 4)])
def test_curves_keep_clear_of_each_other(a: int, b: int, points: list[np.ndarray]) -> None:
    apart = np.linalg.norm(points[a][:, :, None] - points[b][:, None], axis=3)
    assert np.nanmin(apart) > CLEARANCE - 2 * 0.5 * np.sqrt(2)  # what is taken is known cell by cell


@pytest.mark.parametrize("curve", [0, 1])
def test_a_curve_keeps_clear_of_itself(curve: int, points: list[np.ndarray]) -> None:
    count = points[curve].shape[1]
    apart = np.linalg.norm(points[curve][:, :, None] - points[curve][:, None], axis=3)
    i, j = np.triu_indices(count, round(2 * CLEARANCE / SPACING))
    assert apart[:, i, j].min() > CLEARANCE


def test_every_picture_has_both_long_curves(points: list[np.ndarray]) -> None:
    assert not np.isnan(points[0]).any()
    assert not np.isnan(points[1]).any()


def test_a_canvas_that_is_full_does_without_the_rest() -> None:
    found = draw_curves(2, [26.0, 26.0] + [9.0] * 15, 2, np.random.default_rng(0)).points
    assert np.isnan(found[-1]).all()


def test_dots_of_joined_pictures_are_the_ends_of_one_curve(points: list[np.ndarray]) -> None:
    dots = _choose_dots(points[0], points[1], np.ones(40, dtype=bool))
    np.testing.assert_array_equal(dots, points[0][:, [0, -1]])


def test_dots_of_other_pictures_are_an_end_of_either_curve(points: list[np.ndarray]) -> None:
    dots = _choose_dots(points[0], points[1], np.zeros(40, dtype=bool))
    for place, curve in enumerate(points[:2]):
        ends = curve[:, [0, -1]]
        assert (ends == dots[:, place, None]).all(axis=2).any(axis=1).all()


@pytest.mark.parametrize("size", [16, 31, 32, 64], ids=lambda s: f"S{s}")
def test_pictures_are_grey_and_have_the_told_size(size: int) -> None:
    pictures, joined = Pathfinder(size=size).draw_pictures(6, np.random.default_rng(0))
    assert (pictures.shape, joined.shape) == ((6, size, size), (6,))
    assert len(np.unique(pictures)) >= 5


@pytest.mark.parametrize("n", [1, 7, 20])
def test_classes_are_balanced(n: int) -> None:
    _, joined = Pathfinder().draw_pictures(n, np.random.default_rng(0))
    assert abs(2 * joined.sum() - n) <= 1


def test_pixels_come_row_by_row_and_the_answer_last() -> None:
    task = Pathfinder(n_levels=8)
    pictures, joined = task.draw_pictures(4, np.random.default_rng(3))
    examples = task.draw(4, np.random.default_rng(3))
    np.testing.assert_array_equal(examples.tokens[:, :-1], pictures.reshape(4, -1))
    np.testing.assert_array_equal(examples.answers[:, 0], 8 + joined)
    assert (examples.scored.sum(), examples.scored[0, -1]) == (1, True)


def test_more_pixels_show_the_same_picture() -> None:
    small, _ = Pathfinder(size=32).draw_pictures(3, np.random.default_rng(4))
    large, _ = Pathfinder(size=64).draw_pictures(3, np.random.default_rng(4))
    halved = large.reshape(3, 32, 2, 32, 2).mean(axis=(2, 4))
    assert np.abs(halved - small).max() <= 1


def test_the_same_seed_gives_the_same_bytes() -> None:
    first, second = (Pathfinder().draw(3, np.random.default_rng(2)).tokens.tobytes() for _ in range(2))
    assert first == second


def best_threshold(values: np.ndarray, labels: np.ndarray) -> float:
    """Return the accuracy of the best rule that compares a number with a threshold."""
    ordered = labels[np.argsort(values)]
    right = np.cumsum(ordered == 0) + ordered.sum() - np.cumsum(ordered)
    return float(max(right.max(), len(labels) - right.min()) / len(labels))


def test_brightness_does_not_tell_the_answer() -> None:
    pictures, joined = Pathfinder().draw_pictures(500, np.random.default_rng(0))
    assert best_threshold(pictures.mean(axis=(1, 2)), joined) < 0.6


def test_the_distance_of_the_dots_hardly_tells_the_answer() -> None:
    found = draw_curves(800, [26.0, 26.0], 2, np.random.default_rng(0)).points
    joined = np.arange(800) % 2 == 1
    dots = _choose_dots(found[0], found[1], joined)
    apart = np.linalg.norm(dots[:, 0] - dots[:, 1], axis=1)
    assert best_threshold(apart, joined) < 0.62


def test_pictures_without_room_are_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "PATIENCE", 0)  # at the first refusal
    found = draw_curves(20, [26.0, 26.0, 9.0], 2, np.random.default_rng(0)).points
    assert not np.isnan(found[1]).any()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"size": 8}, "size"),
        ({"path_length": 40.0}, "path_length"),
        ({"n_distractors": -1}, "n_distractors"),
        ({"n_levels": 1}, "n_levels"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_settings_that_make_no_task_are_refused(settings: dict[str, float], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Pathfinder(**settings)

"""The rule of choice: the worst group, then the average, then who came first."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.adapters.selection import GroupScore, Validation, group_accuracies


def test_accuracies_are_by_group() -> None:
    found = group_accuracies(np.array([True, False, True]), np.array([0, 0, 2]), 4)
    np.testing.assert_array_equal(found, [0.5, np.nan, 1.0, np.nan])


def test_the_worst_group_decides() -> None:
    assert GroupScore(worst=0.5, average=0.6) > GroupScore(worst=0.4, average=0.9)


def test_the_average_decides_between_equal_worst_groups() -> None:
    assert GroupScore(worst=0.0, average=0.6) > GroupScore(worst=0.0, average=0.5)


def test_equal_scores_do_not_displace_the_first() -> None:
    assert not GroupScore(worst=0.5, average=0.6) > GroupScore(worst=0.5, average=0.6)


@pytest.mark.parametrize(
    ("predictions", "worst", "average"),
    [([0, 1, 1], 1.0, 1.0), ([0, 0, 1], 0.5, 2 / 3), ([1, 1, 1], 0.0, 2 / 3)],
    ids=["all-right", "one-of-two", "a-whole-group-wrong"],
)
def test_validation_scores_groups(predictions: list[int], worst: float, average: float) -> None:
    points = Validation(
        x=np.zeros((3, 2), dtype=np.float32), y=np.array([0, 1, 1]), groups=np.array([2, 1, 1]), n_groups=3
    )
    assert points.score(np.array(predictions)) == GroupScore(worst=worst, average=pytest.approx(average))


def test_validation_scores_a_function_of_its_points() -> None:
    x = np.array([[1, 0], [0, 1]], dtype=np.float32)
    points = Validation(x=x, y=np.array([0, 1]), groups=np.array([0, 1]), n_groups=2)
    assert points.score_by(lambda found: found.argmax(axis=1)).worst == 1

"""Anchors, balanced epochs and batches."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.adapters.sampling import Cells, Resampling, draw_anchors, even_batches, resample


def _cells(y: list[int], predicted: list[int], n_classes: int = 2) -> Cells:
    return Cells(y=np.array(y), predicted=np.array(predicted), n_classes=n_classes)


SKEWED = _cells([0] * 40 + [1] * 14, [0] * 33 + [1] * 7 + [1] * 12 + [0] * 2)


def test_cells_count_points_by_class_and_prediction() -> None:
    assert SKEWED.counts.tolist() == [[33, 7], [2, 12]]


def test_members_part_the_points() -> None:
    members = SKEWED.members
    assert [len(one) for one in members] == [33, 7, 2, 12]
    assert sorted(np.concatenate(members)) == list(range(54))


def test_anchors_are_all_points_that_are_predicted_wrongly(rng: np.random.Generator) -> None:
    assert sorted(draw_anchors(SKEWED, rng)) == [*range(33, 40), 52, 53]


def test_anchors_of_a_class_without_positives_are_left_out(rng: np.random.Generator) -> None:
    cells = _cells([0, 0, 0, 1, 1], [0, 0, 1, 0, 0])
    assert draw_anchors(cells, rng).tolist() == [2]


def test_no_anchors_are_drawn_where_all_predictions_are_right(rng: np.random.Generator) -> None:
    assert len(draw_anchors(_cells([0, 1], [0, 1]), rng, ratio=0.5, balance=True)) == 0


def test_balanced_anchors_are_as_many_in_each_class(rng: np.random.Generator) -> None:
    anchors = draw_anchors(SKEWED, rng, balance=True)
    assert np.bincount(SKEWED.y[anchors]).tolist() == [2, 2]
    assert len(set(anchors.tolist())) == 4


def test_a_ratio_draws_every_cell_equally_likely(rng: np.random.Generator) -> None:
    draws = np.concatenate([draw_anchors(SKEWED, rng, ratio=0.5) for _ in range(500)])
    assert len(draws) == 500 * 4
    assert abs((SKEWED.y[draws] == 0).mean() - 0.5) < 4.5 * (0.25 / len(draws)) ** 0.5


def test_plain_epochs_visit_every_point_once(rng: np.random.Generator) -> None:
    assert sorted(resample(SKEWED, "none", 5, rng)) == list(range(54))


@pytest.mark.parametrize("group_size", [1, 5, 50])
def test_cells_are_drawn_to_the_same_size(group_size: int, rng: np.random.Generator) -> None:
    drawn = resample(SKEWED, "cells", group_size, rng)
    cell = 2 * SKEWED.y[drawn] + SKEWED.predicted[drawn]
    assert np.bincount(cell).tolist() == [group_size] * 4


def test_a_cell_that_is_large_enough_is_drawn_without_repeats(rng: np.random.Generator) -> None:
    drawn = resample(SKEWED, "cells", 12, rng)
    largest = drawn[(SKEWED.y[drawn] == 0) & (SKEWED.predicted[drawn] == 0)]
    assert len(set(largest.tolist())) == 12


def test_raising_classes_keeps_every_point_and_evens_the_cells_of_a_class(rng: np.random.Generator) -> None:
    drawn = resample(SKEWED, "classes", 5, rng)
    assert set(drawn.tolist()) == set(range(54))
    by_cell = np.bincount(2 * SKEWED.y[drawn] + SKEWED.predicted[drawn])
    assert by_cell.tolist() == [33, 33, 34, 34]  # 12 points of class 1, raised by 40/14


@pytest.mark.parametrize("how", ["none", "cells", "classes"])
def test_epochs_depend_on_the_generator_alone(how: Resampling) -> None:
    first, second = (resample(SKEWED, how, 5, np.random.default_rng(3)) for _ in range(2))
    assert first.tolist() == second.tolist()


@given(n=st.integers(1, 700), size=st.integers(1, 130))
def test_batches_part_the_points_evenly(n: int, size: int) -> None:
    batches = even_batches(np.arange(n), size)
    lengths = [len(batch) for batch in batches]
    assert np.concatenate(batches).tolist() == list(range(n))
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1

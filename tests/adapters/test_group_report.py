"""Figures by group agree with loops written from their definitions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.adapters.group_report import count_groups, report_groups, report_overlapping, spread_groups
from longwave.errors import ConfigError, DataError, ShapeError

CORRECT = [1, 1, 0, 1, 0, 0, 1]
GROUPS = ["b", "b", "b", "a", "a", "c", "b"]


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_worst_group_gap_and_average_are_those_of_a_hand_count() -> None:
    found = report_groups(CORRECT, GROUPS)
    assert [(line.group, line.n, line.accuracy) for line in found.lines] == [
        ("a", 2, 0.5),
        ("b", 4, 0.75),
        ("c", 1, 0.0),
    ]
    assert (found.n, found.worst.group, found.adjusted_average) == (7, "c", None)
    assert found.average == pytest.approx(4 / 7)
    assert found.gap_pp == pytest.approx(400 / 7)
    assert found.percentile_10 == pytest.approx(0.1)  # a fifth of the way from 0 to 0.5


def test_the_interval_of_a_group_is_wilsons() -> None:
    line = report_groups([1] * 8 + [0] * 2, ["a"] * 10).worst
    assert (round(line.low, 3), round(line.high, 3)) == (0.490, 0.943)


def test_the_adjusted_average_weighs_groups_as_training_does() -> None:
    found = report_groups(CORRECT, GROUPS, training={"a": 1, "b": 3})
    assert found.adjusted_average == pytest.approx((0.5 + 3 * 0.75) / 4)
    assert [line.n_train for line in found.lines] == [1, 3, 0]


def test_groups_without_training_points_cannot_weigh() -> None:
    with pytest.raises(DataError, match="No group has training points"):
        report_groups([1, 0], ["a", "b"], training={"else": 3})


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), min_size=1, max_size=40))
def test_an_average_lies_between_the_worst_and_the_best_group(rows: list[tuple[bool, str]]) -> None:
    correct, groups = zip(*rows, strict=True)
    found = report_groups(correct, groups)
    assert found.worst.accuracy <= found.average + 1e-12
    assert found.average <= max(line.accuracy for line in found.lines) + 1e-12
    assert found.worst.accuracy <= found.percentile_10 + 1e-12
    assert all(line.low <= line.accuracy <= line.high for line in found.lines)


def test_overlapping_groups_change_the_worst_and_not_the_average() -> None:
    report = report_groups([1, 1, 0], ["x", "x", "x"], training={"x": 3})
    found = report_overlapping(report, [1, 0, 0, 1], ["male", "male", "black", "black"])
    assert (found.average, found.adjusted_average) == (report.average, report.adjusted_average)
    assert (found.worst.accuracy, found.worst.n) == (0.5, 2)
    assert found.gap_pp == pytest.approx(100 * (2 / 3 - 0.5))
    assert [line.group for line in found.lines] == ["black", "male"]


def test_spread_is_that_of_a_loop_over_all_pairs_of_points() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(31, 5))
    y, g = rng.integers(0, 3, 31), rng.integers(0, 2, 31)
    unit = _unit(x)
    by_cell: dict[tuple[int, int], list[int]] = {}
    for i in range(31):
        by_cell.setdefault((y[i], g[i]), []).append(i)
    within, between = [], []
    for (one, first), (other, second) in itertools.combinations(by_cell.items(), 2):
        mean = np.mean([unit[i] @ unit[j] for i in first for j in second])
        (within if one[0] == other[0] else between).append(mean)
    alike = 0
    for i in range(31):
        near = sorted((j for j in range(31) if j != i), key=lambda j: -(unit[i] @ unit[j]))[:4]
        alike += sum(y[j] == y[i] for j in near)
    found = spread_groups(x, y, g, neighbours=4)
    assert found.within == pytest.approx(np.mean(within), abs=1e-6)
    assert found.between == pytest.approx(np.mean(between), abs=1e-6)
    assert found.neighbours == pytest.approx(alike / (31 * 4))


def test_groups_of_one_point_class_or_group_have_no_pairs() -> None:
    found = spread_groups([[1.0, 0], [0, 1], [1, 1]], [0, 1, 1], [0, 0, 0])
    assert found.within is None
    assert found.between is not None
    assert spread_groups([[1.0, 0], [0, 1]], [0, 0], [0, 1]).between is None


def test_neighbours_are_cut_to_the_points_there_are() -> None:
    assert spread_groups([[1.0, 0], [0, 1]], ["a", "b"], [0, 1], neighbours=99).neighbours == 0.0


def test_a_large_set_asks_a_part_of_its_points(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("longwave.adapters.group_report._QUERIES", 10)
    x = np.eye(2)[np.arange(101) % 2]
    assert spread_groups(x, np.arange(101) % 2, np.zeros(101, int)).neighbours == 1.0


def test_what_has_no_spread_is_refused() -> None:
    with pytest.raises(DataError, match="There is 1 point"):
        spread_groups([[1.0]], [0], [0])
    with pytest.raises(ConfigError, match="neighbours is 0"):
        spread_groups([[1.0], [1.0]], [0, 1], [0, 0], neighbours=0)


def test_counts_have_a_name_each() -> None:
    assert count_groups([0, 2, 2], ("a", "b", "c")) == {"a": 1, "b": 0, "c": 2}
    with pytest.raises(ShapeError, match="groups go to 2 but there are 2 names"):
        count_groups([0, 2], ("a", "b"))

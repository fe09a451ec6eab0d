"""Accuracy by group."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.errors import DataError, ShapeError, TableError
from longwave.metrics import gap_pp, group_accuracy, summarize_groups, worst_group_accuracy

CORRECT = [1, 1, 1, 0, 1, 0]
GROUPS = ["a", "a", "a", "a", "b", "b"]


def test_accuracy_of_each_group():
    assert group_accuracy(CORRECT, GROUPS) == {"a": 0.75, "b": 0.5}


def test_worst_group_is_the_smallest():
    assert worst_group_accuracy(CORRECT, GROUPS) == 0.5


def test_gap_is_in_points_of_the_average_over_instances():
    assert gap_pp(CORRECT, GROUPS) == pytest.approx(100 * (4 / 6 - 0.5))


def test_groups_may_be_numbers():
    assert group_accuracy([True, False], np.array([3, 0])) == {"0": 0.0, "3": 1.0}


def test_one_group_has_no_gap():
    assert gap_pp([1, 0], ["a", "a"]) == 0


def test_lengths_must_agree():
    with pytest.raises(ShapeError, match=r"shape \(1,\) and groups \(2,\)"):
        group_accuracy([1], ["a", "b"])


def test_no_predictions_are_refused():
    with pytest.raises(DataError, match="needs at least 1"):
        worst_group_accuracy([], [])


@pytest.fixture
def frame(table):
    return table(6, correct=[bool(x) for x in CORRECT], group=GROUPS)


def test_summary_agrees_with_the_functions(frame, value_of):
    summary = summarize_groups(frame)
    assert value_of(summary, "group_accuracy", group="a") == 0.75
    assert value_of(summary, "worst_group_accuracy") == worst_group_accuracy(CORRECT, GROUPS)
    assert value_of(summary, "gap_pp") == pytest.approx(gap_pp(CORRECT, GROUPS))


def test_summary_names_the_worst_group(frame, value_of):
    assert value_of(summarize_groups(frame), "worst_group_accuracy", "group") == "b"


def test_worst_is_found_in_each_group_of_rows(table, value_of):
    rows = table(
        4, correct=[True, False, False, True], group=["a", "b", "a", "b"], model=["m", "m", "n", "n"]
    )
    summary = summarize_groups(rows, ["model"])
    assert [value_of(summary, "worst_group_accuracy", "group", model=name) for name in "mn"] == ["b", "a"]


def test_rows_without_a_group_do_not_count(table, value_of):
    rows = table(3, correct=[True, True, False], group=["a", "a", None])
    assert value_of(summarize_groups(rows), "gap_pp") == 0


def test_table_without_groups_has_an_empty_summary(table):
    assert len(summarize_groups(table(2, correct=[True, False]))) == 0


def test_missing_column_is_named(frame):
    with pytest.raises(TableError, match='no column "group"'):
        summarize_groups(frame.drop("group"))

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from longwave.errors import ShapeError
from longwave.metrics.summed_counts import (
    balanced_share,
    count_choices,
    draw_sums,
    micro_f1,
    share,
    spread,
    sum_by_instance,
)


def test_choices_are_counted_by_class():
    counts = count_choices(["a", "b", "x"], ["a", "a", "b"])
    assert counts.tolist() == [[1, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def test_answers_and_labels_must_pair():
    with pytest.raises(ShapeError, match="1 answers but 2 labels"):
        count_choices(["a"], ["a", "b"])


def test_rows_of_one_instance_are_added_up():
    rows = pl.DataFrame({"scenario": ["s"] * 3, "instance": ["b", "a", "b"]})
    assert sum_by_instance(rows, np.array([[1.0], [2.0], [4.0]])).tolist() == [[2], [5]]


def test_balanced_share_averages_the_classes_that_are_there():
    sums = np.array([[1.0, 3.0, 2.0, 4.0], [1.0, 0.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    assert balanced_share(sums).tolist()[:2] == [(1 / 2 + 3 / 4) / 2, 1 / 2]
    assert np.isnan(balanced_share(sums)[2])


def test_f1_of_nothing_is_one_and_a_share_of_nothing_is_unknown():
    assert micro_f1(np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 0.0]])).tolist() == [1, 2 / 3]
    assert np.isnan(share(np.array([[0.0, 0.0]]))[0])


def test_drawn_sums_have_the_mean_and_spread_of_resampling():
    counts = np.array([[0.0], [1.0]] * 50)
    drawn = draw_sums(counts, 4000, seed=0)[:, 0]
    assert drawn.mean() == pytest.approx(50, abs=0.3)
    assert drawn.std() == pytest.approx(np.sqrt(100 * 0.25), rel=0.05)
    assert (draw_sums(counts, 50, seed=1) == draw_sums(counts, 50, seed=1)).all()


def test_one_instance_has_no_spread():
    assert spread(np.array([0.1, 0.2]), 1) == {"stderr": None, "low": None, "high": None}


def test_spread_leaves_draws_without_a_value_out():
    found = spread(np.array([0.0, np.nan, 1.0]), 5)
    assert found["low"] == pytest.approx(0.025)
    assert found["stderr"] == pytest.approx(np.sqrt(0.5))

"""Rows of several seeds become means and deviations."""

from __future__ import annotations

import statistics

import polars as pl
import pytest

from longwave.adapters import ContrastiveConfig, DescentConfig
from longwave.adapters.comparison import AdaptConfig, Spread, summarize_methods
from longwave.errors import DataError, UnknownName

ROWS = pl.DataFrame(
    {
        "model": ["erm"] * 8 + ["wise"] * 4,
        "trial": [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0],
        "group": ["a", "a", "b", "b"] * 3,
        "correct": [True, True, True, False, True, False, False, False, True, True, True, True],
    }
)


def test_a_method_has_the_mean_and_deviation_of_its_seeds() -> None:
    erm, wise = summarize_methods(ROWS, methods=["erm", "wise"], training={"a": 3, "b": 1})
    assert (erm.method, erm.seeds, wise.seeds) == ("erm", (0, 1), (0,))
    assert erm.worst == Spread(mean=0.25, deviation=statistics.stdev([0.5, 0.0]))
    assert erm.average.mean == pytest.approx((0.75 + 0.25) / 2)
    assert erm.adjusted_average is not None
    assert erm.adjusted_average.mean == pytest.approx((0.875 + 0.375) / 2)
    assert erm.gap_pp.mean == pytest.approx(25.0)
    assert wise.worst == Spread(mean=1.0, deviation=None)


def test_without_training_counts_there_is_no_adjusted_average() -> None:
    assert summarize_methods(ROWS, methods=["wise"])[0].adjusted_average is None


def test_overlapping_groups_give_the_worst() -> None:
    many = ROWS.with_columns(group=pl.lit("all, again"))
    found = summarize_methods(ROWS, methods=["erm"], overlapping=many)[0]
    assert found.worst.mean == found.average.mean
    assert found.gap_pp.mean == pytest.approx(0)


def test_a_method_without_rows_is_named() -> None:
    with pytest.raises(DataError, match='There are no rows of "jtt"'):
        summarize_methods(ROWS, methods=["jtt"])


def test_a_configuration_makes_its_method() -> None:
    config = AdaptConfig(
        data="x", method="erm", descent=DescentConfig(epochs=7), contrast=ContrastiveConfig(tau=0.2)
    )
    assert "epochs=7" in repr(config.make(seed=4))
    assert config.make(seed=4).get_params()["seed"] == 4
    assert AdaptConfig(data="x", method="erm").make(seed=0).get_params()["descent"] is None
    with pytest.raises(UnknownName, match='Did you mean "contrastive"'):
        AdaptConfig(data="x", method="contrastiv").make(seed=0)

"""Mean win rate against pairwise counting."""

from __future__ import annotations

import itertools
import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError, TableError
from longwave.metrics import TIDY, mean_score, mean_win_rate

cells = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz")),
    st.sampled_from([None, 0.0, 0.5, 1.0]),
    min_size=1,
)


def _frame(values):
    rows = [(model, column, value) for (model, column), value in values.items()]
    return pl.DataFrame(
        rows, schema={"model": pl.String, "scenario": pl.String, "value": pl.Float64}, orient="row"
    )


def naive_win_rates(values, lower):
    """Wins over all pairs, half for a tie, averaged over the columns with at least two values."""
    known = {key: value for key, value in values.items() if value is not None}
    rates = {}
    for model in {model for model, _ in values}:
        wins = []
        for column in "xyz":
            others = [v for (m, c), v in known.items() if c == column and m != model]
            if (model, column) in known and others:
                mine, sign = known[model, column], -1 if column in lower else 1
                beaten = sum(1.0 if sign * mine > sign * v else 0.5 if mine == v else 0.0 for v in others)
                wins.append(beaten / len(others))
        rates[model] = sum(wins) / len(wins) if wins else None
    return rates


@given(cells, st.sets(st.sampled_from("xyz")))
def test_win_rate_equals_counting_pairs(values, lower):
    found = mean_win_rate(_frame(values), lower)
    want = naive_win_rates(values, lower)
    got = dict(zip(found["model"], found["value"], strict=True))
    assert {k: v for k, v in got.items() if v is None} == {k: v for k, v in want.items() if v is None}
    assert {k: v for k, v in got.items() if v is not None} == pytest.approx(
        {k: v for k, v in want.items() if v is not None}
    )


@given(cells)
def test_best_model_leads(values):
    rates = mean_win_rate(_frame(values))["value"].drop_nulls().to_list()
    assert rates == sorted(rates, reverse=True)


def test_result_is_tidy_and_counts_columns():
    found = mean_win_rate(_frame({("a", "x"): 1.0, ("b", "x"): 0.0, ("a", "y"): 1.0}))
    assert found.columns == ["model", *TIDY]
    assert found.row(0)[:5] == ("a", "mean_win_rate", 1.0, None, 1)


def test_lower_is_better_turns_the_order():
    found = mean_win_rate(_frame({("a", "x"): 1.0, ("b", "x"): 0.9}), ["x"])
    assert found["model"].to_list() == ["b", "a"]


def test_columns_may_have_other_names():
    frame = _frame({("a", "x"): 1.0, ("b", "x"): 0.0}).rename(
        {"model": "system", "scenario": "task", "value": "f1"}
    )
    found = mean_win_rate(frame, model="system", column="task", value="f1")
    assert found.columns[0] == "system"


def test_nan_is_no_value():
    found = mean_win_rate(_frame({("a", "x"): math.nan, ("b", "x"): 0.0, ("c", "x"): 1.0}))
    assert found["value"].to_list() == [1.0, 0.0, None]


def test_median_of_win_rates():
    values = dict(zip(itertools.product("ab", "xyz"), [1.0, 1.0, 0.0, 0.0, 0.0, 1.0], strict=True))
    found = mean_win_rate(_frame(values), statistic="median")
    assert dict(zip(found["model"], found["value"], strict=True)) == {"a": 1.0, "b": 0.0}


def test_two_values_of_a_model_in_one_column_are_refused():
    frame = pl.concat([_frame({("a", "x"): 1.0}), _frame({("a", "x"): 0.0})])
    with pytest.raises(TableError, match='"a" has several values in "x"'):
        mean_win_rate(frame)


def test_missing_column_is_named():
    with pytest.raises(TableError, match='no column "scenario"'):
        mean_win_rate(_frame({("a", "x"): 1.0}).drop("scenario"))


def test_unknown_statistic_is_refused():
    with pytest.raises(ConfigError, match='Unknown statistic "mode"'):
        mean_win_rate(_frame({("a", "x"): 1.0}), statistic="mode")


def test_mean_score_averages_the_columns_a_model_has():
    found = mean_score(_frame({("a", "x"): 1.0, ("a", "y"): 0.5, ("b", "x"): 0.8}))
    assert found.select("model", "value", "n").rows() == [("b", 0.8, 1), ("a", 0.75, 2)]

"""What a table refuses, and what it converts without loss."""

from __future__ import annotations

import polars as pl
import pytest

from longwave.errors import TableError
from longwave.predictions import KEY, SCHEMA
from longwave.predictions._conform import conform
from longwave.predictions.schema import TABLES

PREDICTIONS = TABLES["predictions"]


def test_unknown_column_is_refused_with_the_nearest(make_rows):
    with pytest.raises(TableError, match=r'Unknown column "confidense".*Did you mean "confidence"'):
        conform(make_rows(1).with_columns(confidense=0.5), PREDICTIONS)


@pytest.mark.parametrize("name", KEY)
def test_missing_key_column_is_refused(make_rows, name):
    with pytest.raises(TableError, match=f'Missing key column "{name}"'):
        conform(make_rows(1).drop(name), PREDICTIONS)


@pytest.mark.parametrize(
    ("name", "value"),
    [("score", "high"), ("trial", 0.5), ("correct", 1), ("instance", 7), ("tokens_in", True)],
    ids=["text-as-float", "float-as-int", "int-as-bool", "int-as-text", "bool-as-int"],
)
def test_wrong_type_is_refused_by_name(make_rows, name, value):
    with pytest.raises(TableError, match=f'Column "{name}" of predictions has type'):
        conform(make_rows(1).with_columns(pl.lit(value).alias(name)), PREDICTIONS)


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("trial", pl.Series([3], dtype=pl.Int64)),
        ("trial", pl.Series([3], dtype=pl.UInt8)),
        ("score", pl.Series([1], dtype=pl.Int32)),
        ("score", pl.Series([1.0], dtype=pl.Float32)),
        ("group", pl.Series([None])),
        ("group", pl.Series(["a"], dtype=pl.Categorical)),
        ("group", pl.Series(["a"], dtype=pl.Enum(["a"]))),
    ],
    ids=lambda x: x if isinstance(x, str) else str(x.dtype)[:11],
)
def test_value_survives_conversion(make_rows, name, column):
    frame = conform(make_rows(1).with_columns(column.alias(name)), PREDICTIONS)
    assert (frame.schema, frame[name][0]) == (SCHEMA, column[0])


def test_lists_are_converted_inside():
    frame = pl.DataFrame(
        {"scenario": ["s"], "instance": ["a"], "perturbation": [None], "correct_references": [[0, 2]]}
    )
    assert conform(frame, TABLES["instances"])["correct_references"].to_list() == [[0, 2]]


def test_number_too_large_for_its_column_is_refused(make_rows):
    with pytest.raises(TableError, match=r'"trial" of predictions does not fit'):
        conform(make_rows(1).with_columns(trial=pl.lit(2**40)), PREDICTIONS)


@pytest.mark.parametrize("name", [name for name in KEY if name != "perturbation"])
def test_null_in_the_key_is_refused(make_rows, name):
    rows = make_rows(2).with_columns(pl.Series(name, [make_rows(1)[name][0], None], dtype=SCHEMA[name]))
    with pytest.raises(TableError, match=f'Column "{name}" of predictions is null in row 1'):
        conform(rows, PREDICTIONS)


def test_nan_is_refused(make_rows):
    with pytest.raises(TableError, match=r'"latency_s" of predictions is NaN in row 0. Write null'):
        conform(make_rows(1, latency_s=float("nan")), PREDICTIONS)


def test_log_probability_of_the_impossible_is_accepted(make_rows):
    assert conform(make_rows(1, logprob=-float("inf")), PREDICTIONS)["logprob"][0] == -float("inf")


@pytest.mark.parametrize("value", [-0.1, 1.01, -3.2, float("inf")])
def test_confidence_that_is_no_probability_is_refused(make_rows, value):
    with pytest.raises(TableError, match=f'"confidence" holds {value}; accepted are probabilities'):
        conform(make_rows(1, confidence=value), PREDICTIONS)


def test_confidence_is_cleared_of_rounding(make_rows):
    assert conform(make_rows(1, confidence=1 + 1e-9), PREDICTIONS)["confidence"].to_list() == [1.0]


def test_conforming_twice_changes_nothing(make_rows):
    once = conform(make_rows(2), PREDICTIONS)
    assert conform(once, PREDICTIONS).equals(once)

"""Errors of fields against their formulas, their borders, and their means in the tables."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave import metrics
from longwave.errors import ConfigError, DataError, ShapeError, TableError, UnknownName
from longwave.metrics import (
    TIDY,
    get_metric,
    psnr,
    relative_l1,
    relative_l2,
    score_fields,
    smape,
    summarize_fields,
)
from longwave.metrics.fields import METRICS
from longwave.predictions import SCORES, append_side, read_side
from longwave.registry import entries

NAMES = [metric.name for metric in METRICS]
names = pytest.mark.parametrize("name", NAMES)
ZERO, ONE = np.zeros((1, 1, 4)), np.ones((1, 1, 4))


def by_loops(name, prediction, target):
    values = list(zip(prediction.ravel().tolist(), target.ravel().tolist(), strict=True))
    errors = [p - t for p, t in values]
    if name == "relative_l1":
        return sum(map(abs, errors)) / sum(abs(t) for _, t in values)
    if name == "relative_l2":
        return math.hypot(*errors) / math.hypot(*(t for _, t in values))
    if name == "mean_absolute_error":
        return sum(map(abs, errors)) / len(errors)
    mean_square = sum(error**2 for error in errors) / len(errors)
    if name == "mean_squared_error":
        return mean_square
    if name == "psnr":
        return 10 * math.log10((target.max() - target.min()) ** 2 / mean_square)
    return sum(abs(p - t) / ((abs(p) + abs(t)) / 2) for p, t in values) / len(values)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "energy_spectrum_error"])
@pytest.mark.parametrize("shape", [(3, 2, 7), (2, 1, 4, 5), (2, 3, 2, 3, 4)], ids=str)
def test_every_sample_has_the_value_of_the_formula(rng, name, shape):
    target = rng.normal(size=shape)
    prediction = target + 0.3 * rng.normal(size=shape)
    expected = [by_loops(name, p, t) for p, t in zip(prediction, target, strict=True)]
    np.testing.assert_allclose(score_fields(prediction, target, [name])[name], expected)


@names
def test_single_precision_is_summed_in_double(rng, name):
    target = rng.normal(size=(2, 1, 300, 300)).astype(np.float32) + 1000
    prediction = target + np.float32(0.25)
    narrow = score_fields(prediction, target, [name])[name]
    wide = score_fields(prediction.astype(float), target.astype(float), [name])[name]
    assert narrow.dtype == np.float64
    assert np.array_equal(narrow, wide)


@names
def test_a_perfect_prediction_has_the_best_value(rng, name):
    target = rng.normal(size=(3, 2, 8, 9))
    expected = math.inf if name == "psnr" else 0
    np.testing.assert_allclose(score_fields(target, target, [name])[name], expected, atol=1e-12)


@names
def test_a_value_lies_in_the_range_of_the_metric(rng, name):
    metric = get_metric(name)
    values = score_fields(rng.normal(size=(5, 1, 9)) * 1e3, rng.normal(size=(5, 1, 9)), [name])[name]
    assert metric.low is None or (values >= metric.low).all()
    assert metric.high is None or (values <= metric.high).all()


@pytest.mark.parametrize(
    ("name", "nothing", "something"),
    [
        ("relative_l1", 0, math.inf),
        ("relative_l2", 0, math.inf),
        ("mean_absolute_error", 0, 1),
        ("mean_squared_error", 0, 1),
        ("psnr", math.inf, -math.inf),
        ("smape", 0, 2),
        ("energy_spectrum_error", 0, math.inf),
    ],
)
def test_a_target_that_is_zero_everywhere(name, nothing, something):
    assert score_fields(ZERO, ZERO, [name])[name].tolist() == [nothing]
    assert score_fields(ONE, ZERO, [name])[name].tolist() == [something]


@names
def test_a_field_of_one_point_and_a_batch_of_none_are_fields(name):
    point = score_fields(np.full((1, 1, 1), 3.0), np.full((1, 1, 1), 2.0), [name])[name]
    assert point.shape == (1,)
    assert not np.isnan(point).any()
    assert score_fields(ONE[:0], ONE[:0], [name])[name].shape == (0,)


@names
def test_bad_fields_are_refused(name):
    bad = ONE.copy()
    bad[0, 0, 2] = math.nan
    with pytest.raises(DataError, match="target of sample 0"):
        score_fields(ONE, bad, [name])
    with pytest.raises(ShapeError):
        score_fields(ONE, np.ones((1, 1, 5)), [name])


@given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
def test_relative_errors_do_not_know_the_unit(scale, seed):
    rng = np.random.default_rng(seed)
    prediction, target = rng.normal(size=(2, 2, 1, 6))
    for metric in (relative_l1, relative_l2, smape, psnr):
        np.testing.assert_allclose(metric(scale * prediction, scale * target), metric(prediction, target))


def test_psnr_takes_the_range_that_is_stated():
    target = np.array([[[0.0, 1.0]], [[0.0, 0.5]]])
    prediction = target + 0.1
    np.testing.assert_allclose(psnr(prediction, target), [20, 20 + 20 * math.log10(0.5)])
    np.testing.assert_allclose(psnr(prediction, target, data_range=1.0), [20, 20])


@pytest.mark.parametrize("data_range", [0.0, -1.0, math.nan, math.inf])
def test_psnr_refuses_a_range_that_is_none(data_range):
    with pytest.raises(ConfigError, match="data_range is"):
        psnr(ONE, ONE, data_range=data_range)


def test_unknown_metric_lists_the_near_ones():
    with pytest.raises(UnknownName, match="relative_l2"):
        score_fields(ONE, ONE, ["relative_l3"])


def test_every_metric_is_registered_and_has_a_function_of_its_name():
    listed = {
        name
        for name, entry in entries("metrics").items()
        if entry.target.startswith("longwave.metrics.fields:")
    }
    assert listed == set(NAMES)
    assert all(callable(getattr(metrics, name)) for name in NAMES)


def _scores(values, metric="relative_l2", **columns):
    keys = {
        "scenario": "navier_stokes@1",
        "model": "fno",
        "version": "v",
        "date": "2026-01-01",
        "prompt": "field",
    }
    return pl.DataFrame(
        {
            **{name: [text] * len(values) for name, text in keys.items()},
            "instance": [str(i) for i in range(len(values))],
            "perturbation": [None] * len(values),
            "trial": [0] * len(values),
            "metric": [metric] * len(values),
            "value": values,
            **columns,
        },
        schema_overrides=dict(SCORES.items()),
    ).select(SCORES.names())


def _known(rows, by=()):
    return summarize_fields(rows, by).drop_nulls("value")


def test_scores_of_samples_become_means_with_intervals(tmp_path, rng):
    target = rng.normal(size=(40, 1, 16))
    prediction = target + 0.1 * rng.normal(size=target.shape)
    found = score_fields(prediction, target)
    for name, values in found.items():
        append_side(tmp_path, "scores", _scores(values, name))
    summary = summarize_fields(read_side(tmp_path, "scores"), by=["model"])
    assert summary.columns == ["model", *TIDY]
    assert set(summary.filter(n=40)["metric"]) == set(found)
    row = summary.row(by_predicate=pl.col("metric") == "relative_l2", named=True)
    stderr = found["relative_l2"].std(ddof=1) / math.sqrt(40)
    assert row["value"] == pytest.approx(found["relative_l2"].mean())
    assert row["stderr"] == pytest.approx(stderr)
    assert (row["low"], row["high"]) == pytest.approx(
        (row["value"] - 1.96 * stderr, row["value"] + 1.96 * stderr), rel=1e-4
    )
    assert row["n"] == 40


def test_resolutions_are_apart_only_when_asked_for():
    rows = pl.concat([_scores([0.1, 0.3]), _scores([0.5, 0.7], perturbation=["n128", "n128"])])
    assert _known(rows)["value"].to_list() == pytest.approx([0.2])
    assert _known(rows, ["perturbation"])["value"].to_list() == pytest.approx([0.2, 0.6])


def test_seeds_of_a_sample_are_not_independent():
    twice = pl.concat([_scores([0.1, 0.3, 0.2]), _scores([0.1, 0.3, 0.2], trial=[1, 1, 1])])
    once, both = _known(_scores([0.1, 0.3, 0.2])), _known(twice)
    assert both["n"].item() == 6
    assert both["stderr"].item() == pytest.approx(once["stderr"].item())


def test_what_nobody_measured_is_null():
    summary = summarize_fields(_scores([0.5], "token_f1"))
    assert summary["metric"].to_list() == NAMES
    assert summary["value"].null_count() == len(NAMES)
    assert summary["n"].to_list() == [0] * len(NAMES)


def test_of_no_rows_there_is_no_summary():
    empty = summarize_fields(_scores([0.5]).clear(), ["model"])
    assert (len(empty), empty.columns) == (0, ["model", *TIDY])


def test_an_infinite_value_has_no_interval():
    row = _known(_scores([math.inf, 30.0], "psnr")).row(0, named=True)
    assert (row["value"], row["stderr"]) == (math.inf, None)


def test_a_frame_without_values_is_refused():
    with pytest.raises(TableError, match='no column "value"'):
        summarize_fields(_scores([0.5]).drop("value"))

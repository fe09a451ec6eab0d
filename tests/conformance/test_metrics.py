"""One contract for every registered metric."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.metrics import FAMILIES, TIDY, InstanceMetric, TableMetric, get_metric
from longwave.predictions import SCHEMA
from longwave.registry import entries

NAMES = list(entries("metrics"))
INSTANCE = [name for name in NAMES if isinstance(get_metric(name), InstanceMetric)]
TABLE = [name for name in NAMES if isinstance(get_metric(name), TableMetric)]
texts = st.one_of(st.text(), st.lists(st.sampled_from(["the", "a", "7", "1,000", "red", "."])).map(" ".join))


@pytest.mark.parametrize("name", NAMES)
def test_metric_is_called_as_registered(name):
    assert get_metric(name).name == name


@pytest.mark.parametrize("name", NAMES)
def test_family_is_one_of_the_seven(name):
    assert get_metric(name).family in FAMILIES


@pytest.mark.parametrize("name", INSTANCE)
@settings(max_examples=50)
@given(prediction=texts, reference=texts)
def test_value_lies_in_the_range(name, prediction, reference):
    metric = get_metric(name)
    value = metric(prediction, reference)
    assert isinstance(value, float)
    assert metric.low <= value <= metric.high


@pytest.mark.parametrize("name", INSTANCE)
@pytest.mark.parametrize("text", ["Yes", "7", "The 3 red fish.", "so it is 1,234.5"])
def test_reference_itself_gets_full_marks(name, text):
    metric = get_metric(name)
    if name != "final_number_exact_match" or any(letter.isdigit() for letter in text):
        assert metric.is_full_marks(metric.score(text, [text]))


@pytest.mark.parametrize("name", INSTANCE)
@settings(max_examples=30)
@given(reference=texts)
def test_empty_prediction_gets_no_marks(name, reference):
    metric = get_metric(name)
    assert metric("", reference) == (metric.low if metric.higher_is_better else metric.high)


@pytest.mark.parametrize("name", INSTANCE)
@settings(max_examples=30)
@given(prediction=texts, references=st.lists(texts, min_size=1, max_size=4))
def test_another_reference_never_lowers_the_score(name, prediction, references):
    metric = get_metric(name)
    more, fewer = metric.score(prediction, references), metric.score(prediction, references[:1])
    assert more >= fewer if metric.higher_is_better else more <= fewer


def _table(n):
    rng = np.random.default_rng(0)
    filled = {
        "scenario": ["boolq@1"] * n,
        "instance": [f"id{i // 2}" for i in range(n)],
        "perturbation": [None, "typos"] * (n // 2),
        **{name: ["x"] * n for name in ("model", "version", "date", "prompt")},
        "trial": [0] * n,
        "correct": rng.random(n) < 0.7,
        "score": rng.random(n),
        "confidence": rng.random(n),
        "logprob": -rng.random(n),
        "group": ["a", "a", "b", "b"] * (n // 4),
        "latency_s": rng.random(n),
        "tokens_in": [3] * n,
        "tokens_out": [3] * n,
        "cost_usd": rng.random(n),
        "error": [None] * n,
    }
    return pl.DataFrame(filled, schema_overrides=SCHEMA).with_columns(input=pl.lit("some text"))


@pytest.mark.parametrize("name", TABLE)
def test_summary_is_tidy_and_holds_this_metric_only(name):
    summary = get_metric(name).summarize(_table(400), ["model"])
    assert set(summary["metric"]) == {name}
    assert summary.columns[-len(TIDY) :] == list(TIDY)


@pytest.mark.parametrize("name", TABLE)
def test_summary_lies_in_the_range(name):
    metric = get_metric(name)
    low = -math.inf if metric.low is None else metric.low
    high = math.inf if metric.high is None else metric.high
    assert all(low <= value <= high for value in metric.summarize(_table(400))["value"])


@pytest.mark.parametrize("name", TABLE)
def test_summary_of_no_rows_holds_no_value(name):
    assert get_metric(name).summarize(_table(4).clear(), ["model"])["value"].drop_nulls().is_empty()

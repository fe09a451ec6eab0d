"""The form of summaries, whatever the metric."""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl
import polars.testing
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave import metrics
from longwave.errors import TableError
from longwave.metrics import TIDY
from longwave.metrics.tidy import summarize_mean
from longwave.predictions import clustered_stderr

PROFILE = metrics.RuntimeProfile(runtime_per_output_token_s=0.5, runtime_for_prompt_tokens_s={8: 1.0})
SETTINGS = {"summarize_contrast": {"perturbation": "typos"}, "summarize_runtimes": {"profile": PROFILE}}
SUMMARIES = [
    pytest.param(partial(getattr(metrics, name), **SETTINGS.get(name, {})), id=name)
    for name in metrics.__all__
    if name.startswith("summarize_")
]
values = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from([0.0, 0.5, 1.0, None])), min_size=1, max_size=30
)


@pytest.fixture
def frame(table, rng):
    n = 60
    return table(
        n,
        instance=[f"id{i // 2:03d}" for i in range(n)],
        perturbation=[None, "typos"] * (n // 2),
        model=["m"] * 30 + ["n"] * 30,
        correct=(rng.random(n) < 0.6).tolist(),
        score=rng.random(n),
        confidence=rng.random(n),
        group=["a", "a", "b", "b"] * (n // 4),
        logprob=-rng.random(n) * 100,
        input=["some text"] * n,
        latency_s=rng.random(n),
        tokens_in=[5] * n,
        tokens_out=[2] * n,
        label=["he", "unknown"] * (n // 2),
        # what the side tables add
        prediction=["he", "she", "unknown", "he"] * (n // 4),
        completions=[["She is a kind nurse.", "He and Mr Kim met a doctor."]] * n,
        references=[["he", "she", "unknown"]] * n,
        correct_references=[[2], [2], [0], [0]] * (n // 4),
        tags=[[["target"], ["non-target"], ["unknown"]]] * n,
        extra=['{"polarity": "neg", "context_condition": "ambig"}'] * n,
        metric=["toxic_fraction_lexicon"] * n,
        value=rng.random(n),
    )


@pytest.mark.parametrize("summarize", SUMMARIES)
@pytest.mark.parametrize("by", [[], ["model"], ["scenario", "model"]], ids=["all", "model", "two"])
def test_summary_is_tidy(frame, summarize, by):
    summary = summarize(frame, by)
    assert len(summary)
    assert summary.columns[: len(by)] == by
    assert summary.columns[-len(TIDY) :] == list(TIDY)
    assert [summary.schema[name] for name in TIDY] == list(TIDY.values())


@pytest.mark.parametrize("summarize", SUMMARIES)
def test_value_lies_in_its_interval(frame, summarize):
    known = summarize(frame, ["model"]).drop_nulls(["low", "high"])
    slack = 1e-12
    assert known.filter(
        (pl.col("value") < pl.col("low") - slack) | (pl.col("value") > pl.col("high") + slack)
    ).is_empty()


@pytest.mark.parametrize("summarize", SUMMARIES)
def test_order_of_rows_does_not_matter(frame, summarize):
    shuffled = summarize(frame.sample(fraction=1, shuffle=True, seed=1), ["model"])
    polars.testing.assert_frame_equal(shuffled, summarize(frame, ["model"]))


@pytest.mark.parametrize("summarize", SUMMARIES)
def test_summary_of_no_rows_holds_no_value(frame, summarize):
    assert summarize(frame.clear(), ["model"])["value"].drop_nulls().is_empty()


@pytest.mark.parametrize("summarize", SUMMARIES)
def test_single_row_gives_no_nan(frame, summarize):
    numbers = summarize(frame[:1], ["model"]).select(pl.col(pl.Float64))
    assert not any(column.is_nan().any() for column in numbers)


@pytest.mark.parametrize("summarize", SUMMARIES)
def test_unknown_grouping_column_is_named(frame, summarize):
    with pytest.raises(TableError, match=r'no column "modle"\. Did you mean "model"'):
        summarize(frame, ["modle"])


@settings(max_examples=40)
@given(values)
def test_mean_and_standard_error_equal_those_of_the_statistics(rows):
    names, scores = zip(*rows, strict=True)
    frame = pl.DataFrame(
        {"scenario": "s", "instance": names, "value": scores}, schema_overrides={"value": pl.Float64}
    )
    row = summarize_mean(frame, [], pl.col("value"), metric="x").row(0, named=True)
    known = [(name, score) for name, score in rows if score is not None]
    assert row["n"] == len(known)
    if known:
        names, scores = zip(*known, strict=True)
        assert row["value"] == pytest.approx(np.mean(scores))
        wanted = clustered_stderr(scores, names) if len(set(names)) > 1 else None
        assert row["stderr"] == (None if wanted is None else pytest.approx(wanted, abs=1e-12))


@settings(max_examples=40)
@given(values)
def test_interval_of_shares_stays_in_bounds(rows):
    names, scores = zip(*rows, strict=True)
    frame = pl.DataFrame(
        {"scenario": "s", "instance": names, "value": scores}, schema_overrides={"value": pl.Float64}
    )
    row = summarize_mean(frame, [], pl.col("value"), metric="x").row(0, named=True)
    if row["low"] is not None:
        assert 0 <= row["low"] <= row["value"] + 1e-12
        assert row["value"] - 1e-12 <= row["high"] <= 1


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_all_right_or_all_wrong_keeps_a_width(table, share):
    row = summarize_mean(table(10, score=[share] * 10), [], pl.col("score"), metric="x").row(0, named=True)
    assert row["high"] - row["low"] > 0.2


def test_a_second_row_of_another_groups_instance_changes_nothing(table):
    values = [0.3, 1.0, None, 0.0]
    once = table(4, model=["m"] * 4, score=values, instance=list("abcd"))
    twice = table(2, model=["n"] * 2, score=[0.5, 1.0], instance=["a", "a"])
    alone = summarize_mean(once, ["model"], pl.col("score"), metric="x")
    together = summarize_mean(pl.concat([once, twice]), ["model"], pl.col("score"), metric="x")
    polars.testing.assert_frame_equal(alone, together.filter(pl.col("model") == "m"), check_exact=True)

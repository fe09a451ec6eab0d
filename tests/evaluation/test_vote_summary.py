"""The figures about votes agree with what they are counted from."""

from __future__ import annotations

import math

import polars as pl
import pytest

from longwave.errors import DataError
from longwave.evaluation import evaluate, summarize_votes
from longwave.predictions import INSTANCES, SCHEMA, append_side, write_predictions

KEY = {"scenario": "s@1", "model": "m", "version": "1", "date": "2025-01-01", "trial": 0}
LABELS = {"a": "yes", "b": "no", "c": "yes", "d": "no"}


def write(folder, prompts):
    """Write a table from ``{prompt: predictions of a, b, c, d}``."""
    rows = [
        {
            **KEY,
            "instance": name,
            "prompt": prompt,
            "prediction": prediction,
            "label": label,
            "score": float(prediction == label),
        }
        for prompt, given in prompts.items()
        for (name, label), prediction in zip(LABELS.items(), given, strict=True)
    ]
    write_predictions(folder, pl.DataFrame(rows, schema=SCHEMA))
    instances = [
        {
            "scenario": "s@1",
            "instance": name,
            "references": ["yes", "no"],
            "correct_references": [int(label == "no")],
        }
        for name, label in LABELS.items()
    ]
    append_side(folder, "instances", pl.DataFrame(instances, schema=INSTANCES))


@pytest.fixture
def summary(tmp_path):
    write(
        tmp_path,
        {
            "ama-1": ["yes", "no", "yes", "no"],
            "ama-2": ["yes", "yes", "no", None],
            "majority": ["yes", "no", "yes", "no"],
            "label-model": ["yes", "no", "yes", "yes"],
            "generation-5-shot": ["no", "no", "no", "no"],
        },
    )
    return summarize_votes(tmp_path)


def row(frame, **which):
    return frame.filter(*(pl.col(name) == value for name, value in which.items())).row(0, named=True)


def test_every_prompt_and_their_mean_have_a_row(summary):
    assert summary.accuracy.select("prompt", "kind", "value", "n").rows() == [
        ("ama-1", "vote", 1.0, 4),
        ("ama-2", "vote", 0.25, 4),
        ("mean of votes", "mean", 0.625, 4),
        ("generation-5-shot", "own", 0.5, 4),
        ("majority", "aggregate", 1.0, 4),
        ("label-model", "aggregate", 0.75, 4),
    ]


def test_abstentions_are_counted(summary):
    assert row(summary.accuracy, prompt="ama-2")["abstained"] == 0.25
    assert row(summary.accuracy, prompt="mean of votes")["abstained"] is None


def test_what_remains_unknown_of_the_label_is_told(summary):
    assert row(summary.accuracy, prompt="ama-1")["entropy"] == 0
    assert row(summary.accuracy, prompt="generation-5-shot")["entropy"] == pytest.approx(math.log(2))
    # yes: one of each label; no: one; none: one
    assert row(summary.accuracy, prompt="ama-2")["entropy"] == pytest.approx(0.5 * math.log(2))
    assert row(summary.accuracy, prompt="mean of votes")["entropy"] is None


def test_aggregates_are_compared_with_mean_own_prompt_and_majority(summary):
    found = summary.differences.select("prompt", "baseline", "difference_pp", "n").rows()
    assert found == [
        ("majority", "mean of votes", 37.5, 4),
        ("majority", "generation-5-shot", 50.0, 4),
        ("label-model", "mean of votes", 12.5, 4),
        ("label-model", "generation-5-shot", 25.0, 4),
        ("label-model", "majority", -25.0, 4),
    ]
    assert (summary.differences["p_holm"] >= summary.differences["p_value"]).all()
    assert (summary.differences["low_pp"] <= summary.differences["difference_pp"]).all()


def test_pairs_tell_agreement_and_shared_errors(summary):
    pair = row(summary.pairs, first="ama-1", second="ama-2")
    assert (pair["both"], pair["agreement"], pair["error_overlap"], pair["n"]) == (
        0.75,
        pytest.approx(1 / 3),
        0,
        4,
    )
    assert len(summary.pairs) == 1


def test_prompts_can_be_named(tmp_path):
    write(tmp_path, {"x": ["yes"] * 4, "y": ["no"] * 4})
    with pytest.raises(DataError, match="holds no votes"):
        summarize_votes(tmp_path)
    found = summarize_votes(tmp_path, prompts=["x", "y"])
    assert found.accuracy["kind"].to_list() == ["vote", "vote", "mean"]
    assert found.differences.is_empty()
    assert row(found.pairs, first="x")["agreement"] == 0


def test_a_folder_without_votes_is_told(make_scenario, tmp_path):
    evaluate(model="fake:first", scenarios=[make_scenario()], out=tmp_path)
    with pytest.raises(DataError, match="holds no votes"):
        summarize_votes(tmp_path)


def test_votes_that_all_failed_have_no_value(tmp_path):
    rows = [{**KEY, "instance": "a", "prompt": "ama-1", "error": "down", "label": "yes"}]
    write_predictions(tmp_path, pl.DataFrame(rows, schema=SCHEMA))
    found = summarize_votes(tmp_path).accuracy.row(0, named=True)
    assert (found["value"], found["low"], found["n"], found["abstained"]) == (None, None, 0, 1.0)

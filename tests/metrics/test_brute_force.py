"""Every summary against a plain loop over the rows, for tables drawn at random."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave import metrics
from longwave.predictions import SCHEMA, wilson_interval

KEY = {"scenario": "boolq@1", "version": "1", "date": "2026-01-31", "prompt": "default"}
rows = st.lists(
    st.fixed_dictionaries(
        {
            "model": st.sampled_from(["a", "b", "ç"]),
            "instance": st.sampled_from(["i0", "i1", "i2", "i3"]),
            "perturbation": st.sampled_from([None, None, "typos", "space"]),
            "trial": st.integers(0, 2),
            "correct": st.sampled_from([True, False, None]),
            "score": st.sampled_from([0.0, 0.25, 1.0, -3.0, None]),
            "group": st.sampled_from(["x", "y", None]),
            "error": st.sampled_from([None, None, "timeout"]),
            "latency_s": st.sampled_from([0.5, 2.0, None]),
            "tokens_in": st.sampled_from([3, 10, None]),
            "tokens_out": st.sampled_from([0, 7, None]),
            "cost_usd": st.sampled_from([0.01, None]),
            "logprob": st.sampled_from([-1.0, -8.0, None]),
            "input": st.sampled_from(["", "é", "some text", None]),
        }
    ),
    min_size=1,
    max_size=25,
    unique_by=lambda row: (row["model"], row["instance"], row["perturbation"], row["trial"]),
)
steady = settings(max_examples=15)


def table(found):
    """Make a predictions table, with the text of each instance beside it."""
    full = [{name: {**KEY, **row}.get(name) for name in [*SCHEMA, "input"]} for row in found]
    return pl.DataFrame(full, schema={**SCHEMA, "input": pl.String()}, orient="row")


def grouped(found, *names):
    groups = defaultdict(list)
    for row in found:
        groups[tuple(row[name] for name in names)].append(row)
    return groups


def values_of(summary, metric, *names):
    part = summary.filter(pl.col("metric") == metric)
    return {row[: len(names)]: row[len(names) :] for row in part.select(*names, "value", "n").iter_rows()}


def average(values):
    return sum(values) / len(values) if values else None


def approximately(expected):
    return {key: (pytest.approx(value, abs=1e-12), n) for key, (value, n) in expected.items()}


MEANS = {
    "score": (metrics.summarize_scores, lambda row: row["score"]),
    "accuracy": (metrics.summarize_accuracy, lambda row: row["correct"]),
    "error_rate": (metrics.summarize_errors, lambda row: row["error"] is not None),
}


@pytest.mark.parametrize("metric", MEANS)
@steady
@given(found=rows)
def test_mean_equals_a_loop_over_original_rows(metric, found):
    summarize, value = MEANS[metric]
    expected = {}
    for key, group in grouped([row for row in found if row["perturbation"] is None], "model").items():
        known = [float(value(row)) for row in group if value(row) is not None]
        expected[key] = average(known), len(known)
    assert values_of(summarize(table(found), ["model"]), metric, "model") == approximately(expected)


@steady
@given(found=rows)
def test_standard_error_equals_a_loop_over_clusters(found):
    summary = metrics.summarize_scores(table(found), ["model"]).rows_by_key("model", named=True, unique=True)
    for model, group in grouped([row for row in found if row["perturbation"] is None], "model").items():
        known = [row for row in group if row["score"] is not None]
        clusters = grouped(known, "instance").values()
        mean = average([row["score"] for row in known])
        squares = sum(sum(row["score"] - mean for row in cluster) ** 2 for cluster in clusters)
        many, n = len(clusters), len(known)
        expected = math.sqrt(many / (many - 1) * squares) / n if many > 1 else None
        assert summary[model[0]]["stderr"] == pytest.approx(expected, abs=1e-9)


@steady
@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_interval_of_independent_rows_is_near_wilsons(correct):
    found = [{"instance": f"i{i}", "trial": 0, "correct": value} for i, value in enumerate(correct)]
    summary = metrics.summarize_accuracy(table(found)).row(0, named=True)
    wilson = wilson_interval(sum(correct), len(correct))
    assert (summary["low"], summary["high"]) == pytest.approx((wilson.low, wilson.high), abs=1e-9)


@steady
@given(found=rows)
def test_worst_case_equals_a_loop_over_copies(found):
    expected = []
    for row in found:
        if row["perturbation"] is None and row["score"] is not None:
            same = [r for r in found if all(r[k] == row[k] for k in ("model", "instance", "trial"))]
            copies = [r["score"] for r in same if r["perturbation"] and r["score"] is not None]
            expected.append((min([row["score"], *copies]), len(copies)))
    assert metrics.worst_case(table(found)).select("worst", "edits").rows() == expected


@steady
@given(found=rows)
def test_comparison_of_perturbations_equals_a_loop_over_pairs(found):
    pairs = defaultdict(list)
    for row in found:
        for other in found:
            same = all(row[k] == other[k] for k in ("model", "instance", "trial"))
            scored = row["score"] is not None and other["score"] is not None
            if same and scored and row["perturbation"] is None and other["perturbation"] is not None:
                pairs[row["model"], other["perturbation"]].append((row["score"], other["score"]))
    summary = metrics.summarize_perturbations(table(found), ["model"])
    for metric, of in {"original": lambda p: p[0], "perturbed": lambda p: p[1], "worst": min}.items():
        expected = {key: (average([of(p) for p in many]), len(many)) for key, many in pairs.items()}
        assert values_of(summary, metric, "model", "perturbation") == approximately(expected)


@steady
@given(found=rows)
def test_groups_equal_a_loop_over_rows(found):
    known = [r for r in found if r["perturbation"] is None and r["group"] and r["correct"] is not None]
    by_group = {k: average([r["correct"] for r in g]) for k, g in grouped(known, "model", "group").items()}
    summary = metrics.summarize_groups(table(found), ["model"])
    worst, gap = {}, {}
    for (model,), group in grouped(known, "model").items():
        least = min(value for (name, _), value in by_group.items() if name == model)
        worst[model] = pytest.approx(least)
        gap[model] = pytest.approx(100 * (average([r["correct"] for r in group]) - least), abs=1e-9)
    rows_of = {m: summary.filter(pl.col("metric") == m) for m in ("worst_group_accuracy", "gap_pp")}
    assert dict(rows_of["worst_group_accuracy"].select("model", "value").iter_rows()) == worst
    assert dict(rows_of["gap_pp"].select("model", "value").iter_rows()) == gap


SUMS = {"latency_total_s": "latency_s", "tokens_in_total": "tokens_in", "cost_total_usd": "cost_usd"}


@pytest.mark.parametrize("metric", SUMS)
@steady
@given(found=rows)
def test_total_equals_a_loop_over_all_rows(metric, found):
    expected = {}
    for key, group in grouped(found, "model").items():
        known = [row[SUMS[metric]] for row in group if row[SUMS[metric]] is not None]
        expected[key] = sum(known) if known else None, len(known)
    summary = metrics.summarize_efficiency(table(found), ["model"])
    assert values_of(summary, metric, "model") == approximately(expected)


@steady
@given(found=rows)
def test_rate_equals_a_loop_over_rows_that_know_all_three(found):
    expected = {}
    for key, group in grouped(found, "model").items():
        timed = [r for r in group if None not in (r["latency_s"], r["tokens_in"], r["tokens_out"])]
        time = sum(r["latency_s"] for r in timed)
        tokens = sum(r["tokens_in"] + r["tokens_out"] for r in timed)
        expected[key] = tokens / time if time else None, len(timed)
    summary = metrics.summarize_efficiency(table(found), ["model"])
    assert values_of(summary, "tokens_per_s", "model") == approximately(expected)


@steady
@given(found=rows)
def test_bits_per_byte_equal_a_loop_over_texts(found):
    expected = {}
    texts = [r for r in found if r["perturbation"] is None and r["input"] and r["logprob"] is not None]
    for key, group in grouped(texts, "model").items():
        size = sum(len(row["input"].encode()) for row in group)
        expected[key] = -sum(row["logprob"] for row in group) / math.log(2) / size, len(group)
    summary = metrics.summarize_language(table(found), ["model"])
    assert values_of(summary, "bits_per_byte", "model") == approximately(expected)


@steady
@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abcd"), st.sampled_from("wxyz")),
        st.sampled_from([0.0, 0.5, 1.0, math.nan]),
        min_size=1,
    )
)
def test_win_rate_equals_a_loop_over_rivals(cells):
    frame = pl.DataFrame(
        [(m, s, v) for (m, s), v in cells.items()], schema=["model", "scenario", "value"], orient="row"
    )
    known = {key: value for key, value in cells.items() if not math.isnan(value)}
    for model, value in metrics.mean_win_rate(frame).select("model", "value").iter_rows():
        shares = []
        for scenario in sorted({s for m, s in known if m == model}):
            mine = known[model, scenario]
            rivals = [v for (m, s), v in known.items() if s == scenario and m != model]
            if rivals:
                shares.append(np.mean([1.0 if v < mine else 0.5 if v == mine else 0.0 for v in rivals]))
        assert value == pytest.approx(average(shares))

"""Time, tokens and cost."""

from __future__ import annotations

import pytest
import scipy.stats

from longwave.metrics import summarize_efficiency


@pytest.fixture
def frame(table):
    return table(
        4,
        model=["m", "m", "m", "n"],
        latency_s=[1.0, 2.0, 6.0, None],
        tokens_in=[10, 20, 30, None],
        tokens_out=[1, 1, 1, None],
        perturbation=[None, None, "typos", None],
        error=[None, None, None, "timed out"],
    )


@pytest.mark.parametrize(
    ("metric", "want"),
    [
        ("latency_s", 3.0),
        ("latency_median_s", 2.0),
        ("latency_p95_s", 5.6),
        ("latency_total_s", 9.0),
        ("tokens_in", 20.0),
        ("tokens_in_total", 60.0),
        ("tokens_out_total", 3.0),
        ("tokens_per_s", 7.0),
        ("cost_usd", None),
        ("cost_total_usd", None),
    ],
)
def test_summary_holds(frame, value_of, metric, want):
    got = value_of(summarize_efficiency(frame, ["model"]), metric, model="m")
    assert got == (want if want is None else pytest.approx(want))


def test_mean_has_a_standard_error(frame, value_of):
    got = value_of(summarize_efficiency(frame, ["model"]), "latency_s", "stderr", model="m")
    assert got == pytest.approx(scipy.stats.sem([1, 2, 6]))


def test_model_whose_requests_all_failed_is_unknown(frame, value_of):
    summary = summarize_efficiency(frame, ["model"])
    assert [value_of(summary, "tokens_per_s", name, model="n") for name in ("value", "n")] == [None, 0]


def test_no_time_gives_no_rate(table, value_of):
    frame = table(1, latency_s=[0.0], tokens_in=[5], tokens_out=[5])
    assert value_of(summarize_efficiency(frame), "tokens_per_s") is None


def test_cost_is_added_up(table, value_of):
    frame = table(2, cost_usd=[0.25, 0.5])
    assert value_of(summarize_efficiency(frame), "cost_total_usd") == 0.75


def test_grouping_by_perturbation_keeps_it(frame, value_of):
    summary = summarize_efficiency(frame, ["perturbation"])
    assert value_of(summary, "latency_total_s", perturbation="typos") == 6.0

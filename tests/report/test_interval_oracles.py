"""Estimates, intervals and tests against scipy, statsmodels' formula by hand, and under reordering."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from longwave.predictions import SCHEMA
from longwave.report.comparisons import compare_systems
from longwave.report.efficiency import efficiency
from longwave.report.estimates import estimate
from longwave.report.source import describe_rows

Rows = Callable[..., pl.DataFrame]
BY = ["scenario", "system"]


def table(*lines: dict[str, object]) -> pl.DataFrame:
    given = {"scenario": "s", "model": "m", "prompt": "p", "trial": 0}
    return describe_rows(
        pl.DataFrame([{**dict.fromkeys(SCHEMA), **given, **line} for line in lines], schema=SCHEMA)
    )


def scored(scores: list[float | None], model: str = "m", scenario: str = "s") -> list[dict[str, object]]:
    return [
        {"scenario": scenario, "instance": f"i{place:03}", "model": model, "score": score}
        for place, score in enumerate(scores)
    ]


@pytest.mark.parametrize(
    ("right", "n"), [(0, 1), (1, 1), (0, 17), (17, 17), (1, 2), (9, 13), (50, 101)], ids=str
)
def test_shares_have_scipys_wilson_interval(right: int, n: int) -> None:
    found = estimate(table(*scored([float(place < right) for place in range(n)])), BY).row(0, named=True)
    oracle = stats.binomtest(right, n).proportion_ci(method="wilson")
    assert (found["low"], found["high"]) == pytest.approx((oracle.low, oracle.high), abs=1e-12)
    assert found["value"] == right / n


@given(st.lists(st.booleans(), min_size=1, max_size=80))
def test_an_interval_holds_its_share_and_stays_between_nought_and_one(right: list[bool]) -> None:
    found = estimate(table(*scored([float(one) for one in right])), BY).row(0, named=True)
    assert 0 <= found["low"] <= found["value"] <= found["high"] <= 1


@pytest.mark.parametrize("n", [5, 31, 200])
def test_means_have_scipys_bootstrap_interval(n: int, rng: np.random.Generator) -> None:
    values = rng.gamma(2.0, size=n)
    found = estimate(table(*scored(values.tolist())), BY).row(0, named=True)
    oracle = stats.bootstrap((values,), np.mean, n_resamples=6000, method="percentile", rng=3)
    tolerance = 0.25 * float(oracle.standard_error)
    assert (found["low"], found["high"]) == pytest.approx(oracle.confidence_interval, abs=tolerance)


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from([0.0, 0.3, 1.0, 2.5, None]), min_size=1, max_size=25),
    st.integers(0, 2**32 - 1),
)
def test_estimates_do_not_depend_on_the_order_of_rows(scores: list[float | None], seed: int) -> None:
    frame = table(*scored(scores))
    shuffled = frame.sample(fraction=1, shuffle=True, seed=seed)
    assert estimate(frame, BY).equals(estimate(shuffled, BY))


@settings(max_examples=40)
@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, None]), min_size=1, max_size=25), st.integers(2, 4))
def test_asking_again_with_equal_answers_changes_nothing(scores: list[float | None], times: int) -> None:
    once = estimate(table(*scored(scores)), BY).drop("rows")
    lines = [{**line, "trial": trial} for trial in range(times) for line in scored(scores)]
    assert estimate(table(*lines), BY).drop("rows").equals(once)


def test_one_scenario_does_not_change_anothers_interval() -> None:
    alone = table(*scored([0.1, 0.4, 0.5]))
    beside = table(*scored([0.1, 0.4, 0.5]), *scored([2.0, 3.0], scenario="a"))
    assert estimate(beside, BY).filter(pl.col("scenario") == "s").equals(estimate(alone, BY))


@pytest.mark.parametrize(("first_only", "second_only"), [(0, 0), (1, 0), (7, 2), (3, 9)], ids=str)
def test_mcnemars_p_is_the_binomial_tests(first_only: int, second_only: int) -> None:
    n = 20
    first = [1.0] * first_only + [0.0] * second_only + [1.0] * (n - first_only - second_only)
    second = [0.0] * first_only + [1.0] * second_only + [1.0] * (n - first_only - second_only)
    found = compare_systems(table(*scored(first, "a"), *scored(second, "b"))).row(0, named=True)
    split = first_only + second_only
    expected = stats.binomtest(first_only, split).pvalue if split else 1.0
    assert found["p"] == pytest.approx(expected)
    assert (found["first_only"], found["second_only"]) == (first_only, second_only)


def test_the_interval_of_a_difference_agrees_with_scipys_paired_bootstrap(rng: np.random.Generator) -> None:
    first = rng.random(40)
    second = first + 0.1 * rng.normal(size=40) - 0.02
    found = compare_systems(table(*scored(first.tolist(), "a"), *scored(second.tolist(), "b")))
    oracle = stats.bootstrap((first - second,), np.mean, n_resamples=6000, method="percentile", rng=5)
    tolerance = 0.25 * float(oracle.standard_error)
    interval = found.select("low", "high").row(0)
    assert interval == pytest.approx(oracle.confidence_interval, abs=tolerance)


@pytest.mark.parametrize("kind", ["shares", "numbers"])
def test_a_difference_turns_its_sign_with_the_names(kind: str, rng: np.random.Generator) -> None:
    values = rng.random((2, 30))
    scores = (np.round(values) if kind == "shares" else values).tolist()
    forth = compare_systems(table(*scored(scores[0], "a"), *scored(scores[1], "b"))).row(0, named=True)
    back = compare_systems(table(*scored(scores[1], "a"), *scored(scores[0], "b"))).row(0, named=True)
    assert back["difference"] == pytest.approx(-forth["difference"])
    assert (back["first_only"], back["second_only"]) == (forth["second_only"], forth["first_only"])
    assert back["p"] == pytest.approx(forth["p"], abs=0.02)


@settings(max_examples=25)
@given(st.lists(st.lists(st.booleans(), min_size=12, max_size=12), min_size=2, max_size=4))
def test_holm_is_the_step_down_rule_over_all_pairs(grid: list[list[bool]]) -> None:
    lines = [line for model, row in enumerate(grid) for line in scored([float(x) for x in row], f"m{model}")]
    found = compare_systems(table(*lines))
    p = found["p"].to_list()
    expected = [0.0] * len(p)
    least = 0.0
    for rank, place in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        least = max(least, min(1.0, (len(p) - rank) * p[place]))
        expected[place] = least
    assert len(found) == len(list(combinations(grid, 2)))
    assert found["p_holm"].to_list() == pytest.approx(expected)


@given(st.lists(st.floats(0.001, 100), min_size=1, max_size=40))
def test_the_slow_end_of_the_latency_is_numpys_percentile(times: list[float]) -> None:
    lines = [{"instance": f"i{place}", "latency_s": time} for place, time in enumerate(times)]
    found = efficiency(table(*lines)).row(0, named=True)
    assert found["p95_s"] == pytest.approx(np.percentile(times, 95))
    assert found["latency_s"] == pytest.approx(np.mean(times))


def test_throughput_leaves_out_rows_without_a_time() -> None:
    lines = [
        {"instance": "a", "latency_s": 2.0, "tokens_in": 10, "tokens_out": 4},
        {"instance": "b", "latency_s": None, "tokens_in": 1000, "tokens_out": 1000},
        {"instance": "c", "latency_s": 1.0, "tokens_in": 1, "tokens_out": None},
    ]
    assert efficiency(table(*lines))["tokens_per_s"].item() == pytest.approx(5.0)

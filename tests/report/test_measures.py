"""Measures: what a score is called, which way is better, how it is written."""

from __future__ import annotations

import math

import polars as pl
import pytest

from longwave.predictions import SCHEMA
from longwave.report.measures import Measure, describe_scenario, family_measure, measure_of

SHARE = Measure(name="accuracy", is_share=True, is_lower_better=False)
LOSS = Measure(name="bits per byte", is_share=False, is_lower_better=True, unit="bits/byte")
UNKNOWN = Measure(name="score", is_share=False, is_lower_better=None)
EMPTY = pl.DataFrame(schema=SCHEMA)


@pytest.mark.parametrize(
    ("measure", "arrow"), [(SHARE, "↑"), (LOSS, "↓"), (UNKNOWN, "")], ids=["share", "loss", "unknown"]
)
def test_arrows_stand_only_where_better_is_known(measure: Measure, arrow: str) -> None:
    assert measure.arrow == arrow
    assert bool(measure.direction) == bool(arrow)


@pytest.mark.parametrize(
    ("measure", "value", "text"),
    [(SHARE, 0.6213, "62.1 %"), (LOSS, 2.3456, "2.35 bits/byte"), (SHARE, None, "–"), (LOSS, math.nan, "–")],
)
def test_values_have_a_unit(measure: Measure, value: float | None, text: str) -> None:
    assert measure.text(value) == text


def test_intervals_and_differences_are_written_alike() -> None:
    assert SHARE.interval(0.5, 0.6543) == "50.0–65.4"
    assert LOSS.interval(None, 1.0) == ""
    assert SHARE.difference(-0.1234) == "−12.3"
    assert LOSS.difference(0.0167) == "+0.0167"


@pytest.mark.parametrize(
    ("scenario", "unit", "is_lower_better"),
    [("books@1", "bits/byte", True), ("boolq@1", "", False)],
    ids=["language-modelling", "question-answering"],
)
def test_known_scenarios_come_from_the_registry(scenario: str, unit: str, is_lower_better: bool) -> None:
    found = measure_of(scenario, EMPTY)
    assert (found.unit, found.is_lower_better) == (unit, is_lower_better)


@pytest.mark.parametrize(("correct", "is_share"), [(True, True), (None, False)])
def test_unknown_scenarios_are_told_by_their_rows(correct: bool | None, is_share: bool) -> None:
    rows = pl.DataFrame([{**dict.fromkeys(SCHEMA), "correct": correct, "score": 1.0}], schema=SCHEMA)
    found = measure_of("nobody-knows@1", rows)
    assert (found.is_share, found.is_lower_better) == (is_share, False if is_share else None)


def test_a_scenario_that_is_not_installed_has_no_description() -> None:
    assert describe_scenario("nobody-knows@1") is None


@pytest.mark.parametrize(
    ("metric", "name", "is_share", "is_lower_better", "unit"),
    [
        ("score", "bits per byte", False, True, "bits/byte"),
        ("robustness", "worst case", False, True, "bits/byte"),
        ("score_gap", "gap of the worst group", False, True, "bits/byte"),
        ("expected_calibration_error", "expected calibration error", True, True, ""),
        ("selective_coverage_area", "selective coverage area", True, False, ""),
        ("latency_s", "latency", False, True, "s"),
        ("toxic_fraction_mine", "toxic fraction mine", True, True, ""),
        ("home_made", "home made", False, None, ""),
    ],
)
def test_a_figure_of_a_family_has_its_own_unit_and_direction(
    metric: str, name: str, is_share: bool, is_lower_better: bool | None, unit: str
) -> None:
    score = Measure(name="bits per byte", is_share=False, is_lower_better=True, unit="bits/byte")
    expected = Measure(name=name, is_share=is_share, is_lower_better=is_lower_better, unit=unit)
    assert family_measure(metric, score) == expected

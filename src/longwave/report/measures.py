"""What the score of a scenario is: its name, unit and direction."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import polars as pl

from longwave.errors import LongwaveError
from longwave.evaluation.fields import FIELD_PREFIX, FIELD_SCORE
from longwave.metrics import Metric, get_metric
from longwave.report.formats import ABSENT, number, significant
from longwave.scenarios import Scenario, get_scenario

__all__ = ["BITS_PER_BYTE", "Measure", "describe_scenario", "family_measure", "measure_of"]

BITS_PER_BYTE = "bits/byte"
_UNITS = {"bits_per_byte": BITS_PER_BYTE, "logprob_per_byte": "nats/byte"}
_UNITS |= {"latency_s": "s", "idealised_runtime_s": "s", "denoised_runtime_s": "s"}
# figures of a family that are in the unit of the scenario's score
_AS_SCORE = ("score", "robustness", "fairness", "worst_group_score", "contrast_")
# where lower is better although the registry does not know the metric: names go on with a classifier's
_LOWER = ("toxic_fraction_", "expected_max_toxicity_", "max_toxicity_probability_")
_WORDS = {
    "robustness": "worst case",
    "fairness": "worst case",
    "score_gap": "gap of the worst group",
    "latency_s": "latency",
    "idealised_runtime_s": "idealised run time",
    "denoised_runtime_s": "denoised run time",
    "representation_gender": "representation of women and men",
    "representation_race": "representation of three groups of surnames",
    "stereotype_gender_profession": "women, men and professions",
    "stereotype_race_profession": "surnames and professions",
    "bbq_bias_ambiguous": "BBQ bias, nothing known",
    "bbq_bias_disambiguated": "BBQ bias, context tells",
}


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What a scenario's score is.

    Parameters
    ----------
    name : str
        Name of the metric in words, e.g. ``"exact match"``.
    is_share : bool
        Whether it is a share of full marks in [0, 1], written in percent.
    is_lower_better : bool or None
        None when the direction is not known; then there are no arrows, ranks or win rates.
    unit : str
        Empty for shares.
    """

    name: str
    is_share: bool
    is_lower_better: bool | None
    unit: str = ""

    @property
    def arrow(self) -> str:
        """Arrow towards better; empty when that is ambiguous."""
        return {None: "", True: "↓", False: "↑"}[self.is_lower_better]

    @property
    def direction(self) -> str:
        """What the arrow says, in words."""
        return {None: "", True: "lower is better", False: "higher is better"}[self.is_lower_better]

    def cell(self, value: float | None) -> str:
        """Write one value for a table whose head has the unit; shares keep their percent sign."""
        if value is None or not math.isfinite(value):
            return ABSENT
        return f"{number(100 * value, 1)} %" if self.is_share else significant(value)

    def text(self, value: float | None) -> str:
        """Write one value with its unit."""
        text = self.cell(value)
        return text if text == ABSENT else f"{text} {self.unit}".strip()

    def interval(self, low: float | None, high: float | None) -> str:
        """Write the bounds of an interval without the unit; empty when there is none."""
        if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
            return ""
        if self.is_share:
            return f"{number(100 * low, 1)}–{number(100 * high, 1)}"
        return f"{significant(low)}–{significant(high)}"

    def difference(self, value: float | None) -> str:
        """Write a difference of two values with its sign, shares in percentage points."""
        if value is None or not math.isfinite(value):
            return ABSENT
        sign = "+" if value > 0 else "−" if value < 0 else ""
        if self.is_share:
            return f"{sign}{number(abs(100 * value), 1)}"
        return f"{sign}{significant(abs(value))}"


def describe_scenario(scenario: str) -> Scenario | None:
    """Look a scenario up in the registry; None for one that is not installed here."""
    try:
        return get_scenario(scenario)
    except LongwaveError:
        return None


def measure_of(scenario: str, rows: pl.DataFrame) -> Measure:
    """Tell what the score of a scenario is, from the registry or, for a scenario unknown here, from its rows.

    Parameters
    ----------
    scenario : str
    rows : DataFrame
        The scenario's rows of the predictions table.
    """
    known = describe_scenario(scenario)
    if known is None and scenario.startswith(FIELD_PREFIX):
        metric = _metric(FIELD_SCORE)
    else:
        metric = _metric(known.main_metric) if known else None
    if metric is None:
        is_share = bool(rows["correct"].is_not_null().any())
        name = known.main_metric.replace("_", " ") if known else "accuracy" if is_share else "score"
        return Measure(name=name, is_share=is_share, is_lower_better=False if is_share else None)
    return Measure(
        name=metric.name.replace("_", " "),
        is_share=metric.low == 0 and metric.high == 1,
        is_lower_better=not metric.higher_is_better,
        unit=_UNITS.get(metric.name, ""),
    )


def family_measure(metric: str, score: Measure) -> Measure:
    """Tell what a figure of a family is.

    Parameters
    ----------
    metric : str
        As `longwave.evaluation.summarize_families` calls it.
    score : Measure
        Of the scenario it was measured on.
    """
    words = _WORDS.get(metric, metric.replace("_", " "))
    if metric.startswith(_AS_SCORE):
        return replace(score, name=score.name if metric == "score" else words)
    known = _metric(metric)
    if metric == "score_gap":
        return replace(score, name=words, is_lower_better=True)
    if known is None:
        lower = True if metric.startswith(_LOWER) else None
        return Measure(name=words, is_share=lower is not None, is_lower_better=lower)
    return Measure(
        name=words,
        is_share=known.low == 0 and known.high == 1 and metric not in _UNITS,
        is_lower_better=not known.higher_is_better,
        unit=_UNITS.get(metric, ""),
    )


def _metric(name: str) -> Metric | None:
    try:
        return get_metric(name)
    except LongwaveError:
        return None

"""What is computed from one scenario: reasons for gaps, kinds of errors, frames that join."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from longwave.report.analysis import Analysis, analyse
from longwave.report.findings import FAMILY_VALUES, headline
from longwave.report.reading import CURVES, Results
from longwave.report.source import FrameSource

Rows = Callable[..., pl.DataFrame]


def analysis_of(frame: pl.DataFrame) -> Analysis:
    return analyse(
        Results(
            source=FrameSource(frame), curves=pl.DataFrame(schema=CURVES), samples={}, record=None, notes=()
        )
    )


def test_a_headline_may_be_the_start_of_a_name() -> None:
    values = {"toxic_fraction_lexicon": 0.5, "expected_max_toxicity_lexicon": 0.5}
    assert headline(values, ("toxic_fraction_",)) == "toxic_fraction_lexicon"
    assert headline(values, ("toxic_fraction",)) is None
    assert headline({}, ("score",)) is None


def test_gaps_know_the_edits_of_the_whole_report(rows: Rows) -> None:
    frame = rows(("s", "a", "m", None, 1.0), ("t", "a", "m", None, 1.0), ("t", "a", "m", "typos", 1.0))
    gaps = analysis_of(frame).findings.gaps.filter(scenario="s")
    reasons = dict(gaps.select("family", "reason").iter_rows())
    assert reasons["robustness"] == "no robustness perturbation changed an input"
    assert reasons["fairness"] == "no fairness perturbation was asked for"


def test_errors_are_counted_by_kind_the_most_frequent_first(rows: Rows) -> None:
    frame = rows(*[("s", f"i{n}", "m", None, None) for n in range(4)])
    frame = frame.with_columns(error=pl.Series(["late", "no\nkey", "no key", None]))
    found = analysis_of(frame).findings.errors
    assert found.select("error", "n").rows() == [("no key", 2), ("late", 1)]


def test_nothing_has_empty_frames_of_the_same_form(rows: Rows) -> None:
    empty = analysis_of(rows(("s", "a", "m", None, 1.0)).clear())
    assert empty.scenarios == ()
    assert empty.families.schema == FAMILY_VALUES
    assert not len(empty.comparisons)


def test_p_values_are_corrected_over_all_scenarios(rows: Rows) -> None:
    frame = rows(
        *[
            (s, f"i{n}", m, None, float((n + k) % 3 > 0))
            for s in "st"
            for n in range(30)
            for k, m in enumerate("ab")
        ]
    )
    found = analysis_of(frame).comparisons
    assert found["p_holm"].to_list() == [min(1.0, 2 * p) for p in found["p"]]

"""The page of a scenario: its place in the taxonomy, its groups, an example of what was asked."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from longwave.predictions import REQUESTS
from longwave.report.analysis import Analysis, analyse
from longwave.report.reading import CURVES, Results
from longwave.report.scenario_pages import scenario_page
from longwave.report.source import FrameSource
from longwave.report.tables import Table

Rows = Callable[..., pl.DataFrame]
Follow = Callable[[Analysis, str], list[dict[str, object]]]


def analysis_of(frame: pl.DataFrame, requests: pl.DataFrame | None = None) -> Analysis:
    source = FrameSource(frame, requests=requests)
    return analyse(
        Results(source=source, curves=pl.DataFrame(schema=CURVES), samples={}, record=None, notes=())
    )


def test_the_taxonomy_and_the_licence_are_told(rows: Rows) -> None:
    facts = dict(scenario_page(analysis_of(rows(("boolq@1", "a", "m", None, 1.0))), "boolq@1")["facts"])  # type: ignore[call-overload]
    assert (facts["category"], facts["task"], facts["language"]) == (
        "core scenarios", "question answering", "English"
    )  # fmt: skip
    assert "CC" in facts["licence"]
    assert facts["paper"].startswith("arXiv")


def test_of_an_unknown_scenario_only_the_metric_is_told(rows: Rows) -> None:
    page = scenario_page(analysis_of(rows(("mine", "a", "m", None, 1.0))), "mine")
    assert page["facts"] == [("metric", "accuracy, higher is better")]


def test_an_example_shows_what_was_asked_and_what_came_back(rows: Rows) -> None:
    frame = rows(("boolq@1", "a", "m", None, 1.0)).with_columns(request_hash=pl.lit("h"))
    request = {**dict.fromkeys(REQUESTS), "request_hash": "h", "prompt": "Is it?", "completions": [" yes"]}
    page = scenario_page(analysis_of(frame, pl.DataFrame([request], schema=REQUESTS)), "boolq@1")
    assert page["example"] == {
        "model": "m", "prompt": "Is it?", "continuation": None, "completions": [" yes"], "label": None
    }  # fmt: skip


def test_without_requests_there_is_no_example(rows: Rows) -> None:
    assert scenario_page(analysis_of(rows(("s", "a", "m", None, 1.0))), "s")["example"] is None


def test_groups_lead_to_their_rows(mixed: Analysis, follow: Follow) -> None:
    table = scenario_page(mixed, "local@1")["group_table"]
    assert isinstance(table, Table)
    assert [row.head.text for row in table.rows] == ["x y", "x&y"]
    for row in table.rows:
        for cell in row.cells:
            assert {one["group"] for one in follow(mixed, str(cell.href))} == {row.head.text}


def test_one_group_makes_no_table(mixed: Analysis) -> None:
    assert scenario_page(mixed, "boolq@1")["group_table"] is None


def test_families_stand_beside_the_score(mixed: Analysis) -> None:
    table = scenario_page(mixed, "boolq@1")["families"]
    assert isinstance(table, Table)
    assert [(one.text, one.below) for one in table.columns] == [
        ("calibration", "error, points"),
        ("robustness", "worst case"),
    ]


def test_models_that_saw_the_scenario_are_named(rows: Rows) -> None:
    page = scenario_page(analysis_of(rows(("boolq@1", "a", "t0pp", None, 1.0))), "boolq@1")
    (sentence,) = page["seen"]  # type: ignore[misc]
    assert str(sentence).startswith("<b>t0pp</b>: strong evidence of contamination. ")


def test_of_very_many_pairs_those_with_a_page_are_shown(rows: Rows) -> None:
    frame = rows(*[("s", f"i{k}", f"m{n:02}", None, float(k <= n)) for k in range(14) for n in range(12)])
    table = scenario_page(analysis_of(frame), "s")["differences"]
    assert isinstance(table, Table)
    assert len(table.rows) == 11
    assert "11 of 66 pairs are shown" in table.caption

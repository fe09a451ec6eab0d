"""Pages of models: every scenario, what failed, what is known, and who it is compared with."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from longwave.report.analysis import Analysis, analyse
from longwave.report.model_pages import model_content, models_page
from longwave.report.reading import CURVES, Results
from longwave.report.source import FrameSource
from longwave.report.tables import Table

Rows = Callable[..., pl.DataFrame]
Follow = Callable[[Analysis, str], list[dict[str, object]]]
MODELS = ("m a", "m&b=c#d%2", "ü/ñ")


def analysis_of(frame: pl.DataFrame) -> Analysis:
    return analyse(
        Results(
            source=FrameSource(frame), curves=pl.DataFrame(schema=CURVES), samples={}, record=None, notes=()
        )
    )


def table_of(content: dict[str, object], name: str) -> Table:
    found = content[name]
    assert isinstance(found, Table)
    return found


@pytest.mark.parametrize("model", MODELS)
def test_a_model_has_a_row_for_every_scenario_it_answered(mixed: Analysis, model: str) -> None:
    table = table_of(model_content(mixed, model), "table")
    assert [row.head.text for row in table.rows] == ["books@1", "boolq@1", "guess@1", "local@1"]
    assert {len(row.cells) for row in table.rows} == {len(table.columns)}


def test_figures_of_several_kinds_in_one_family_are_named(rows: Rows) -> None:
    frame = rows(
        *[("ice@1", f"i{n}", "m", None, 1.0 + n % 2) for n in range(8)],
        *[("boolq@1", f"i{n}", "m", name, 1.0) for n in range(8) for name in (None, "dialect")],
    ).with_columns(group=pl.when(pl.col("scenario") == "ice@1").then(pl.format("g{}", pl.col("score"))))
    table = table_of(model_content(analysis_of(frame), "m"), "table")
    place = [column.text for column in table.columns].index("fairness")
    assert [row.cells[place].below for row in table.rows] == ["worst case", "gap of the worst group"]


@pytest.mark.parametrize("model", MODELS)
def test_failures_lead_to_the_rows_that_failed(mixed: Analysis, follow: Follow, model: str) -> None:
    table = table_of(model_content(mixed, model), "errors")
    for row in table.rows:
        assert len(follow(mixed, str(row.cells[0].href))) == int(row.cells[0].text)
        assert row.cells[1].text == "timeout"


def test_a_model_without_failures_has_no_list_of_them(rows: Rows) -> None:
    content = model_content(analysis_of(rows(("s", "a", "m", None, 1.0))), "m")
    assert (content["errors"], content["seen"], content["pairs"]) == (None, None, [])


def test_versions_and_dates_are_told(rows: Rows) -> None:
    frame = rows(("s", "a", "m", None, 1.0)).with_columns(date=pl.lit("2026-07-02"), version=pl.lit("7b"))
    facts = dict(model_content(analysis_of(frame), "m")["facts"])  # type: ignore[call-overload]
    assert (facts["version"], facts["date"], facts["scenarios"]) == ("7b", "2026-07-02", "1 of 1")


def test_a_model_is_compared_with_every_other(mixed: Analysis) -> None:
    pairs = model_content(mixed, "m a")["pairs"]
    assert {name for name, _ in pairs} == {"m&b=c#d%2", "ü/ñ"}  # type: ignore[attr-defined]


def test_what_a_model_saw_is_listed_on_its_page_only(rows: Rows) -> None:
    frame = rows(*[("boolq@1", "a", model, None, 1.0) for model in ("t0pp", "other")])
    analysis = analysis_of(frame)
    assert len(table_of(model_content(analysis, "t0pp"), "seen").rows) == 1
    assert model_content(analysis, "other")["seen"] is None


def test_the_list_of_models_stands_in_the_order_of_the_ranking(mixed: Analysis) -> None:
    table = table_of(models_page(mixed), "table")
    assert tuple(row.head.text for row in table.rows) == mixed.ranked
    assert all(row.head.href == f"models/{mixed.model_slugs[row.head.text]}.html" for row in table.rows)

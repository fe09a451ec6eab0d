"""Leaderboards by family: the figures are those of the evaluation, and every number leads to its rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

import polars as pl
import pytest

from longwave.evaluation import Tables, summarize_families
from longwave.metrics import FAMILIES
from longwave.predictions import INSTANCES, KEY, REQUESTS, SCHEMA, SCORES
from longwave.report.analysis import Analysis, analyse
from longwave.report.family_tables import (
    family_tables,
    headline_metric,
    overview_table,
    present_families,
    value_cell,
)
from longwave.report.findings import edit_names
from longwave.report.pages import family_page, index_page
from longwave.report.reading import CURVES, Results
from longwave.report.source import FrameSource
from longwave.report.tables import Table

Rows = Callable[..., pl.DataFrame]
Row = dict[str, object]
Follow = Callable[[Analysis, str], list[Row]]
MODELS = ("m a", "m&b=c#d%2", "ü/ñ")


def analysis_of(
    frame: pl.DataFrame, *, requests: pl.DataFrame | None = None, scores: pl.DataFrame | None = None
) -> Analysis:
    source = FrameSource(frame, requests=requests, scores=scores)
    return analyse(
        Results(source=source, curves=pl.DataFrame(schema=CURVES), samples={}, record=None, notes=())
    )


def perturbed(rows: Rows, models: Sequence[str] = ("a", "b"), scenario: str = "boolq@1") -> pl.DataFrame:
    """Make two models, one of which loses under a robustness and the other under a fairness edit."""
    return rows(
        *[
            (scenario, f"i{n}", model, name, float(n % 4 > (2 if name == hurts else 0)))
            for n in range(20)
            for model, hurts in zip(models, ("typos", "dialect"), strict=True)
            for name in (None, "typos", "dialect")
        ]
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_every_leaderboard_is_a_full_grid(mixed: Analysis, family: str) -> None:
    for one in family_tables(mixed, family):
        assert {len(row.cells) for row in one.table.rows} == {len(one.table.columns)}


def test_families_without_a_figure_have_no_table(mixed: Analysis) -> None:
    present = present_families(mixed)
    assert present == ["accuracy", "calibration", "robustness", "fairness"]
    assert all(family_tables(mixed, family) for family in present)
    assert family_tables(mixed, "toxicity") == []


def test_figures_are_those_of_the_evaluation(rows: Rows) -> None:
    frame = perturbed(rows).with_columns(confidence=pl.lit(0.5), latency_s=pl.col("score") + 0.5)
    analysis = analysis_of(frame)
    tables = Tables(
        predictions=frame.select(list(SCHEMA)),
        requests=pl.DataFrame(schema=REQUESTS),
        instances=pl.DataFrame(schema=INSTANCES),
        scores=pl.DataFrame(schema=SCORES),
    )
    expected = summarize_families(tables, n_resamples=2)
    checked = 0
    for row in expected.iter_rows(named=True):
        metric = "score" if row["family"] == "accuracy" else row["metric"]
        found = analysis.values[row["scenario"], row["model"], row["family"]][metric]
        assert found["value"] == pytest.approx(row["value"]), row["metric"]
        checked += 1
    assert checked > 10


def test_robustness_and_fairness_look_at_their_own_edits(rows: Rows) -> None:
    analysis = analysis_of(perturbed(rows))
    tables = {family: family_tables(analysis, family)[0].table for family in ("robustness", "fairness")}
    texts = {
        family: {row.head.text: row.cells[-1].text for row in table.rows} for family, table in tables.items()
    }
    assert texts == {
        "robustness": {"a": "25.0 %", "b": "75.0 %"},
        "fairness": {"a": "75.0 %", "b": "25.0 %"},
    }


@pytest.mark.parametrize("family", ["robustness", "fairness"])
def test_a_worst_case_leads_to_the_rows_of_its_edits(rows: Rows, follow: Follow, family: str) -> None:
    analysis = analysis_of(perturbed(rows))
    cell = family_tables(analysis, family)[0].table.rows[0].cells[-1]
    assert f"edits={family}" in str(cell.href)
    assert len(follow(analysis, str(cell.href))) >= 40


def test_edits_that_nobody_knows_count_for_robustness(rows: Rows) -> None:
    frame = rows(*[("s", "a", "m", name, 1.0) for name in ("typos", "dialect", "home-made", "typos-0.07")])
    assert edit_names(frame, "robustness") == ["home-made", "typos", "typos-0.07"]
    assert edit_names(frame, "fairness") == ["dialect"]


def test_a_classifier_that_ran_has_a_table_by_its_name(rows: Rows) -> None:
    frame = rows(*[("bold@1", f"i{n}", m, None, 0.0) for n in range(4) for m in "ab"])
    scores = pl.concat(
        [
            frame.select(*KEY, metric=pl.lit(f"{name}_mine"), value=pl.lit(0.25))
            for name in ("toxic_fraction", "expected_max_toxicity", "max_toxicity_probability")
        ]
    )
    found = {one.id: one.table for one in family_tables(analysis_of(frame, scores=scores), "toxicity")}
    assert list(found) == [
        "toxic_fraction_mine", "expected_max_toxicity_mine", "max_toxicity_probability_mine"
    ]  # fmt: skip
    assert found["toxic_fraction_mine"].rows[0].cells[-1].text == "25.0 %"
    assert found["toxic_fraction_mine"].columns[-1].arrow == "↓"


def test_bias_is_measured_on_what_was_written(rows: Rows) -> None:
    frame = rows(*[("imdb@1", f"i{n}", m, None, 1.0) for n in range(4) for m in "ab"])
    frame = frame.with_columns(request_hash=pl.format("{}/{}", "model", "instance"))
    requests = pl.DataFrame(
        [
            {**dict.fromkeys(REQUESTS), "request_hash": name, "completions": ["he and he"]}
            for name in frame["request_hash"]
        ],
        schema=REQUESTS,
    )
    first = family_tables(analysis_of(frame, requests=requests), "bias")[0]
    assert (first.id, first.table.rows[0].cells[-1].text) == ("representation_gender", "0.500")


def test_latency_leads_to_all_rows_of_the_model(rows: Rows, follow: Follow) -> None:
    frame = perturbed(rows).with_columns(latency_s=pl.lit(0.5))
    analysis = analysis_of(frame)
    cell = family_tables(analysis, "efficiency")[0].table.rows[0].cells[-1]
    assert cell.text == "0.500"
    found = follow(analysis, str(cell.href))
    assert fmean(float(str(row["latency_s"])) for row in found) == 0.5
    assert len(found) == 60


def test_the_overview_gives_each_family_its_own_win_rate(rows: Rows) -> None:
    table = overview_table(analysis_of(perturbed(rows)))
    assert table is not None
    names = [column.text for column in table.columns]
    found = {
        row.head.text: dict(zip(names, (cell.text for cell in row.cells), strict=True)) for row in table.rows
    }
    assert found["a"] == {"accuracy": "0.50", "robustness": "0.00", "fairness": "1.00"}
    assert found["b"] == {"accuracy": "0.50", "robustness": "1.00", "fairness": "0.00"}


def test_the_overview_of_one_model_counts_scenarios(rows: Rows) -> None:
    table = overview_table(analysis_of(rows(*[("s", f"i{n}", "m", None, 1.0) for n in range(3)])))
    assert table is not None
    assert [cell.text for cell in table.rows[0].cells] == ["1 scenario"]


def test_a_mean_stands_only_where_the_scenarios_share_a_unit(rows: Rows) -> None:
    frame = pl.concat([perturbed(rows), perturbed(rows, scenario="imdb@1")])
    names = [one.text for one in family_tables(analysis_of(frame), "robustness")[0].table.columns]
    assert names == ["mean win rate", "mean", "boolq@1", "imdb@1"]
    other = frame.with_columns(scenario=pl.col("scenario").replace("imdb@1", "books@1"))
    names = [one.text for one in family_tables(analysis_of(other), "robustness")[0].table.columns]
    assert "mean" not in names


@pytest.mark.parametrize("model", MODELS)
def test_the_headline_of_a_family_is_written_with_its_link(
    mixed: Analysis, follow: Follow, model: str
) -> None:
    metric = headline_metric(mixed, "boolq@1", model, "calibration")
    assert metric == "expected_calibration_error"
    cell = value_cell(mixed, "boolq@1", model, "calibration", metric)
    rows = follow(mixed, str(cell.href))
    assert len(rows) == mixed.calibration.filter(scenario="boolq@1", system=model)["n"].item()


def test_a_missing_figure_is_a_dash(mixed: Analysis) -> None:
    assert value_cell(mixed, "boolq@1", "m a", "bias", "representation_gender").text == "–"
    assert headline_metric(mixed, "boolq@1", "m a", "bias") is None


def test_a_model_that_saw_the_scenario_is_marked_and_keeps_its_number(rows: Rows) -> None:
    frame = perturbed(rows, models=("t0pp", "other"))
    table = family_tables(analysis_of(frame), "robustness")[0].table
    marks = {row.head.text: (row.cells[-1].mark, row.cells[-1].text) for row in table.rows}
    assert marks == {"t0pp": ("strong", "25.0 %"), "other": ("", "75.0 %")}


def test_a_large_leaderboard_stands_on_its_own_page(rows: Rows) -> None:
    frame = rows(*[(f"s{n:02}", "i", f"m{k:02}", None, float(k % 2)) for n in range(31) for k in range(10)])
    analysis = analysis_of(frame)
    content = index_page(analysis)
    table = content["leaderboard"]
    assert isinstance(table, Table)
    assert [column.text for column in table.columns] == ["mean win rate", "mean score"]
    assert (content["more"], content["charts"]) == ("families/accuracy.html", [])
    whole = family_page(analysis, "accuracy")["tables"][0].table  # type: ignore[index]
    assert len(whole.columns) == 33

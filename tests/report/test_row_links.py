"""Links: the filter in every link, evaluated here against the table, selects the rows behind the number."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from statistics import fmean

import pytest

from longwave.report.analysis import Analysis
from longwave.report.charts import calibration_charts, group_chart, overview_charts, perturbation_chart
from longwave.report.charts import score_chart as score_chart_of
from longwave.report.costs import efficiency_table
from longwave.report.differences import difference_table
from longwave.report.family_tables import calibration_table, robustness_table
from longwave.report.leaderboard import leaderboard_table
from longwave.report.pages import index_page, rows_page
from longwave.report.scenario_pages import scenario_page
from longwave.report.tables import Cell, Table

Row = dict[str, object]
Follow = Callable[[Analysis, str], list[Row]]
Drawn = Callable[[object], list[Row]]

MODELS = ("m a", "m&b=c#d%2", "ü/ñ")
SCENARIOS = ("boolq@1", "books@1", "guess@1", "local@1")
CONFIDENT = ("boolq@1", "local@1")
each_model = pytest.mark.parametrize("model", MODELS)
each_scenario = pytest.mark.parametrize("scenario", SCENARIOS)
each_confident = pytest.mark.parametrize("scenario", CONFIDENT)


def cell_of(table: Table | None, row: str, column: str) -> Cell:
    assert table is not None
    place = [one.text for one in table.columns].index(column)
    return next(one for one in table.rows if one.head.text == row).cells[place]


def mean_of(rows: list[Row], name: str = "score") -> float:
    """Average within instances, then over them."""
    values: dict[object, list[float]] = {}
    for row in rows:
        value = row[name]
        if isinstance(value, int | float):
            values.setdefault(row["instance"], []).append(float(value))
    return fmean(map(fmean, values.values()))


def score_of(scenario: str, rows: list[Row]) -> float:
    if scenario != "books@1":
        return mean_of(rows)
    scored = [row for row in rows if row["score"] is not None]
    size = sum(len("é".encode()) * (int(str(row["instance"])[1:]) + 3) for row in scored)
    return -sum(float(str(row["logprob"])) for row in scored) / math.log(2) / size


def shown(cell: Cell) -> float:
    """Read a cell's number back, shares as shares."""
    text = cell.text.replace("−", "-").replace(",", "")
    return float(text.removesuffix(" %")) / (100 if text.endswith("%") else 1)


@each_scenario
@each_model
def test_a_score_of_the_leaderboard_is_the_mean_of_its_rows(
    mixed: Analysis, follow: Follow, scenario: str, model: str
) -> None:
    cell = cell_of(leaderboard_table(mixed), model, scenario)
    rows = follow(mixed, str(cell.href))
    assert shown(cell) == pytest.approx(score_of(scenario, rows), rel=5.1e-3)
    assert {(row["system"], row["perturbation"]) for row in rows} == {(model, None)}


@pytest.mark.parametrize("floor", ["random", "majority"])
def test_a_measured_floor_leads_to_its_original_rows(mixed: Analysis, follow: Follow, floor: str) -> None:
    cell = cell_of(leaderboard_table(mixed), floor, "boolq@1")
    rows = follow(mixed, str(cell.href))
    assert len(rows) == 24
    assert shown(cell) == pytest.approx(mean_of(rows), abs=5.1e-4)


@each_scenario
@each_model
def test_the_number_of_instances_counts_those_with_a_score(
    mixed: Analysis, follow: Follow, scenario: str, model: str
) -> None:
    results = scenario_page(mixed, scenario)["results"]
    assert isinstance(results, Table)
    cell = cell_of(results, model, "instances")
    scored = {row["instance"] for row in follow(mixed, str(cell.href)) if row["score"] is not None}
    assert cell.text == str(len(scored))


@each_model
def test_a_worst_case_is_the_least_of_each_instances_rows(
    mixed: Analysis, follow: Follow, model: str
) -> None:
    cell = cell_of(robustness_table(mixed), model, "boolq@1")
    least: dict[object, float] = {}
    has_original = set()
    for row in follow(mixed, str(cell.href)):
        if isinstance(row["score"], float):
            least[row["instance"]] = min(row["score"], least.get(row["instance"], 1.0))
            has_original |= {row["instance"]} if row["perturbation"] is None else set()
    assert shown(cell) == pytest.approx(fmean(least[one] for one in has_original), abs=5.1e-4)


@each_confident
@each_model
def test_a_one_bin_calibration_error_is_told_by_its_rows(
    mixed: Analysis, follow: Follow, scenario: str, model: str
) -> None:
    cell = cell_of(calibration_table(mixed), model, scenario)
    rows = follow(mixed, str(cell.href))
    gap = abs(fmean(float(str(r["confidence"])) for r in rows) - fmean(bool(r["correct"]) for r in rows))
    assert float(cell.below.removeprefix("one bin ")) == pytest.approx(100 * gap, abs=0.051)


@each_confident
@each_model
def test_a_mean_confidence_leads_to_the_rows_that_have_one(
    mixed: Analysis, follow: Follow, scenario: str, model: str
) -> None:
    results = scenario_page(mixed, scenario)["results"]
    assert isinstance(results, Table)
    rows = follow(mixed, str(cell_of(results, model, "confidence").href))
    assert len(rows) == mixed.calibration.filter(scenario=scenario, system=model)["n"].item()
    assert all(row["confidence"] is not None for row in rows)


@pytest.mark.parametrize("side", [0, 1], ids=["first", "second"])
@pytest.mark.parametrize("pair", [(0, 1), (0, 2), (1, 2)], ids=str)
def test_only_one_right_counts_the_rows_that_differ(
    mixed: Analysis, follow: Follow, side: int, pair: tuple[int, int]
) -> None:
    table = difference_table(mixed, ["boolq@1"])
    name = f"{MODELS[pair[0]]} − {MODELS[pair[1]]}"
    cell = cell_of(table, name, f"only the {('first', 'second')[side]}")
    rows = follow(mixed, str(cell.href))
    assert len(rows) == int(cell.text)
    assert {row["system"] for row in rows} <= {MODELS[pair[side]]}


@each_scenario
@each_model
def test_the_hub_counts_the_rows_it_leads_to(
    mixed: Analysis, follow: Follow, scenario: str, model: str
) -> None:
    table = rows_page(mixed)["table"]
    assert isinstance(table, Table)
    cell = cell_of(table, model, scenario)
    assert len(follow(mixed, str(cell.href))) == int(cell.text)


@each_model
def test_a_cost_leads_to_its_models_place_in_the_hub(mixed: Analysis, model: str) -> None:
    table = rows_page(mixed)["table"]
    assert isinstance(table, Table)
    place = next(row.id for row in table.rows if row.head.text == model)
    assert cell_of(efficiency_table(mixed), model, "requests").href == f"instances/index.html#{place}"


@each_scenario
def test_marks_of_the_first_page_lead_to_the_rows_of_their_value(
    mixed: Analysis, follow: Follow, drawn_rows: Drawn, scenario: str
) -> None:
    marks = [row for chart in overview_charts(mixed) for row in drawn_rows(chart.spec) if "href" in row]
    here = [(mark, follow(mixed, str(mark["href"]))) for mark in marks if mark["scenario"] == scenario]
    # the rules and the points of a chart each hold the frame
    assert sorted({str(mark["system"]) for mark, _ in here}) == sorted(MODELS)
    values = [score_of(scenario, rows) for _, rows in here]
    assert [mark["value"] for mark, _ in here] == pytest.approx(values, rel=1e-5)


@each_scenario
def test_marks_of_a_scenario_lead_to_the_rows_of_their_value(
    mixed: Analysis, follow: Follow, drawn_rows: Drawn, scenario: str
) -> None:
    chart = score_chart_of(mixed, scenario)
    assert chart is not None
    marks = [row for row in drawn_rows(chart.spec) if "href" in row]
    values = [score_of(scenario, follow(mixed, str(mark["href"]))) for mark in marks]
    assert [mark["value"] for mark in marks] == pytest.approx(values, rel=1e-5)


@pytest.mark.parametrize(
    ("chart", "scenario", "column", "n_marks"),
    [(perturbation_chart, "boolq@1", "input_name", 9), (group_chart, "local@1", "group", 6)],
    ids=["input", "group"],
)
def test_marks_of_a_part_lead_to_its_rows(
    mixed: Analysis,
    follow: Follow,
    drawn_rows: Drawn,
    chart: Callable[[Analysis, str], object],
    scenario: str,
    column: str,
    n_marks: int,
) -> None:
    spec = vars(chart(mixed, scenario))["spec"]
    marks = {str(row["href"]): row for row in drawn_rows(spec) if "href" in row}
    followed = {href: follow(mixed, href) for href in marks}
    assert len(marks) == n_marks
    assert {h: mark["value"] for h, mark in marks.items()} == pytest.approx(
        {h: mean_of(rows) for h, rows in followed.items()}, rel=1e-5
    )
    assert all({row[column] for row in followed[href]} == {mark[column]} for href, mark in marks.items())


@each_confident
def test_a_bin_leads_to_exactly_its_rows(
    mixed: Analysis, follow: Follow, drawn_rows: Drawn, scenario: str
) -> None:
    reliability, _ = calibration_charts(mixed, scenario)
    marks = {str(row["href"]): row for row in drawn_rows(reliability.spec) if "href" in row}
    followed = {href: follow(mixed, href) for href in marks}
    assert {h: len(rows) for h, rows in followed.items()} == {h: mark["n"] for h, mark in marks.items()}
    accuracy = {h: fmean(bool(row["correct"]) for row in rows) for h, rows in followed.items()}
    assert accuracy == pytest.approx({h: mark["accuracy"] for h, mark in marks.items()}, rel=1e-5)


@each_confident
def test_a_share_answered_leads_to_exactly_its_rows(
    mixed: Analysis, follow: Follow, drawn_rows: Drawn, scenario: str
) -> None:
    _, selective = calibration_charts(mixed, scenario)
    marks = {str(row["href"]): row for row in drawn_rows(selective.spec) if "href" in row}
    followed = {href: follow(mixed, href) for href in marks}
    assert {h: len(rows) for h, rows in followed.items()} == {h: mark["n"] for h, mark in marks.items()}


@each_scenario
def test_tables_behind_charts_lead_where_the_marks_lead(
    mixed: Analysis, drawn_rows: Drawn, scenario: str
) -> None:
    charts = [score_chart_of(mixed, scenario), *calibration_charts(mixed, scenario)]
    for chart in filter(None, charts):
        linked = {f"../{cell.href}" for row in chart.table.rows for cell in row.cells if cell.href}
        assert linked == {row["href"] for row in drawn_rows(chart.spec) if "href" in row}


def test_the_summary_counts_the_failures_it_leads_to(mixed: Analysis, follow: Follow) -> None:
    text = "".join(map(str, index_page(mixed)["summary"]))  # type: ignore[call-overload]
    links = re.findall(r'<a href="([^"]+outcome=failed)">([\d,]+)', text)
    assert len(links) == len(SCENARIOS)
    assert [len(follow(mixed, href)) for href, _ in links] == [int(n) for _, n in links]

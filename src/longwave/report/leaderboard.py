"""The scores: models down, scenarios across, on the original inputs; floors below. Tests rank, not means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from longwave.metrics import mean_score
from longwave.report.analysis import Analysis
from longwave.report.comparisons import ALPHA
from longwave.report.estimates import Estimate
from longwave.report.formats import count, number
from longwave.report.links import ORIGINAL, model_page, rows_link
from longwave.report.style import FLOOR_PREFIX
from longwave.report.tables import NO_CELL, Cell, Column, Row, Table

__all__ = [
    "TALLY_COLUMNS",
    "estimate_cell",
    "floor_rows",
    "leaderboard_table",
    "scenario_column",
    "significant_best",
    "system_row",
    "tally_cells",
]


def leaderboard_table(analysis: Analysis, *, is_brief: bool = False, has_means: bool = False) -> Table:
    """Build the main table: paired tests won and lost, then the score of each scenario; floors below.

    A brief one stops after the tests; ``has_means`` puts mean win rate and mean score beside them.
    """
    scenarios = () if is_brief else analysis.scenarios
    before = {"mean win rate": dict(analysis.win_rates), "mean score": _mean_scores(analysis)}
    before = {
        name: found
        for name, found in before.items()
        if has_means and any(one is not None for one in found.values())
    }
    has_tests = any(one.tests for one in analysis.tallies.values())
    best = {name: significant_best(analysis, name) for name in scenarios}
    rows = []
    for system in analysis.ranked:
        means = tally_cells(analysis, system) if has_tests else []
        means += [_mean_cell(name, found.get(system)) for name, found in before.items()]
        cells = [
            estimate_cell(analysis, name, system, analysis.cell(name, system), is_best=best[name] == system)
            for name in scenarios
        ]
        rows.append(system_row(analysis, system, [*means, *cells]))
    floors = (
        floor_rows(analysis, scenarios, before=[NO_CELL] * (len(before) + 2 * has_tests)) if scenarios else []
    )
    columns = list(TALLY_COLUMNS) if has_tests else []
    columns += [
        Column(text=name, arrow="↑", below=below, href=f"index.html#{name.replace(' ', '-')}")
        for name, below in (
            ("mean win rate", "share of rivals beaten"),
            ("mean score", count(len(_shares(analysis)), "scenario")),
        )
        if name in before
    ]
    return Table(
        caption="Means over the scenarios, on the original inputs. Models stand by paired tests won less "
        "tests lost, then by name."
        if is_brief
        else "Score on the original inputs with its 95 % interval. Bold: significantly better than every "
        "other model. Models stand by paired tests won less tests lost, then by name. Every number leads to "
        "its rows.",
        corner="model",
        columns=[*columns, *(scenario_column(analysis, name) for name in scenarios)],
        rows=[*rows, *floors],
    )


TALLY_COLUMNS = (
    Column(text="better", below="tests won", href="index.html#tests"),
    Column(text="worse", below="tests lost", href="index.html#tests"),
)


def tally_cells(analysis: Analysis, system: str) -> list[Cell]:
    """Write in how many paired tests a model is significantly better, and worse, of how many."""
    one = analysis.tallies[system]
    href = "comparisons/index.html" if one.tests and analysis.pairs else None
    of = f"of {one.tests:,}"
    return [
        Cell(text=f"{n:,}", below=of, href=href) if one.tests else NO_CELL for n in (one.better, one.worse)
    ]


def _mean_scores(analysis: Analysis) -> dict[str, float | None]:
    """Average the scores that are shares of full marks; nothing where there is only one such scenario."""
    cells = analysis.cells.filter(
        pl.col("scenario").is_in(_shares(analysis)), pl.col("system").is_in(list(analysis.systems))
    )
    if cells["scenario"].n_unique() < 2:
        return {}
    return dict(mean_score(cells, model="system").select("system", "value").iter_rows())


def _shares(analysis: Analysis) -> list[str]:
    return [name for name, one in analysis.measures.items() if one.is_share and one.is_lower_better is False]


def _mean_cell(name: str, value: float | None) -> Cell:
    if value is None:
        return NO_CELL
    text = number(value, 2) if name == "mean win rate" else f"{number(100 * value, 1)} %"
    return Cell(text=text, href=f"index.html#{name.replace(' ', '-')}")


def significant_best(analysis: Analysis, scenario: str) -> str | None:
    """Return the system that is significantly better than every other on a scenario, if there is one."""
    sign = -1 if analysis.measures[scenario].is_lower_better else 1
    if analysis.measures[scenario].is_lower_better is None or len(analysis.systems) < 2:
        return None
    wins: dict[str, int] = {}
    for row in analysis.comparisons.filter(pl.col("scenario") == scenario).iter_rows(named=True):
        if row["p_holm"] < ALPHA and row["difference"]:
            winner = row["first"] if sign * row["difference"] > 0 else row["second"]
            wins[winner] = wins.get(winner, 0) + 1
    present = analysis.cells.filter(
        pl.col("scenario") == scenario, pl.col("system").is_in(list(analysis.systems))
    )
    return next((name for name, n in wins.items() if n == len(present) - 1), None)


def estimate_cell(
    analysis: Analysis,
    scenario: str,
    system: str,
    found: Estimate | None,
    *,
    edits: str | None = None,
    group: str | None = None,
    is_best: bool = False,
) -> Cell:
    """Write an estimate with its interval and, where requests failed, their number.

    With ``edits`` it is of a worst case over the perturbations that count for robustness or fairness.
    """
    if found is None:
        return NO_CELL
    measure = analysis.measures[scenario]
    below = measure.interval(found.low, found.high)
    if found.failed:
        below = f"{below} · {found.failed} failed" if below else f"{found.failed} failed"
    input_ = ORIGINAL if edits is None else None
    href = rows_link(analysis.slugs[scenario], model=system, input_=input_, edits=edits, group=group)
    point = analysis.contamination(scenario, system)
    return Cell(
        text=measure.cell(found.value),
        below=below,
        href=href,
        is_best=is_best,
        mark="" if point is None else point.level,
    )


def floor_rows(analysis: Analysis, scenarios: Sequence[str], *, before: Sequence[Cell] = ()) -> list[Row]:
    """Write the floors as rows: measured ones lead to their rows, computed ones to their definition."""
    rows = []
    for floor in analysis.floors["floor"].unique().sort():
        values = {
            row["scenario"]: row
            for row in analysis.floors.filter(pl.col("floor") == floor).iter_rows(named=True)
        }
        cells = []
        for scenario in scenarios:
            row = values.get(scenario)
            if row is None:
                cells.append(NO_CELL)
                continue
            model = _measured_floor(analysis, scenario, row) if row["is_measured"] else None
            href = (
                "index.html#floors"
                if model is None
                else rows_link(analysis.slugs[scenario], model=model, input_=ORIGINAL)
            )
            cells.append(Cell(text=analysis.measures[scenario].cell(row["value"]), href=href))
        rows.append(Row(head=Column(text=floor, below="floor"), cells=[*before, *cells], is_floor=True))
    return rows


def _measured_floor(analysis: Analysis, scenario: str, row: Mapping[str, object]) -> str | None:
    """Return the system whose estimate a floor is; a floor that ran twice is several systems."""
    names = (f"{FLOOR_PREFIX}{row['floor']}", f"{FLOOR_PREFIX}{row['floor']} · ")
    for system in analysis.floor_systems:
        found = analysis.cell(scenario, system)
        if (system == names[0] or system.startswith(names[1])) and found and found.value == row["value"]:
            return system
    return None


def system_row(analysis: Analysis, system: str, cells: Sequence[Cell]) -> Row:
    """Make the row of a ranked model."""
    head = Column(text=system, href=model_page(analysis.model_slugs[system]))
    return Row(head=head, cells=cells, color=analysis.systems.index(system) % 8)


def scenario_column(
    analysis: Analysis, scenario: str, *, below: str | None = None, arrow: str | None = None
) -> Column:
    """Make the head of a scenario's column, with the unit and the direction of its score unless told."""
    measure = analysis.measures[scenario]
    unit = measure.unit or measure.name
    return Column(
        text=scenario,
        below=unit if below is None else below,
        arrow=measure.arrow if arrow is None else arrow,
        href=f"scenarios/{analysis.slugs[scenario]}.html",
    )

"""The leaderboard and its neighbours: models down, scenarios across, one table for each family of metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from longwave.metrics.calibration import FEW
from longwave.report.analysis import Analysis
from longwave.report.comparisons import ALPHA
from longwave.report.estimates import Estimate
from longwave.report.formats import ABSENT, number, p_value, significant
from longwave.report.links import ORIGINAL, rows_link
from longwave.report.style import FLOOR_PREFIX
from longwave.report.tables import NO_CELL, Cell, Column, Row, Table

__all__ = [
    "calibration_table",
    "difference_table",
    "efficiency_table",
    "estimate_cell",
    "floor_rows",
    "leaderboard_table",
    "robustness_table",
    "significant_best",
    "system_row",
]


_COSTS = ("latency_s", "p95_s", "tokens_in", "tokens_out", "tokens_per_s", "cost_usd")


def leaderboard_table(analysis: Analysis) -> Table:
    """Build the main table: mean win rate, then the score of each scenario; floors below."""
    has_rates = any(rate is not None for rate in analysis.win_rates.values())
    columns = [_scenario_column(analysis, name) for name in analysis.scenarios]
    best = {name: significant_best(analysis, name) for name in analysis.scenarios}
    rows = []
    for system in analysis.ranked:
        cells = [
            estimate_cell(analysis, name, system, analysis.cell(name, system), is_best=best[name] == system)
            for name in analysis.scenarios
        ]
        rows.append(system_row(analysis, system, [*_rate_cells(analysis, system, has_rates), *cells]))
    floors = floor_rows(analysis, analysis.scenarios, before=[NO_CELL] * has_rates)
    if has_rates:
        columns.insert(
            0,
            Column(
                text="mean win rate", arrow="↑", below="share of rivals beaten", href="index.html#win-rate"
            ),
        )
    return Table(
        caption="Score on the original inputs with its 95 % interval. Bold: better than every other model, "
        "corrected for the number of comparisons. Every number leads to its rows.",
        corner="model",
        columns=columns,
        rows=[*rows, *floors],
    )


def _rate_cells(analysis: Analysis, system: str, has_rates: bool) -> list[Cell]:
    rate = analysis.win_rates.get(system)
    cell = NO_CELL if rate is None else Cell(text=number(rate, 2), href="index.html#win-rate")
    return [cell] if has_rates else []


def calibration_table(analysis: Analysis) -> Table | None:
    """Build the table of calibration errors; None when no model told its confidence."""
    table = analysis.calibration
    if not len(table):
        return None
    found = {(row["scenario"], row["system"]): row for row in table.iter_rows(named=True)}

    def cell(scenario: str, system: str) -> Cell:
        row = found.get((scenario, system))
        if row is None:
            return NO_CELL
        href = rows_link(analysis.slugs[scenario], model=system, input_=ORIGINAL, low=0.0, high=1.0)
        return Cell(
            text=number(100 * row["ece"], 1), below=f"one bin {number(100 * row['ece_1'], 1)}", href=href
        )

    is_small = bool((table["n"] < FEW).any())
    return _family(
        analysis,
        [name for name in analysis.scenarios if name in set(table["scenario"])],
        cell,
        caption="Expected calibration error in percentage points, ten bins of equal count; below it with one "
        "bin: the distance of mean confidence from accuracy."
        + (f" With fewer than {FEW} instances such an error is mostly noise." if is_small else ""),
        below="points",
        arrow="↓",
    )


def robustness_table(analysis: Analysis) -> Table | None:
    """Build the table of worst cases under perturbation; None when nothing was perturbed."""
    if not len(analysis.worst):
        return None

    def cell(scenario: str, system: str) -> Cell:
        return estimate_cell(analysis, scenario, system, analysis.worst_cell(scenario, system), input_=None)

    return _family(
        analysis,
        [name for name in analysis.scenarios if name in set(analysis.worst["scenario"])],
        cell,
        caption="Worst case under perturbation: an instance counts with the worst score among its original "
        "and its perturbed inputs. With its 95 % interval.",
    )


def _family(
    analysis: Analysis,
    scenarios: Sequence[str],
    cell: Callable[[str, str], Cell],
    *,
    caption: str,
    below: str | None = None,
    arrow: str | None = None,
) -> Table:
    rows = [
        system_row(analysis, system, [cell(name, system) for name in scenarios]) for system in analysis.ranked
    ]
    columns = [_scenario_column(analysis, name, below=below, arrow=arrow) for name in scenarios]
    return Table(caption=caption, corner="model", columns=columns, rows=rows)


def efficiency_table(analysis: Analysis) -> Table | None:
    """Build the table of time, tokens and money by model; None without rows."""
    if not len(analysis.costs):
        return None
    rows = []
    costs = {row["system"]: row for row in analysis.costs.iter_rows(named=True)}
    for row in (costs[system] for system in analysis.ranked if system in costs):
        interval = f"{significant(row['low'])}–{significant(row['high'])}" if row["low"] is not None else ""
        texts = [f"{row['rows']:,}", f"{row['failed']:,}", *(significant(row[name]) for name in _COSTS)]
        href = f"instances/index.html#m-{analysis.systems.index(row['system'])}"
        cells = [
            Cell(text=text, href=href if text != ABSENT else None, below=interval if place == 2 else "")
            for place, text in enumerate(texts)
        ]
        rows.append(system_row(analysis, row["system"], cells))
    columns = [
        Column(text="requests"),
        Column(text="failed", arrow="↓"),
        Column(text="latency", below="s, mean", arrow="↓"),
        Column(text="latency", below="s, 95th percentile", arrow="↓"),
        Column(text="prompt", below="tokens, mean"),
        Column(text="completion", below="tokens, mean"),
        Column(text="throughput", below="tokens/s", arrow="↑"),
        Column(text="cost", below="US$, all", arrow="↓"),
    ]
    caption = (
        "All inputs of all scenarios together. A request answered from a cache counts with its first time."
    )
    return Table(caption=caption, corner="model", columns=columns, rows=rows)


def difference_table(analysis: Analysis, scenarios: Sequence[str]) -> Table | None:
    """Build the table of paired tests for some scenarios; None when there is nothing to compare."""
    found = analysis.comparisons.filter(pl.col("scenario").is_in(list(scenarios)))
    if not len(found):
        return None
    rows = []
    for row in found.iter_rows(named=True):
        slug, measure = analysis.slugs[row["scenario"]], analysis.measures[row["scenario"]]
        first, second = row["first"], row["second"]
        both = rows_link(slug, input_=ORIGINAL)
        only = [
            Cell(
                text=f"{row[name]:,}",
                href=rows_link(slug, model=one, input_=ORIGINAL, outcome="right", versus=other),
            )
            if row[name] is not None
            else NO_CELL
            for name, one, other in (("first_only", first, second), ("second_only", second, first))
        ]
        interval = f"{measure.difference(row['low'])} to {measure.difference(row['high'])}"
        cells = [
            Cell(
                text=measure.difference(row["difference"]),
                below=interval,
                href=both,
                is_best=row["p_holm"] < ALPHA,
            ),
            *only,
            Cell(text=f"{row['n']:,}", href=both),
            Cell(text=p_value(row["p"]), below=row["test"], href=both),
            Cell(text=p_value(row["p_holm"]), href=both, is_best=row["p_holm"] < ALPHA),
        ]
        head = Column(text=f"{first} − {second}", below=row["scenario"] if len(scenarios) > 1 else "")
        rows.append(Row(head=head, cells=cells))
    columns = [
        Column(text="difference", below="points, or the score's unit"),
        Column(text="only the first", below="right"),
        Column(text="only the second", below="right"),
        Column(text="instances", below="both answered"),
        Column(text="p", below="paired test"),
        Column(text="p, corrected", below="Holm"),
    ]
    total = len(analysis.comparisons)
    return Table(
        caption="Paired differences on the same instances, first minus second, with a 95 % interval (paired "
        f"bootstrap). Corrected for all {total} comparisons of this report; bold where p < {ALPHA:g}.",
        corner="first − second",
        columns=columns,
        rows=rows,
    )


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
    input_: str | None = ORIGINAL,
    group: str | None = None,
    is_best: bool = False,
) -> Cell:
    """Write an estimate with its interval and, where requests failed, their number."""
    if found is None:
        return NO_CELL
    measure = analysis.measures[scenario]
    below = measure.interval(found.low, found.high)
    if found.failed:
        below = f"{below} · {found.failed} failed" if below else f"{found.failed} failed"
    href = rows_link(analysis.slugs[scenario], model=system, input_=input_, group=group)
    return Cell(text=measure.cell(found.value), below=below, href=href, is_best=is_best)


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
    return Row(head=Column(text=system), cells=cells, color=analysis.systems.index(system) % 8)


def _scenario_column(
    analysis: Analysis, scenario: str, *, below: str | None = None, arrow: str | None = None
) -> Column:
    measure = analysis.measures[scenario]
    unit = measure.unit or measure.name
    return Column(
        text=scenario,
        below=unit if below is None else below,
        arrow=measure.arrow if arrow is None else arrow,
        href=f"scenarios/{analysis.slugs[scenario]}.html",
    )

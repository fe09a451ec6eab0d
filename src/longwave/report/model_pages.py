"""The pages of models: all scenarios of one by family, what it cost and what failed; and the list of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from longwave.report.analysis import Analysis
from longwave.report.costs import efficiency_table
from longwave.report.coverage import contamination_table
from longwave.report.differences import pair_href
from longwave.report.family_tables import family_link, headline_metric, present_families, value_cell
from longwave.report.formats import count, number
from longwave.report.leaderboard import TALLY_COLUMNS, system_row, tally_cells
from longwave.report.links import rows_link
from longwave.report.measures import Measure, family_measure
from longwave.report.tables import NO_CELL, Cell, Column, Row, Table

__all__ = ["model_content", "models_page"]

Content = dict[str, object]

_MOST_LISTED = 50  # kinds of failures on one page
_MOST_NAMES = 3


def models_page(analysis: Analysis) -> Content:
    """Collect what the list of models shows."""
    rows = []
    for system in analysis.ranked:
        here = analysis.overview.filter(pl.col("system") == system)
        rate = analysis.win_rates.get(system)
        cells = [
            *tally_cells(analysis, system),
            Cell(text=number(rate, 2)) if rate is not None else NO_CELL,
            Cell(text=f"{here['scenario'].n_unique():,}"),
            Cell(text=f"{here['rows'].sum():,}"),
            Cell(text=f"{here['failed'].sum():,}"),
            Cell(text=_several(here["version"]), is_text=True),
            Cell(text=_several(here["date"]), is_text=True),
        ]
        rows.append(system_row(analysis, system, cells))
    columns = [
        *TALLY_COLUMNS,
        Column(text="mean win rate", arrow="↑", href="index.html#mean-win-rate"),
        Column(text="scenarios"),
        Column(text="rows"),
        Column(text="failed", arrow="↓"),
        Column(text="version", is_text=True),
        Column(text="date", is_text=True),
    ]
    caption = f"{count(len(rows), 'model')}, by paired tests won less tests lost; floors are not listed."
    return {"table": Table(caption=caption, corner="model", columns=columns, rows=rows)}


def model_content(analysis: Analysis, system: str) -> Content:
    """Collect what the page of one model shows."""
    here = analysis.overview.filter(pl.col("system") == system)
    rate = analysis.win_rates.get(system)
    order = list(analysis.ranked)
    facts = [
        ("versions" if here["version"].n_unique() > 1 else "version", _several(here["version"])),
        ("dates" if here["date"].n_unique() > 1 else "date", _several(here["date"])),
        ("scenarios", f"{here['scenario'].n_unique():,} of {len(analysis.scenarios):,}"),
        ("rows", f"{here['rows'].sum():,}"),
        ("failed", f"{here['failed'].sum():,}"),
    ]
    if rate is not None:
        facts.append(("mean win rate", number(rate, 2)))
    tally = analysis.tallies[system]
    if tally.tests:
        facts.append(
            ("paired tests", f"better in {tally.better:,}, worse in {tally.worse:,} of {tally.tests:,}")
        )
    return {
        "facts": facts,
        "table": _scenario_table(analysis, system),
        "seen": _seen_table(analysis, system),
        "costs": efficiency_table(analysis, [system]),
        "errors": _error_table(analysis, system),
        "pairs": [
            (other, href)
            for other in order
            if other != system
            and (href := pair_href(analysis, min(system, other), max(system, other))) is not None
        ],
    }


def _scenario_table(analysis: Analysis, system: str) -> Table:
    """Write every scenario of a model by family of metrics."""
    run = analysis.overview.filter(pl.col("system") == system)["scenario"].unique().sort().to_list()
    families = present_families(analysis)
    metrics = {
        family: {name: headline_metric(analysis, name, system, family) for name in run} for family in families
    }
    rows = []
    for scenario in run:
        cells = []
        for family in families:
            metric = metrics[family][scenario]
            cell = NO_CELL if metric is None else value_cell(analysis, scenario, system, family, metric)
            if metric is not None and family != "accuracy" and len(_names(metrics[family])) > 1:
                measure = family_measure(metric, analysis.measures[scenario])
                cell = replace(cell, below=measure.name)
            cells.append(cell)
        measure = analysis.measures[scenario]
        head = Column(
            text=scenario,
            below=f"{measure.unit or measure.name} {measure.arrow}".strip(),
            href=f"scenarios/{analysis.slugs[scenario]}.html",
        )
        rows.append(Row(head=head, cells=cells))
    columns = []
    for family in families:
        names = _names(metrics[family])
        below, arrow = _FAMILY_HEADS.get(family, ""), ""
        if len(names) == 1 and family not in _FAMILY_HEADS:
            measure = family_measure(names.pop(), Measure(name="", is_share=True, is_lower_better=None))
            below, arrow = f"{measure.name}{f', {measure.unit}' if measure.unit else ''}", measure.arrow
        columns.append(Column(text=family, below=below, arrow=arrow, href=family_link(family)))
    return Table(
        caption="One figure for each family of metrics, with its 95 % interval where it is known; every "
        "number leads to its rows.",
        corner="scenario",
        columns=columns,
        rows=rows,
    )


_FAMILY_HEADS = {
    "accuracy": "score",
    "calibration": "error, points",
    "robustness": "worst case",
    "fairness": "worst case or gap",
}


def _names(metrics: Mapping[str, str | None]) -> set[str]:
    return {name for name in metrics.values() if name is not None}


def _seen_table(analysis: Analysis, system: str) -> Table | None:
    found = contamination_table(analysis)
    if found is None:
        return None
    rows = [row for row in found.rows if row.head.text == system]
    return replace(found, rows=rows) if rows else None


def _error_table(analysis: Analysis, system: str) -> Table | None:
    """List the kinds of failures of a model, the most frequent first."""
    found = analysis.findings.errors.filter(pl.col("system") == system).sort(
        ["n", "scenario", "error"], descending=[True, False, False]
    )
    if not len(found):
        return None
    rows = [
        Row(
            head=Column(text=row["scenario"], href=f"scenarios/{analysis.slugs[row['scenario']]}.html"),
            cells=[
                Cell(
                    text=f"{row['n']:,}",
                    href=rows_link(
                        analysis.slugs[row["scenario"]], model=system, outcome="failed", error=row["error"]
                    ),
                ),
                Cell(text=row["error"], is_text=True),
            ],
        )
        for row in found.head(_MOST_LISTED).iter_rows(named=True)
    ]
    more = f" The {_MOST_LISTED} most frequent of {len(found):,}." if len(found) > _MOST_LISTED else ""
    return Table(
        caption=f"Failed requests by scenario and message.{more}",
        corner="scenario",
        columns=[Column(text="requests"), Column(text="message", is_text=True)],
        rows=rows,
    )


def _several(values: pl.Series) -> str:
    """Name the different values of a column, of many the first and the last."""
    names = values.fill_null("unknown").unique().sort().to_list()
    return ", ".join(names) if len(names) <= _MOST_NAMES else f"{len(names)}: {names[0]} to {names[-1]}"

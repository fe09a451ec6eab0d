"""What was measured and what was not: the grid of scenarios and families, the taxonomy, contamination."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from longwave.evaluation import ContaminationPoint, GridCell, GridTable, unmeasured_families
from longwave.evaluation._gaps import NOT_RUN
from longwave.evaluation.grid import State
from longwave.metrics import FAMILIES
from longwave.report.analysis import Analysis
from longwave.report.family_tables import family_link, headline_metric
from longwave.report.formats import ABSENT, count
from longwave.report.leaderboard import system_row
from longwave.report.links import rows_link
from longwave.report.measures import describe_scenario
from longwave.report.tables import NO_CELL, Cell, Column, Row, Table
from longwave.scenarios import AbsentScenario, Scenario, list_absent, list_scenarios
from longwave.scenarios.base import Category

__all__ = ["CATEGORIES", "contamination_table", "family_grid", "grid_page", "taxonomy_page"]

CATEGORIES: Mapping[Category, str] = {
    "core": "Core scenarios",
    "language": "Language",
    "knowledge": "Knowledge",
    "reasoning": "Reasoning",
    "copyright": "Memorisation and copyright",
    "disinformation": "Disinformation",
    "bias": "Bias",
    "toxicity": "Toxicity",
    "efficiency": "Efficiency",
    "own": "Other scenarios",
}


def family_grid(analysis: Analysis) -> GridTable:
    """Lay the report out over every scenario that is registered or was run, and every family of metrics."""
    listed = _listed(analysis)
    reasons = {
        (row["scenario"], row["system"], row["family"]): row["reason"]
        for row in analysis.findings.gaps.iter_rows(named=True)
    }
    cells = []
    for name, scenario in listed.items():
        never = unmeasured_families(scenario)
        for family in FAMILIES:
            found = [headline_metric(analysis, name, system, family) for system in analysis.systems]
            metrics = [metric for metric in found if metric is not None]
            state: State = "filled" if metrics else "not applicable" if family in never else "missing"
            why = {
                reasons.get((name, system, family), NOT_RUN)
                for system, metric in zip(analysis.systems, found, strict=True)
                if metric is None
            }
            cells.append(
                GridCell(
                    scenario=name,
                    family=family,
                    state=state,
                    filled=len(metrics),
                    models=len(found),
                    metric=metrics[0] if metrics else None,
                    reasons=() if state == "not applicable" else tuple(sorted(why)),
                )
            )
    marks = {name: point for name in listed if (point := _strongest(analysis, name)) is not None}
    categories = {name: _category(scenario) for name, scenario in listed.items()}
    return GridTable(models=analysis.systems, scenarios=categories, cells=tuple(cells), marks=marks)


def grid_page(analysis: Analysis) -> dict[str, object]:
    """Collect what the page of the grid shows."""
    grid = family_grid(analysis)
    core = [cell for cell in grid.cells if grid.scenarios[cell.scenario] == "core"]
    notes = [note for note in grid.notes if note != NOT_RUN]
    run = {cell.scenario for cell in grid.cells if cell.filled}
    tables = []
    for category, title in CATEGORIES.items():
        names = [name for name, one in grid.scenarios.items() if one == category]
        if names:
            tables.append(
                {"title": title, "id": category, "table": _grid_table(analysis, grid, title, names, notes)}
            )
    sentences = [
        f"{count(grid.n_filled, 'cell')} of {grid.n_applicable:,} that a metric could fill have a value "
        f"({len(run)} of {len(grid.scenarios)} scenarios were run).",
    ]
    if core:
        filled = sum(cell.state == "filled" for cell in core)
        applicable = sum(cell.state != "not applicable" for cell in core)
        sentences.append(
            f"Of the {len(core)} core cells {applicable} can be measured and {filled} are measured here."
        )
    sentences.append(
        "A dash stands for a scenario that was not run, n/a where nothing applies; numbers in brackets are "
        "the notes at the end."
    )
    return {
        "sentences": sentences,
        "tables": tables,
        "notes": notes,
        "contamination": contamination_table(analysis),
    }


def _grid_table(
    analysis: Analysis, grid: GridTable, title: str, names: Sequence[str], notes: Sequence[str]
) -> Table:
    rows = []
    for name in names:
        own = [cell for cell in grid.cells if cell.scenario == name]
        is_run = name in analysis.slugs
        cells = [_grid_cell(cell, notes, is_run) for cell in own]
        href = f"scenarios/{analysis.slugs[name]}.html" if is_run else None
        head = Column(text=name, below="" if is_run else NOT_RUN, href=href)
        mark = grid.marks.get(name)
        if mark is not None:
            head = replace(head, below=f"{mark.level} evidence of contamination")
        rows.append(Row(head=head, cells=cells))
    columns = [Column(text=family, href=_family_href(analysis, family)) for family in FAMILIES]
    return Table(
        caption=f"{title}: models with a value, of all models.",
        corner="scenario",
        columns=columns,
        rows=rows,
    )


def _grid_cell(cell: GridCell, notes: Sequence[str], is_run: bool) -> Cell:
    if cell.state == "not applicable":
        return Cell(text="n/a")
    if not is_run:
        return NO_CELL
    numbers = [str(notes.index(reason) + 1) for reason in cell.reasons if reason in notes]
    if NOT_RUN in cell.reasons:
        numbers.append(NOT_RUN)
    below = f"[{', '.join(numbers)}]" if numbers else ""
    href = family_link(cell.family) if cell.filled else None
    return Cell(text=f"{cell.filled}/{cell.models}", below=below, href=href)


def _family_href(analysis: Analysis, family: str) -> str | None:
    return family_link(family) if family in set(analysis.families["family"]) else None


def contamination_table(analysis: Analysis) -> Table | None:
    """Build the list of what is known of models that saw scenarios of the report; None without any."""
    rows = []
    for system in analysis.ranked:
        for scenario in analysis.scenarios:
            point = analysis.contamination(scenario, system)
            if point is not None and analysis.cell(scenario, system) is not None:
                cells = [
                    Cell(
                        text=scenario,
                        href=rows_link(analysis.slugs[scenario], model=system),
                        is_text=True,
                        mark=point.level,
                    ),
                    Cell(text=point.description, is_text=True),
                ]
                rows.append(system_row(analysis, system, cells))
    if not rows:
        return None
    return Table(
        caption="Models that are known to have seen rows of a scenario in training. The numbers are shown as "
        "they are. Where nothing is listed nothing is known, which is no proof.",
        corner="model",
        columns=[Column(text="scenario", is_text=True), Column(text="what is known", is_text=True)],
        rows=rows,
    )


def taxonomy_page(analysis: Analysis) -> dict[str, object]:
    """Collect what the page of the taxonomy shows: every scenario known here, run or not, and the gaps."""
    listed = _listed(analysis)
    tables = []
    for category, title in CATEGORIES.items():
        names = [name for name, scenario in listed.items() if _category(scenario) == category]
        if names:
            rows = [_taxonomy_row(analysis, name, listed[name]) for name in names]
            table = Table(
                caption=f"{title} by task, domain and language.",
                corner="scenario",
                columns=_TAXONOMY,
                rows=rows,
            )
            tables.append({"title": title, "id": category, "table": table})
    absent = list_absent()
    gaps = [
        Row(
            head=Column(text=one.name.replace("_", " ")),
            cells=[
                Cell(text=one.description, is_text=True),
                *(Cell(text=ABSENT if text == "?" else text, is_text=True) for text in _domain(one)),
            ],
        )
        for one in absent
    ]
    table = Table(
        caption="Scenarios that a whole evaluation should have and that nobody has built here.",
        corner="gap",
        columns=[Column(text="what is missing", is_text=True), *_DOMAIN],
        rows=gaps,
    )
    n_run = sum(name in analysis.slugs for name in listed)
    sentence = (
        f"{n_run} of {count(len(listed), 'scenario')} known here were run; {len(absent)} gaps are known."
    )
    return {"sentences": [sentence], "tables": [*tables, {"title": "Gaps", "id": "gaps", "table": table}]}


_DOMAIN = tuple(Column(text=name, is_text=True) for name in ("task", "what", "who", "when", "language"))
_TAXONOMY = (
    Column(text="here", is_text=True),
    *_DOMAIN,
    Column(text="metric", below="licence", is_text=True),
)


def _taxonomy_row(analysis: Analysis, name: str, scenario: Scenario | None) -> Row:
    is_run = name in analysis.slugs
    href = f"scenarios/{analysis.slugs[name]}.html" if is_run else None
    fields = [ABSENT] * 5 if scenario is None else _domain(scenario)
    metric = analysis.measures[name].name if scenario is None else scenario.main_metric.replace("_", " ")
    here = f"{analysis.n_models(name)} of {count(len(analysis.systems), 'model')}" if is_run else NOT_RUN
    cells = [
        Cell(text=here, href=href, is_text=True),
        *(Cell(text=text, is_text=True) for text in fields),
        Cell(text=metric, below="" if scenario is None else scenario.licence, is_text=True),
    ]
    return Row(head=Column(text=name, href=href), cells=cells)


def _domain(one: Scenario | AbsentScenario) -> list[str]:
    return [one.task, one.what, one.who, one.when, one.language]


def _listed(analysis: Analysis) -> dict[str, Scenario | None]:
    """List the newest version of every registered scenario and those of the report, by category."""
    newest = sorted({entry.name.rpartition("@")[0] for entry in list_scenarios()})
    known = [describe_scenario(name) for name in newest]
    listed: dict[str, Scenario | None] = {one.key: one for one in known if one is not None}
    listed |= {name: describe_scenario(name) for name in analysis.scenarios}
    order = list(CATEGORIES)
    return {
        name: listed[name]
        for name in sorted(listed, key=lambda name: (order.index(_category(listed[name])), name))
    }


def _category(scenario: Scenario | None) -> Category:
    return "own" if scenario is None else scenario.category


def _strongest(analysis: Analysis, scenario: str) -> ContaminationPoint | None:
    found = [analysis.contamination(scenario, system) for system in analysis.systems]
    known = [point for point in found if point is not None]
    return min(known, key=lambda point: point.level != "strong", default=None)

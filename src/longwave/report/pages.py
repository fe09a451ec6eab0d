"""What each page shows: the values its template is filled with."""

from __future__ import annotations

import polars as pl
from markupsafe import Markup

from longwave.metrics.calibration import FEW
from longwave.report.analysis import Analysis
from longwave.report.charts import (
    calibration_charts,
    curve_charts,
    group_chart,
    overview_charts,
    palette,
    perturbation_chart,
    score_chart,
)
from longwave.report.estimates import find_estimate
from longwave.report.formats import count, number, significant
from longwave.report.leaderboard import (
    calibration_table,
    difference_table,
    efficiency_table,
    estimate_cell,
    floor_rows,
    leaderboard_table,
    robustness_table,
    significant_best,
    system_row,
)
from longwave.report.links import ORIGINAL, instances_page, rows_link
from longwave.report.measures import describe_scenario
from longwave.report.summary import at_floor, summarise
from longwave.report.tables import NO_CELL, Cell, Column, Row, Table
from longwave.report.text import markup, plain

__all__ = ["index_page", "rows_page", "scenario_page"]

Content = dict[str, object]

_MOST_DIFFERENCES = 12  # rows of paired tests on the first page; more stand on the scenarios' pages
_SECTIONS = {
    "leaderboard": ("leaderboard", "Leaderboard"),
    "differences": ("differences", "Differences"),
    "calibration": ("calibration", "Calibration"),
    "robustness": ("robustness", "Robustness"),
    "efficiency": ("efficiency", "Efficiency"),
    "curves": ("training", "Training"),
    "samples": ("samples", "What the models write"),
}


def index_page(analysis: Analysis) -> Content:
    """Collect what the first page shows."""
    has_rows = bool(len(analysis.rows))
    has_few = len(analysis.comparisons) <= _MOST_DIFFERENCES
    content: Content = {
        "meta": _meta(analysis),
        "summary": summarise(analysis),
        "notes": analysis.results.notes,
        "leaderboard": leaderboard_table(analysis) if has_rows else None,
        "charts": overview_charts(analysis),
        "differences": difference_table(analysis, analysis.scenarios) if has_few else None,
        "elsewhere": []
        if has_few
        else [(name, analysis.slugs[name]) for name in sorted(set(analysis.comparisons["scenario"]))],
        "calibration": calibration_table(analysis),
        "robustness": robustness_table(analysis),
        "efficiency": efficiency_table(analysis),
        "curves": curve_charts(analysis),
        "samples": _sample_groups(analysis),
    }
    sections = [{"id": id_, "title": title} for name, (id_, title) in _SECTIONS.items() if content[name]]
    return {
        **content,
        "sections": [*sections, {"id": "reading", "title": "How to read this"}],
        "needs_charts": bool(content["charts"] or content["curves"]),
    }


def _meta(analysis: Analysis) -> list[str]:
    rows = analysis.rows
    if not len(rows):
        return ["no predictions"]
    dates = rows["date"].drop_nulls().unique().sort()
    days = [dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"] if len(dates) else []
    return [
        count(len(analysis.systems), "model"),
        count(len(analysis.scenarios), "scenario"),
        count(len(rows), "prediction"),
        *(plain(day) for day in days),
    ]


def _sample_groups(analysis: Analysis) -> list[Content]:
    """Put what the models wrote after the same prompt side by side."""
    names = palette(analysis)
    prompts: dict[str, list[Content]] = {}
    samples = analysis.results.samples
    for place in range(max((len(listed) for listed in samples.values()), default=0)):
        for model, listed in samples.items():
            for sample in listed[place : place + 1]:
                entry: Content = {"model": model, "text": sample.text, "color": names.index(model) % 8}
                prompts.setdefault(sample.prompt, []).append(entry)
    return [{"prompt": prompt, "texts": texts} for prompt, texts in prompts.items()]


def rows_page(analysis: Analysis) -> Content:
    """Collect what the hub of the instance browser shows: how many rows each model has in each scenario."""
    counted = analysis.rows.group_by("scenario", "system").len()
    counts = {(scenario, system): n for scenario, system, n in counted.iter_rows()}
    rows = []
    for place, system in enumerate([*analysis.systems, *analysis.floor_systems]):
        cells = [
            Cell(text=f"{counts[scenario, system]:,}", href=rows_link(analysis.slugs[scenario], model=system))
            if (scenario, system) in counts
            else NO_CELL
            for scenario in analysis.scenarios
        ]
        is_floor = system in analysis.floor_systems
        head = Column(text=system, below="floor" if is_floor else "")
        rows.append(
            Row(
                head=head,
                cells=cells,
                color=None if is_floor else place % 8,
                id=f"m-{place}",
                is_floor=is_floor,
            )
        )
    columns = [Column(text=name, href=rows_link(analysis.slugs[name])) for name in analysis.scenarios]
    return {
        "table": Table(caption="Rows of the predictions table.", corner="model", columns=columns, rows=rows)
    }


def scenario_page(analysis: Analysis, scenario: str) -> Content:
    """Collect what the page of one scenario shows."""
    known = describe_scenario(scenario)
    rows = analysis.rows.filter(pl.col("scenario") == scenario)
    measure = analysis.measures[scenario]
    taxonomy = [known.task, known.what, known.who, known.when, known.language] if known else []
    facts = [
        *(part for part in taxonomy if part not in ("?", "n/a", "")),
        f"metric: {measure.name}" + (f", {measure.direction}" if measure.direction else ""),
        *(
            [
                f"method: {known.prompt.method.replace('_', ' ')}",
                f"source: {known.source}",
                f"licence: {known.licence}",
            ]
            if known
            else []
        ),
    ]
    charts: Content = {
        "score": score_chart(analysis, scenario),
        "perturbations": perturbation_chart(analysis, scenario),
        "groups": group_chart(analysis, scenario),
        "calibration": calibration_charts(analysis, scenario),
    }
    return {
        "description": known.description if known else "",
        "facts": facts,
        "browser": instances_page(analysis.slugs[scenario]),
        "n_instances": count(rows["instance"].n_unique(), "instance"),
        "results": _results_table(analysis, scenario),
        "verdicts": _verdicts(analysis, scenario),
        "differences": difference_table(analysis, [scenario]),
        "prompts": _prompt_table(analysis, rows),
        "metrics": _metric_table(analysis, scenario),
        **charts,
        "needs_charts": any(charts.values()),
    }


def _results_table(analysis: Analysis, scenario: str) -> Table:
    measure = analysis.measures[scenario]
    calibration = {
        row["system"]: row
        for row in analysis.calibration.filter(pl.col("scenario") == scenario).iter_rows(named=True)
    }
    has_worst = scenario in set(analysis.worst["scenario"])
    best = significant_best(analysis, scenario)
    rows = []
    for system in sorted(analysis.systems, key=lambda name: _order(analysis, scenario, name)):
        found = analysis.cell(scenario, system)
        link = rows_link(analysis.slugs[scenario], model=system, input_=ORIGINAL)
        cells = [estimate_cell(analysis, scenario, system, found, is_best=best == system)]
        cells.append(Cell(text=f"{found.n:,}", href=link) if found else NO_CELL)
        if has_worst:
            cells.append(
                estimate_cell(analysis, scenario, system, analysis.worst_cell(scenario, system), input_=None)
            )
        if calibration:
            confident = rows_link(analysis.slugs[scenario], model=system, input_=ORIGINAL, low=0, high=1)
            cells += _confidence_cells(calibration.get(system), confident)
        rows.append(system_row(analysis, system, cells))
    columns = [
        Column(text="score", below=measure.unit or measure.name, arrow=measure.arrow),
        Column(text="instances", below="with a score"),
        *([Column(text="worst case", below="under perturbation", arrow=measure.arrow)] if has_worst else []),
        *(_confidence_columns() if calibration else []),
    ]
    floors = [
        Row(head=row.head, cells=[*row.cells, *[NO_CELL] * (len(columns) - 1)], is_floor=True)
        for row in floor_rows(analysis, [scenario])
        if row.cells[0] is not NO_CELL
    ]
    few = any(row["n"] < FEW for row in calibration.values())
    caption = (
        "Original inputs, with 95 % intervals. Bold: better than every other model after Holm’s correction."
    )
    caption += f" With fewer than {FEW} instances a calibration error is mostly noise." if few else ""
    return Table(caption=caption, corner="model", columns=columns, rows=[*rows, *floors])


def _order(analysis: Analysis, scenario: str, system: str) -> tuple[bool, float, str]:
    found = analysis.cell(scenario, system)
    if found is None or found.value is None:
        return True, 0.0, system
    return False, found.value if analysis.measures[scenario].is_lower_better else -found.value, system


def _confidence_columns() -> list[Column]:
    return [
        Column(text="confidence", below="mean"),
        Column(text="calibration error", below="points, 10 bins", arrow="↓"),
        Column(text="selective accuracy", below="mean", arrow="↑"),
    ]


def _confidence_cells(row: dict[str, float] | None, link: str) -> list[Cell]:
    if row is None:
        return [NO_CELL] * 3
    return [
        Cell(text=f"{number(100 * row['confidence'], 1)} %", href=link),
        Cell(text=number(100 * row["ece"], 1), below=f"one bin {number(100 * row['ece_1'], 1)}", href=link),
        Cell(text=f"{number(100 * row['selective_area'], 1)} %", href=link),
    ]


def _verdicts(analysis: Analysis, scenario: str) -> list[Markup]:
    stuck = [name for name in analysis.systems if at_floor(analysis, scenario, name)]
    names = Markup(", ").join(Markup("<b>{}</b>").format(markup(plain(name))) for name in stuck)
    if not stuck:
        return []
    return [
        Markup("Not above the floor, so no better than guessing as far as this can tell: {}.").format(names)
    ]


def _prompt_table(analysis: Analysis, rows: pl.DataFrame) -> Table | None:
    """Write scores by prompt variant, where a scenario was asked in several ways."""
    originals = rows.filter(
        pl.col("input_name") == ORIGINAL, pl.col("prompt").is_not_null(), ~pl.col("is_floor")
    )
    variants = originals["prompt"].unique().sort()
    if len(variants) < 2:
        return None
    found = analysis.estimate(originals, ["scenario", "system", "prompt"])
    table = []
    for system in analysis.ranked:
        cells = []
        for variant in variants:
            part = found.filter(pl.col("system") == system, pl.col("prompt") == variant).drop("prompt")
            estimated = find_estimate(part, originals["scenario"][0], system)
            cells.append(estimate_cell(analysis, originals["scenario"][0], system, estimated))
        table.append(system_row(analysis, system, cells))
    columns = [Column(text=variant) for variant in variants]
    caption = (
        "Score on the original inputs by prompt, with 95 % intervals; the main table averages the prompts."
    )
    return Table(caption=caption, corner="model", columns=columns, rows=table)


def _metric_table(analysis: Analysis, scenario: str) -> Table | None:
    """Write the means of the other metrics an evaluation stored, on original inputs."""
    scores = analysis.results.scores.filter(pl.col("scenario") == scenario, pl.col("perturbation").is_null())
    if not len(scores):
        return None
    runs = analysis.rows.select("model", "version", "date", "system").unique()
    scores = scores.join(runs, on=["model", "version", "date"])  # no row, no number
    if not len(scores):
        return None
    means = scores.group_by("system", "metric").agg(pl.col("value").mean(), n=pl.col("value").count())
    values = {(row["system"], row["metric"]): row for row in means.iter_rows(named=True)}
    metrics = means["metric"].unique().sort().to_list()
    rows = []
    for system in means["system"].unique().sort():
        link = rows_link(analysis.slugs[scenario], model=system, input_=ORIGINAL)
        cells = [
            Cell(
                text=significant(values[system, metric]["value"]),
                below=f"n = {values[system, metric]['n']:,}",
                href=link,
            )
            if (system, metric) in values
            else NO_CELL
            for metric in metrics
        ]
        color = analysis.systems.index(system) % 8 if system in analysis.systems else None
        rows.append(Row(head=Column(text=system), cells=cells, color=color))
    columns = [Column(text=metric.replace("_", " ")) for metric in metrics]
    caption = "Means over original inputs, without intervals and without a direction."
    return Table(caption=caption, corner="model", columns=columns, rows=rows)

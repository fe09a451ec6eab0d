"""What the page of one scenario shows: results, groups, prompts, its place in the taxonomy."""

from __future__ import annotations

import polars as pl
from markupsafe import Markup

from longwave import registry
from longwave.metrics.calibration import FEW
from longwave.report.analysis import Analysis
from longwave.report.charts import calibration_charts, group_chart, perturbation_chart, score_chart
from longwave.report.coverage import CATEGORIES
from longwave.report.differences import difference_table
from longwave.report.estimates import ESTIMATE, Estimate, find_estimate
from longwave.report.family_tables import family_link, headline_metric, present_families, value_cell
from longwave.report.formats import count, number, significant
from longwave.report.leaderboard import estimate_cell, floor_rows, significant_best, system_row
from longwave.report.links import ORIGINAL, instances_page, model_page, rows_link
from longwave.report.measures import describe_scenario, family_measure
from longwave.report.summary import at_floor
from longwave.report.tables import NO_CELL, Cell, Column, Row, Table
from longwave.report.text import markup, plain
from longwave.report.votes_page import votes_href
from longwave.scenarios import Scenario

__all__ = ["scenario_page"]

Content = dict[str, object]

_MOST_DIFFERENCES = 60  # paired tests on one page
_MOST_GROUPS = 60  # groups of instances with a row of their own


def scenario_page(analysis: Analysis, scenario: str) -> Content:
    """Collect what the page of one scenario shows."""
    known = describe_scenario(scenario)
    rows = analysis.part(scenario).rows
    charts: Content = {
        "score": score_chart(analysis, scenario),
        "perturbations": perturbation_chart(analysis, scenario),
        "groups": group_chart(analysis, scenario),
        "calibration": calibration_charts(analysis, scenario),
    }
    return {
        "description": known.description if known else "",
        "facts": _facts(analysis, scenario, known),
        "browser": instances_page(analysis.slugs[scenario]),
        "n_instances": count(rows["instance"].n_unique(), "instance"),
        "results": _results_table(analysis, scenario),
        "verdicts": _verdicts(analysis, scenario),
        "seen": _seen(analysis, scenario),
        "differences": difference_table(analysis, [scenario], most=_MOST_DIFFERENCES),
        "families": _family_table(analysis, scenario),
        "group_table": _group_table(analysis, scenario, rows),
        "prompts": _prompt_table(analysis, scenario, rows),
        "votes": votes_href(analysis, scenario),
        "metrics": _metric_table(analysis, scenario),
        "example": _example(analysis, scenario, rows),
        **charts,
        "needs_charts": any(charts.values()),
    }


def _facts(analysis: Analysis, scenario: str, known: Scenario | None) -> list[tuple[str, str]]:
    """List what is known of a scenario: its place in the taxonomy, its metric, where its rows come from."""
    measure = analysis.measures[scenario]
    metric = measure.name + (f", {measure.direction}" if measure.direction else "")
    if known is None:
        return [("metric", metric)]
    entry = registry.entries("scenarios").get(scenario)
    fields = {
        "category": CATEGORIES[known.category].lower(),
        "task": known.task,
        "what": known.what,
        "who": known.who,
        "when": known.when,
        "language": known.language,
        "metric": metric,
        "method": known.prompt.method.replace("_", " "),
        "source": known.source,
        "licence": known.licence,
        "paper": f"arXiv {entry.paper}" if entry is not None and entry.paper else "",
    }
    return [(name, text) for name, text in fields.items() if text not in ("?", "n/a", "")]


def _example(analysis: Analysis, scenario: str, rows: pl.DataFrame) -> Content | None:
    """Return the prompt of the first row that was asked, with what came back."""
    asked = rows.filter(
        pl.col("input_name") == ORIGINAL, pl.col("request_hash").is_not_null(), ~pl.col("is_floor")
    )
    requests = analysis.part(scenario).requests
    found = asked.head(1).join(requests, on="request_hash").head(1)
    if not len(found):
        return None
    row = found.row(0, named=True)
    return {
        "model": row["system"],
        "prompt": row["prompt_right"],
        "continuation": row["continuation"],
        "completions": [text or "" for text in row["completions"] or ()],
        "label": row["label"],
    }


def _seen(analysis: Analysis, scenario: str) -> list[Markup]:
    """Say which models are known to have seen the scenario."""
    sentences = []
    for system in analysis.ranked:
        point = analysis.contamination(scenario, system)
        if point is not None and analysis.cell(scenario, system) is not None:
            sentences.append(
                Markup("<b>{}</b>: {} evidence of contamination. {}").format(
                    markup(plain(system)), point.level, markup(point.description)
                )
            )
    return sentences


def _family_table(analysis: Analysis, scenario: str) -> Table | None:
    """Write the figure that stands for each family, by model; the score apart."""
    families = [
        family
        for family in present_families(analysis)
        if family != "accuracy"
        and any((scenario, system, family) in analysis.values for system in analysis.systems)
    ]
    if not families:
        return None
    shown = {family: _headlines(analysis, scenario, family) for family in families}
    rows = []
    for system in analysis.ranked:
        cells = [
            NO_CELL if metric is None else value_cell(analysis, scenario, system, family, metric)
            for family, metric in shown.items()
        ]
        rows.append(system_row(analysis, system, cells))
    columns = []
    for family, metric in shown.items():
        measure = None if metric is None else family_measure(metric, analysis.measures[scenario])
        below = "" if measure is None else measure.name + (f", {measure.unit}" if measure.unit else "")
        if metric == "expected_calibration_error":
            below = "error, points"
        arrow = "" if measure is None else measure.arrow
        columns.append(Column(text=family, below=below, arrow=arrow, href=family_link(family)))
    return Table(
        caption="One figure for each family of metrics; the others are on the pages of the families.",
        corner="model",
        columns=columns,
        rows=rows,
    )


def _headlines(analysis: Analysis, scenario: str, family: str) -> str | None:
    found = [headline_metric(analysis, scenario, system, family) for system in analysis.systems]
    return next((metric for metric in found if metric is not None), None)


def _group_table(analysis: Analysis, scenario: str, rows: pl.DataFrame) -> Table | None:
    """Write the score of each group of instances, the worst of each model and its distance from all."""
    grouped = rows.filter(
        pl.col("input_name") == ORIGINAL, pl.col("group").is_not_null(), ~pl.col("is_floor")
    )
    groups = grouped["group"].unique().sort().to_list()
    if not 2 <= len(groups) <= _MOST_GROUPS:
        return None
    found = {
        (row.pop("group"), row.pop("system")): Estimate(**{name: row[name] for name in ESTIMATE})
        for row in analysis.estimate(scenario, grouped, ["scenario", "group", "system"]).iter_rows(named=True)
    }
    systems = [name for name in analysis.ranked if any((group, name) in found for group in groups)]
    table = [
        Row(
            head=Column(text=group),
            cells=[
                estimate_cell(analysis, scenario, system, found.get((group, system)), group=group)
                for system in systems
            ],
        )
        for group in groups
    ]
    columns = [Column(text=system, href=model_page(analysis.model_slugs[system])) for system in systems]
    caption = "Score on the original inputs by group of instances, with 95 % intervals."
    return Table(caption=caption, corner="group", columns=columns, rows=table)


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
            worst = analysis.worst_cell(scenario, system)
            cells.append(estimate_cell(analysis, scenario, system, worst, edits="robustness"))
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


def _prompt_table(analysis: Analysis, scenario: str, rows: pl.DataFrame) -> Table | None:
    """Write scores by prompt variant, where a scenario was asked in several ways."""
    originals = rows.filter(
        pl.col("input_name") == ORIGINAL, pl.col("prompt").is_not_null(), ~pl.col("is_floor")
    )
    variants = originals["prompt"].unique().sort()
    if len(variants) < 2:
        return None
    found = analysis.estimate(scenario, originals, ["scenario", "system", "prompt"])
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
    part = analysis.part(scenario)
    scores = part.scores.filter(pl.col("perturbation").is_null())
    if not len(scores):
        return None
    runs = part.rows.select("model", "version", "date", "system").unique()
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

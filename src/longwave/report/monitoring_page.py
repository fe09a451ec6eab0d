"""The page of monitoring: models over time, what changed in them, for whom, and at what price."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import polars as pl

from longwave.monitoring import Comparison
from longwave.report import figures
from longwave.report.analysis import Analysis
from longwave.report.charts import Chart
from longwave.report.formats import count, number
from longwave.report.links import ORIGINAL, rows_link
from longwave.report.monitoring_figures import timeline_chart
from longwave.report.monitoring_series import Step, Watched, watch, watched_scenarios
from longwave.report.monitoring_shifts import MOST_CLASSES, n_labels, shift_matrix, shift_table
from longwave.report.monitoring_tables import (
    agreement_table,
    drift_table,
    group_table,
    price_table,
    step_table,
)
from longwave.report.tables import Cell, Column, Row, Table

__all__ = ["MONITORING_PAGE", "has_rounds", "monitoring_content"]

Content = dict[str, object]

MONITORING_PAGE = "monitoring.html"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOST_SENTENCES = 8


def has_rounds(analysis: Analysis) -> bool:
    """Tell whether a model was asked on several days, or several APIs of an archive about the same rows."""
    return bool(watched_scenarios(analysis))


def monitoring_content(analysis: Analysis, watched: Sequence[Watched] | None = None) -> Content:
    """Collect what the page of monitoring shows; what is watched is computed when left out."""
    found = (
        [watch(analysis, scenario) for scenario in watched_scenarios(analysis)]
        if watched is None
        else watched
    )
    models = sorted({model for one in found for model in one.models})
    steps = [(one, step) for one in found for step in one.steps]
    judged = [(one, step) for one, step in steps if step.verdict in ("declined", "improved")]
    judged.sort(key=lambda one: -abs(one[1].change.estimate) if one[1].change else 0.0)
    return {
        "headlines": [_headline(analysis, *one) for one in judged[:_MOST_SENTENCES]],
        "tally": _tally([step for _, step in steps]),
        "scenarios": [_section(analysis, one, models) for one in found],
        "needs_charts": True,
    }


def _tally(steps: Sequence[Step]) -> str:
    """Count the verdicts in words."""
    if not steps:
        return (
            "The same questions to several APIs, on one day each: what they cost, and how far they agree. "
            "What changed is told as soon as a model was asked on two days."
        )
    words = {name: sum(step.verdict == name for step in steps) for name in ("declined", "improved", "steady")}
    unknown = len(steps) - sum(words.values())
    rest = f", {unknown} without a score" if unknown else ""
    return (
        "The same questions on several days: what changed in the models, for whom, and at what price. "
        f"{count(len(steps), 'step')} from one day to the next: {words['declined']} declined, "
        f"{words['improved']} improved, {words['steady']} steady{rest}."
    )


def _headline(analysis: Analysis, watched: Watched, step: Step) -> Content:
    measure = analysis.measures[watched.scenario]
    size = measure.difference(step.change.estimate).lstrip("+−") if step.change else ""
    unit = " points" if measure.is_share else ""
    changed = number(100 * (1 - float(step.pair.overlap.mean())), 1)
    return {
        "href": f"#s-{watched.slug}",
        "model": step.model,
        "scenario": watched.scenario,
        "text": f"{step.verdict} by {size}{unit} from {step.before} to {step.after}; "
        f"{changed} % of its answers changed.",
    }


def _section(analysis: Analysis, watched: Watched, models: Sequence[str]) -> Content:
    shared = agreement_table(watched)
    notes = [watched.problem] if watched.problem else list(watched.notes)
    if watched.prompt is not None:
        notes.append(f'Several prompts were asked; shown is "{watched.prompt}".')
    left_out = len({step.model for step in watched.steps}) - len(watched.newest)
    return {
        "id": f"s-{watched.slug}",
        "name": watched.scenario,
        "href": f"scenarios/{watched.slug}.html",
        "notes": notes,
        "table": step_table(analysis, watched, models),
        "chart": _timeline(analysis, watched, models),
        "details": [_detail(analysis, watched, step, models) for step in watched.newest],
        "left_out": left_out,
        "prices": price_table(analysis, watched, models),
        "agreement": shared[0] if shared else None,
        "agreement_text": shared[1] if shared else "",
    }


def _detail(analysis: Analysis, watched: Watched, step: Step, models: Sequence[str]) -> Content:
    """Describe the newest step of a model; of answers that are all the same there is little to tell."""
    found = watched.detail(step)
    shown: Content = {
        "id": f"s-{watched.slug}-{models.index(step.model)}",
        "model": step.model,
        "color": models.index(step.model) % 8,
        "dates": f"{step.before} → {step.after}",
        "drift": drift_table(found),
    }
    if bool((step.pair.overlap == 1).all()):
        same = f"All {found.n:,} answers are the same on both days."
        return {**shown, "warnings": [], "sentences": [same], "groups": None, "matrix": None, "cells": None}
    measure = analysis.measures[watched.scenario]
    shift = found.shift
    slug, is_small = watched.slug, shift is not None and n_labels(shift) <= MOST_CLASSES
    matrix = shift_matrix(shift, slug=slug, systems=step.systems) if shift is not None and is_small else None
    cells = (
        shift_table(shift, slug=slug, systems=step.systems) if shift is not None and not is_small else None
    )
    return {
        **shown,
        "warnings": [text.replace('true_label "', 'label "') for text in _telling(found)],
        "sentences": list(_sentences(found)),
        "groups": group_table(watched, step, found, measure),
        "matrix": matrix,
        "cells": cells,
    }


def _telling(found: Comparison) -> Iterator[str]:
    """Yield the warnings that the tables do not show already."""
    if found.change is not None:
        yield from found.warnings


def _sentences(found: Comparison) -> Iterator[str]:
    if found.flips is not None:
        shares = {name: number(100 * share, 1) for name, share in found.flips.shares().items()}
        yield (
            f"Of the answers {shares['right_right']} % stayed right, {shares['right_wrong']} % broke, "
            f"{shares['wrong_right']} % were mended, {shares['wrong_same']} % stayed wrong and "
            f"{shares['wrong_other']} % are wrong in another way."
        )
    if found.no_answer_before or found.no_answer_after:
        yield (
            f"Without an answer: {number(100 * found.no_answer_before, 1)} % before, "
            f"{number(100 * found.no_answer_after, 1)} % after."
        )
    for name, one in found.disparities.items():
        word = "label" if name == "true_label" else name
        before, after = (number(100 * each.estimate, 1) for each in one.by_date)
        yield (
            f"Between the best and the worst {word} lie {before} points before (worst: {one.worst[0]}) and "
            f"{after} after (worst: {one.worst[1]})."
        )


def _timeline(analysis: Analysis, watched: Watched, models: Sequence[str]) -> Chart | None:
    """Draw the scores by day; None where no model has two days with a score."""
    rows = analysis.part(watched.scenario).rows.filter(
        pl.col("system").is_in(list(watched.systems.values())), pl.col("input_name") == ORIGINAL
    )
    if watched.prompt is not None:
        rows = rows.filter(pl.col("prompt") == watched.prompt)
    by = ["scenario", "model", "date", "system"]
    estimates = analysis.estimate(watched.scenario, rows, by).filter(pl.col("value").is_not_null())
    points, table = [], []
    measure = analysis.measures[watched.scenario]
    for row in estimates.sort("model", "date", "system").iter_rows(named=True):
        if not _DAY.fullmatch(row["date"] or ""):
            continue
        link = rows_link(watched.slug, model=row["system"], input_=ORIGINAL, prompt=watched.prompt)
        points.append(
            {name: row[name] for name in ("model", "date", "value", "low", "high", "n")} | {"href": link}
        )
        cells = [
            Cell(text=measure.cell(row["value"]), href=link),
            Cell(text=measure.interval(row["low"], row["high"])),
            Cell(text=f"{row['n']:,}"),
        ]
        head = Column(text=row["model"], below=row["date"])
        table.append(Row(head=head, cells=cells, color=models.index(row["model"]) % 8))
    if not any(len({one["date"] for one in points if one["model"] == model}) > 1 for model in models):
        return None
    figure, _ = timeline_chart(pl.DataFrame(points), models=models, measure=measure)
    columns = [Column(text=measure.name), Column(text="95 % interval"), Column(text="instances")]
    return Chart(
        id=f"timeline-{watched.slug}",
        title=f"{measure.name.capitalize()} by day.",
        caption="Lines up and down are 95 % intervals of each day by itself; whether two days differ is told "
        "by the paired test above.",
        spec=figures.vega_lite(figure),
        table=Table(caption="Scores as drawn.", corner="model", columns=columns, rows=table),
    )

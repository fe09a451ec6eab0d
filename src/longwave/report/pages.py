"""What the first page, the pages of families and the hub of the rows show."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from longwave.evaluation import VoteFigures
from longwave.report.analysis import Analysis
from longwave.report.charts import curve_charts, overview_charts, palette
from longwave.report.costs import efficiency_table
from longwave.report.differences import difference_table
from longwave.report.family_tables import (
    FAMILY_TEXTS,
    family_link,
    family_tables,
    overview_table,
    present_families,
)
from longwave.report.formats import count
from longwave.report.leaderboard import leaderboard_table
from longwave.report.links import model_page, rows_link
from longwave.report.monitoring_series import Watched
from longwave.report.summary import summarise
from longwave.report.tables import NO_CELL, Cell, Column, Row, Table
from longwave.report.text import plain
from longwave.report.votes_page import VOTES_PAGE

__all__ = ["describe_extent", "family_page", "index_page", "rows_page"]

Content = dict[str, object]

_MOST_DIFFERENCES = 12  # rows of paired tests on the first page; more stand on the scenarios' pages
_MOST_CELLS = 300  # numbers of the first page's leaderboard; a larger one stands on a page of its own
_SECTIONS = {
    "leaderboard": ("scores", "Scores"),
    "families": ("families", "Families of metrics"),
    "differences": ("differences", "Differences"),
    "efficiency": ("efficiency", "Efficiency"),
    "curves": ("training", "Training"),
    "samples": ("samples", "What the models write"),
}


def index_page(
    analysis: Analysis, *, votes: VoteFigures | None = None, watched: Sequence[Watched] = ()
) -> Content:
    """Collect what the first page shows.

    Parameters
    ----------
    analysis : Analysis
    votes : VoteFigures, optional
        Where prompts vote.
    watched : sequence of Watched
        Scenarios that were asked on several days.
    """
    has_few = len(analysis.comparisons) <= _MOST_DIFFERENCES
    is_small = len(analysis.systems) * len(analysis.scenarios) <= _MOST_CELLS
    compared = sorted(set(analysis.comparisons["scenario"]))
    content: Content = {
        "meta": describe_extent(analysis),
        "summary": summarise(analysis, votes=votes, watched=watched),
        "n_tests": len(analysis.comparisons),
        "notes": analysis.results.notes,
        "leaderboard": leaderboard_table(analysis, is_brief=not is_small, has_means=not is_small)
        if analysis.n_rows
        else None,
        "more": "" if is_small else family_link("accuracy"),
        "charts": overview_charts(analysis) if is_small else [],
        "families": overview_table(analysis),
        "differences": difference_table(analysis, analysis.scenarios) if has_few else None,
        "elsewhere": [] if has_few else [(name, analysis.slugs[name]) for name in compared],
        "has_pairs": bool(analysis.pairs),
        "votes": VOTES_PAGE if len(analysis.findings.votes) else "",
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


def family_page(analysis: Analysis, family: str) -> Content:
    """Collect what the page of a family of metrics shows: a leaderboard for each of its figures."""
    return {
        "description": FAMILY_TEXTS[family],
        "tables": family_tables(analysis, family),
        "others": [(one, family_link(one)) for one in present_families(analysis) if one != family],
    }


def describe_extent(analysis: Analysis) -> list[str]:
    """Count models, scenarios and predictions, and tell their dates."""
    if not analysis.n_rows:
        return ["no predictions"]
    dates = analysis.overview["date"].drop_nulls().unique().sort()
    days = [dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"] if len(dates) else []
    return [
        count(len(analysis.systems), "model"),
        count(len(analysis.scenarios), "scenario"),
        count(analysis.n_rows, "prediction"),
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
    counted = analysis.overview.group_by("scenario", "system").agg(pl.col("rows").sum())
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
        href = None if is_floor else model_page(analysis.model_slugs[system])
        head = Column(text=system, below="floor" if is_floor else "", href=href)
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

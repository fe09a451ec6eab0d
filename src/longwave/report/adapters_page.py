"""The page of groups: worst group, average and gap of methods on frozen embeddings, and how groups lie."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import altair as alt
import numpy as np
import polars as pl

from longwave.evaluation.adapted import GROUPS_PREFIX
from longwave.predictions import wilson_interval
from longwave.report import figures
from longwave.report.adapters_maps import GroupMapFile, Lie, read_group_maps
from longwave.report.analysis import Analysis
from longwave.report.charts import Chart
from longwave.report.formats import ABSENT, count, number
from longwave.report.links import model_page, rows_link
from longwave.report.tables import Cell, Column, Row, Table

__all__ = ["GROUPS_PAGE", "WorstGroup", "group_scenarios", "groups_content", "has_groups", "worst_groups"]

Content = dict[str, object]

GROUPS_PAGE = "groups.html"
_WHO = ("model", "version", "date")
_MOST_SYSTEMS = 8  # with pictures
_MOST_NAMES = 8  # groups that have a shape of their own
_FROZEN = "frozen"


def has_groups(analysis: Analysis) -> bool:
    """Tell whether there is a scenario of embeddings with groups."""
    return bool(group_scenarios(analysis))


def groups_content(analysis: Analysis, folder: Path) -> Content:
    """Collect what the page of groups shows.

    Parameters
    ----------
    analysis : Analysis
    folder : Path
        That of the analysis, with ``group_maps/``.
    """
    maps, notes = read_group_maps(folder)
    sections = [
        _section(analysis, scenario, [one for one in maps if one.scenario == scenario])
        for scenario in group_scenarios(analysis)
    ]
    return {"notes": notes, "scenarios": sections, "needs_charts": True}


def group_scenarios(analysis: Analysis) -> list[str]:
    """List the scenarios of embeddings with groups."""
    return [name for name in analysis.scenarios if name.startswith(GROUPS_PREFIX)]


@dataclass(frozen=True, kw_only=True)
class WorstGroup:
    """What a method is worth to the group that it serves worst.

    Parameters
    ----------
    system, model : str
        Name in the report, and of the method.
    group, n : str, int
        The worst group of the first seed, and its points.
    shares, averages : tuple of float
        Accuracy of the worst group and over all points, by seed.
    """

    system: str
    model: str
    group: str
    n: int
    shares: tuple[float, ...]
    averages: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Accuracy of the worst group, averaged over seeds."""
        return statistics.mean(self.shares)

    @property
    def spread(self) -> str:
        """Bounds of a single seed's interval in percent, of several the standard deviation."""
        if len(self.shares) > 1:
            return f"± {number(100 * statistics.stdev(self.shares), 1)} over {len(self.shares)} seeds"
        return _interval(self.shares[0], self.n)


def worst_groups(analysis: Analysis, scenario: str) -> list[WorstGroup]:
    """Find the worst group of every method with right or wrong answers, in the order of the palette."""
    rows = analysis.part(scenario).rows.filter(
        ~pl.col("is_floor"), pl.col("group").is_not_null(), pl.col("correct").is_not_null()
    )
    found = []
    for system in analysis.systems:
        own = rows.filter(pl.col("system") == system)
        if not len(own):
            continue
        by_seed = (
            own.group_by("trial", "group").agg(pl.col("correct").mean(), pl.len()).sort("trial", "group")
        )
        averages = own.group_by("trial").agg(pl.col("correct").mean()).sort("trial")["correct"].to_list()
        worsts = [part.sort("correct", "group").row(0, named=True) for part in by_seed.partition_by("trial")]
        one = WorstGroup(
            system=system,
            model=str(own["model"][0]),
            group=str(worsts[0]["group"]),
            n=int(worsts[0]["len"]),
            shares=tuple(float(worst["correct"]) for worst in worsts),
            averages=tuple(averages),
        )
        found.append(one)
    return found


def _section(analysis: Analysis, scenario: str, maps: Sequence[GroupMapFile]) -> Content:
    rows = analysis.part(scenario).rows.filter(~pl.col("is_floor"), pl.col("group").is_not_null())
    names = {row[:3]: row[3] for row in rows.select(*_WHO, "system").unique().iter_rows()}
    lies = {names[key]: one for one in maps if (key := (one.model, one.version, one.date)) in names}
    lies = {system: lies[system] for system in analysis.systems if system in lies}
    slug = analysis.slugs[scenario]
    return {
        "id": f"s-{slug}",
        "name": scenario,
        "href": f"scenarios/{slug}.html",
        "table": _worst_table(analysis, scenario, lies),
        "charts": _charts(slug, lies),
        "left_out": max(0, len(lies) - _MOST_SYSTEMS),
    }


def _worst_table(analysis: Analysis, scenario: str, lies: Mapping[str, GroupMapFile]) -> Table:
    """Write worst group, average and gap of every method, those with the best worst group first."""
    slug = analysis.slugs[scenario]
    listed = []
    for one in worst_groups(analysis, scenario):
        gaps = [100 * (average - worst) for average, worst in zip(one.averages, one.shares, strict=True)]
        told = [
            Cell(
                text=_spread([100 * share for share in one.shares], " %"),
                below=one.spread if len(one.shares) == 1 else "",
                href=rows_link(slug, model=one.system, group=one.group),
            ),
            Cell(text=one.group, below=f"{one.n:,} points", is_text=True),
            Cell(
                text=_spread([100 * share for share in one.averages], " %"),
                href=rows_link(slug, model=one.system),
            ),
            Cell(text=_spread(gaps, "")),
            *_lie_cells(lies.get(one.system)),
        ]
        head = Column(
            text=one.system,
            below=count(len(one.shares), "seed"),
            href=model_page(analysis.model_slugs[one.system]),
        )
        row = Row(head=head, cells=told, color=analysis.systems.index(one.system) % 8)
        listed.append((-one.mean, row))
    heads = [
        Column(text="worst group", below="accuracy", arrow="↑"),
        Column(text="which", below="of the first seed", is_text=True),
        Column(text="average", below="accuracy", arrow="↑"),
        Column(text="gap", below="points", arrow="↓"),
        Column(text="within classes", below="frozen → adapted"),
        Column(text="between classes", below="frozen → adapted"),
        Column(text="like neighbours", below="frozen → adapted"),
    ]
    return Table(
        caption="Accuracy of the worst group, mean ± standard deviation over seeds; of a single seed with "
        "its 95 % interval, which does not know that the worst was picked. Within and between classes: mean "
        "cosine of the points of two groups, of one class or of different ones. Like neighbours: share of "
        "the ten nearest points with the same label.",
        corner="method",
        columns=heads,
        rows=[row for _, row in sorted(listed, key=lambda one: one[0])],
    )


def _spread(values: Sequence[float], unit: str) -> str:
    mean = number(statistics.mean(values), 1)
    return f"{mean} ± {number(statistics.stdev(values), 1)}{unit}" if len(values) > 1 else f"{mean}{unit}"


def _interval(share: float, n: int) -> str:
    found = wilson_interval(round(share * n), n)
    return f"{number(100 * found.low, 1)}–{number(100 * found.high, 1)}"


def _lie_cells(one: GroupMapFile | None) -> list[Cell]:
    if one is None:
        return [Cell(text=ABSENT)] * 3

    def cosine(value: float | None) -> str:
        return ABSENT if value is None else number(value, 2)

    before, after = one.before, one.after
    return [
        Cell(text=f"{cosine(before.within)} → {cosine(after.within)}"),
        Cell(text=f"{cosine(before.between)} → {cosine(after.between)}"),
        Cell(text=f"{number(100 * before.neighbours, 1)} → {number(100 * after.neighbours, 1)} %"),
    ]


def _charts(slug: str, lies: Mapping[str, GroupMapFile]) -> list[Chart]:
    """Draw the frozen space once, then that of every method which changes it."""
    if not lies:
        return []
    first = next(iter(lies.values()))
    charts = [_chart(f"map-{slug}-{_FROZEN}", "Frozen embeddings.", first, first.before)]
    for place, (system, one) in enumerate(list(lies.items())[:_MOST_SYSTEMS]):
        if not np.allclose(one.after.at, one.before.at, atol=1e-4):  # a head alone moves nothing
            charts.append(_chart(f"map-{slug}-{place}", f"{system}, seed {one.trial}.", one, one.after))
    return charts


def _chart(name: str, title: str, one: GroupMapFile, lie: Lie) -> Chart:
    frame = pl.DataFrame(
        {
            "x": lie.at[:, 0],
            "y": lie.at[:, 1],
            "class": one.labels,
            "group": one.groups,
            "instance": one.instances,
        }
    ).with_columns(pl.col("x", "y").round_sig_figs(4))
    means = frame.group_by("class", "group").agg(pl.col("x", "y").mean(), pl.len()).sort("class", "group")
    cells = [
        Row(
            head=Column(text=row["group"]),
            cells=[
                Cell(text=row["class"], is_text=True),
                Cell(text=number(row["x"], 2)),
                Cell(text=number(row["y"], 2)),
                Cell(text=str(row["len"])),
            ],
        )
        for row in means.iter_rows(named=True)
    ]
    heads = [Column(text="class", is_text=True), *(Column(text=text) for text in ("x", "y", "points drawn"))]
    return Chart(
        id=name,
        title=title,
        caption=f"Some points of every group, on the plane in which the groups' means lie widest apart "
        f"({number(100 * lie.share, 0)} % of their variance).",
        spec=figures.vega_lite(_drawing(frame)),
        table=Table(caption="Means of the points as drawn.", corner="group", columns=heads, rows=cells),
    )


def _drawing(frame: pl.DataFrame) -> alt.LayerChart:
    values = alt.InlineData(values=frame.to_dicts())
    axis = alt.Axis(title=None, labels=False, ticks=False, grid=False, domain=False)
    groups = sorted(set(frame["group"]))
    encoding: dict[str, alt.Color | alt.Shape] = {
        "color": alt.Color("class:N", legend=alt.Legend(orient="top", title=None, columns=2))
    }
    if len(groups) <= _MOST_NAMES:
        encoding["shape"] = alt.Shape("group:N", legend=alt.Legend(orient="bottom", title=None, columns=2))
    points = (
        alt.Chart(values)
        .mark_point(filled=True, opacity=0.6, size=28)
        .encode(
            x=alt.X("x:Q", axis=axis, scale=alt.Scale(zero=False)),
            y=alt.Y("y:Q", axis=axis, scale=alt.Scale(zero=False)),
            tooltip=[alt.Tooltip(f"{name}:N") for name in ("group", "class", "instance")],
            **encoding,
        )
    )
    return alt.LayerChart(layer=[points]).properties(
        width="container", height=300, description="points of every group on a plane"
    )

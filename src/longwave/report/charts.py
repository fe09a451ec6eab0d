"""Charts with the tables behind them: which figure a page shows, its caption and where its marks lead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from longwave.metrics.calibration import FEW
from longwave.report import figures
from longwave.report.analysis import Analysis
from longwave.report.calibration import confident_rows, coverage_curve, reliability_bins
from longwave.report.formats import number, significant
from longwave.report.links import ORIGINAL, rows_link
from longwave.report.tables import NO_CELL, Cell, Column, Row, Table

__all__ = [
    "Chart",
    "calibration_charts",
    "curve_charts",
    "group_chart",
    "overview_charts",
    "palette",
    "perturbation_chart",
    "score_chart",
]

_MOST_DRAWN = 12  # models in one chart with several marks each; of more only the first ones of the ranking
_MARKS = "Dots are scores, lines their 95 % intervals."


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart of a page with its caption and the table behind it."""

    id: str
    title: str
    caption: str
    spec: dict[str, object]
    table: Table


def palette(analysis: Analysis) -> list[str]:
    """Return every name a chart may draw: ranked systems, then names of training logs and samples."""
    more = sorted({*analysis.results.curves["model"], *analysis.results.samples} - set(analysis.systems))
    return [*analysis.systems, *more]


def overview_charts(analysis: Analysis) -> list[Chart]:
    """Draw the scenarios of the first page, one chart for all whose scores can share an axis."""
    kinds: dict[str, list[str]] = {}
    for scenario in analysis.scenarios:
        measure = analysis.measures[scenario]
        is_common = measure.is_share and not measure.is_lower_better
        kinds.setdefault("" if is_common else measure.unit or measure.name, []).append(scenario)
    charts = []
    best = analysis.floors.group_by("scenario").agg(pl.all().sort_by("value").last()).sort("scenario")
    for place, (kind, scenarios) in enumerate(kinds.items(), 1):
        frame = _ranked(analysis, analysis.cells).filter(pl.col("scenario").is_in(scenarios))
        if not len(frame):
            continue
        frame = _linked(analysis, frame, input_=ORIGINAL)
        floors = best.filter(pl.col("scenario").is_in(scenarios)) if not kind else None
        measure = analysis.measures[scenarios[0]]
        if len({analysis.measures[name].name for name in scenarios}) > 1:
            measure = replace(measure, name="score")
        figure, _ = figures.score_chart(
            frame, category="scenario", systems=palette(analysis), measure=measure, floors=floors
        )
        has_floors = floors is not None and len(floors) > 0
        charts.append(
            Chart(
                id=f"overview-{place}",
                title=f"{measure.name.capitalize()} at a glance." if kind else "Scores at a glance.",
                caption=_MARKS + (" The grey bar is the higher of the floors." if has_floors else ""),
                spec=figures.vega_lite(figure),
                table=_estimate_table(analysis, frame, "scenario"),
            )
        )
    return charts


def score_chart(analysis: Analysis, scenario: str) -> Chart | None:
    """Draw the scores of one scenario with its floors."""
    frame = _ranked(analysis, analysis.cells).filter(pl.col("scenario") == scenario)
    if not len(frame):
        return None
    frame = _linked(analysis, frame, input_=ORIGINAL)
    is_share = analysis.measures[scenario].is_share
    floors = analysis.floors.filter(pl.col("scenario") == scenario, is_share)
    figure, _ = figures.score_chart(
        _prefixed(frame),
        category="system",
        systems=palette(analysis),
        measure=analysis.measures[scenario],
        floors=floors,
    )
    return Chart(
        id="score",
        title="Score by model.",
        caption=_MARKS + (" Dashed: the floors." if len(floors) else ""),
        spec=figures.vega_lite(figure),
        table=_estimate_table(analysis, frame, "system"),
    )


def perturbation_chart(analysis: Analysis, scenario: str) -> Chart | None:
    """Draw the scores on the original and each kind of perturbed input; None when nothing was perturbed."""
    rows = analysis.part(scenario).rows.filter(~pl.col("is_floor"))
    if rows["input_name"].n_unique() < 2:
        return None
    frame = analysis.estimate(scenario, rows, ["scenario", "input_name", "system"]).filter(
        pl.col("value").is_not_null(), pl.col("system").is_in(_drawn(analysis))
    )
    if not len(frame):
        return None
    frame = _linked(analysis, frame, by="input_name").sort(
        pl.col("input_name") != ORIGINAL, "input_name", "system"
    )
    return _category_chart(
        analysis,
        scenario,
        frame,
        "input_name",
        title="Score by input.",
        caption=f"{_MARKS} An input that a perturbation leaves as it was is not asked again, "
        "so the rows differ in number.",
    )


def group_chart(analysis: Analysis, scenario: str) -> Chart | None:
    """Draw the scores by group on original inputs; None when there are no groups."""
    rows = analysis.part(scenario).rows.filter(
        pl.col("input_name") == ORIGINAL,
        pl.col("group").is_not_null(),
        ~pl.col("is_floor"),
    )
    if rows["group"].n_unique() < 2:
        return None
    frame = analysis.estimate(scenario, rows, ["scenario", "group", "system"]).filter(
        pl.col("value").is_not_null(), pl.col("system").is_in(_drawn(analysis))
    )
    if not len(frame):
        return None
    frame = _linked(analysis, frame, input_=ORIGINAL, by="group")
    return _category_chart(analysis, scenario, frame, "group", title="Score by group.", caption=_MARKS)


def _category_chart(
    analysis: Analysis, scenario: str, frame: pl.DataFrame, category: str, *, title: str, caption: str
) -> Chart:
    caption += _left_out(analysis)
    figure, _ = figures.score_chart(
        _prefixed(frame), category=category, systems=palette(analysis), measure=analysis.measures[scenario]
    )
    table = _estimate_table(analysis, frame, category)
    return Chart(
        id=f"by-{category.removesuffix('_name')}",
        title=title,
        caption=caption,
        spec=figures.vega_lite(figure),
        table=table,
    )


def calibration_charts(analysis: Analysis, scenario: str) -> list[Chart]:
    """Draw reliability and selective accuracy of one scenario; empty when no model told its confidence."""
    rows = confident_rows(
        analysis.part(scenario).rows.filter(
            pl.col("input_name") == ORIGINAL, pl.col("system").is_in(_drawn(analysis))
        )
    )
    if not len(rows):
        return []
    slug, systems = analysis.slugs[scenario], palette(analysis)

    def links(frame: pl.DataFrame, least: str, most: str | None) -> pl.DataFrame:
        hrefs = [
            rows_link(
                slug, model=row["system"], input_=ORIGINAL, low=row[least], high=row[most] if most else 1.0
            )
            for row in frame.iter_rows(named=True)
        ]
        return frame.with_columns(href=pl.Series(hrefs, dtype=pl.String))

    bins = links(reliability_bins(rows), "least", "most")
    coverage = links(coverage_curve(rows), "least", None)
    few = rows.group_by("system").len()["len"].to_list()
    warning = f" Fewer than {FEW} instances: read the intervals, not the dots." if min(few) < FEW else ""
    reliability, _ = figures.reliability_diagram(_prefixed(bins), systems=systems)
    selective, _ = figures.selective_chart(_prefixed(coverage), systems=systems)
    return [
        Chart(
            id="reliability",
            title="Reliability.",
            caption="Bins of equal count with the 95 % interval of their accuracy; on the dashed line "
            f"confidence is right.{warning}{_left_out(analysis)}",
            spec=figures.vega_lite(reliability),
            table=_bin_table(analysis, bins),
        ),
        Chart(
            id="selective",
            title="Selective accuracy.",
            caption="Accuracy when only the most confident answers count; a useful confidence makes it fall."
            + _left_out(analysis),
            spec=figures.vega_lite(selective),
            table=_coverage_table(analysis, coverage),
        ),
    ]


def curve_charts(analysis: Analysis) -> list[Chart]:
    """Draw loss against tokens and against time; empty without training logs."""
    curves = analysis.results.curves
    names = palette(analysis)
    charts = []
    for against, title in (("tokens", "Loss against tokens."), ("elapsed_s", "Loss against time.")):
        if curves[against].is_null().all():
            continue
        figure, _ = figures.training_chart(curves, against=against, systems=names)
        charts.append(
            Chart(
                id=f"curve-{against.replace('_', '-')}",
                title=title,
                caption="Thin: training batches; with dots: held-out text.",
                spec=figures.vega_lite(figure),
                table=_curve_table(curves, names),
            )
        )
    return charts


def _drawn(analysis: Analysis) -> list[str]:
    """Return the models of a chart with several marks each: many would be neither legible nor light."""
    return list(analysis.systems if len(analysis.systems) <= _MOST_DRAWN else analysis.ranked[:_MOST_DRAWN])


def _left_out(analysis: Analysis) -> str:
    n = len(analysis.systems)
    return f" Drawn are the first {_MOST_DRAWN} of {n} models." if n > _MOST_DRAWN else ""


def _ranked(analysis: Analysis, cells: pl.DataFrame) -> pl.DataFrame:
    return cells.filter(pl.col("system").is_in(list(analysis.systems)), pl.col("value").is_not_null())


def _linked(
    analysis: Analysis, frame: pl.DataFrame, *, input_: str | None = None, by: str | None = None
) -> pl.DataFrame:
    """Add where the rows behind each mark are, from the report's top folder."""
    hrefs = []
    for row in frame.iter_rows(named=True):
        group = row["group"] if by == "group" else None
        name = row["input_name"] if by == "input_name" else input_
        hrefs.append(
            rows_link(analysis.slugs[row["scenario"]], model=row["system"], input_=name, group=group)
        )
    return frame.with_columns(href=pl.Series(hrefs, dtype=pl.String))


def _prefixed(frame: pl.DataFrame) -> pl.DataFrame:
    """Make the links right for a page one folder down."""
    return frame.with_columns(href="../" + pl.col("href"))


def _estimate_table(analysis: Analysis, frame: pl.DataFrame, category: str) -> Table:
    rows = []
    for row in frame.iter_rows(named=True):
        measure = analysis.measures[row["scenario"]]
        cells = [
            Cell(text=measure.cell(row["value"]), href=row["href"]),
            Cell(text=measure.interval(row["low"], row["high"]) or NO_CELL.text),
            Cell(text=f"{row['n']:,}", href=row["href"]),
        ]
        below = "" if category == "system" else row[category]
        rows.append(_row(analysis, row["system"], cells, below=below))
    unit = next(iter({analysis.measures[name].unit for name in frame["scenario"]}), "")
    columns = [Column(text="score", below=unit), Column(text="95 % interval"), Column(text="instances")]
    return Table(caption="Scores as drawn.", corner="model", columns=columns, rows=rows)


def _bin_table(analysis: Analysis, bins: pl.DataFrame) -> Table:
    rows = []
    for row in bins.iter_rows(named=True):
        percent = [number(100 * row[name], 1) for name in ("confidence", "accuracy")]
        cells = [
            Cell(text=f"{significant(row['least'])}–{significant(row['most'])}", href=row["href"]),
            Cell(text=f"{row['n']:,}", href=row["href"]),
            Cell(text=f"{percent[0]} %"),
            Cell(
                text=f"{percent[1]} %", below=f"{number(100 * row['low'], 1)}–{number(100 * row['high'], 1)}"
            ),
        ]
        rows.append(_row(analysis, row["system"], cells, below=f"bin {row['bin']}"))
    columns = [
        Column(text="confidence", below="from–to"),
        Column(text="instances"),
        Column(text="confidence", below="mean"),
        Column(text="accuracy", below="95 % interval"),
    ]
    return Table(caption="Bins of equal count, as drawn.", corner="model", columns=columns, rows=rows)


def _coverage_table(analysis: Analysis, coverage: pl.DataFrame) -> Table:
    rows = []
    for row in coverage.iter_rows(named=True):
        cells = [
            Cell(text=f"{row['n']:,}", href=row["href"]),
            Cell(text=f"{number(100 * row['accuracy'], 1)} %", href=row["href"]),
            Cell(text=significant(row["least"])),
        ]
        rows.append(
            _row(analysis, row["system"], cells, below=f"{number(100 * row['coverage'], 0)} % answered")
        )
    columns = [Column(text="instances"), Column(text="accuracy"), Column(text="confidence", below="lowest")]
    caption = "Selective accuracy as drawn; answers of equal confidence count with their mean."
    return Table(caption=caption, corner="model", columns=columns, rows=rows)


def _curve_table(curves: pl.DataFrame, names: Sequence[str]) -> Table:
    held_out = curves.filter(pl.col("split") == "validation")
    last = curves.filter(pl.col("split") == "training").group_by("model", maintain_order=True).last()
    shown = pl.concat([held_out, last.select(curves.columns)]).sort("model", "step", "split")
    rows = []
    for row in shown.iter_rows(named=True):
        cells = [
            Cell(text=f"{row['step']:,}"),
            Cell(text=f"{row['tokens']:,}"),
            Cell(text=significant(row["elapsed_s"])),
            Cell(text=number(row["bits_per_byte"], 3)),
        ]
        below = "held-out text" if row["split"] == "validation" else "last training batch"
        rows.append(
            Row(head=Column(text=row["model"], below=below), cells=cells, color=names.index(row["model"]) % 8)
        )
    columns = [
        Column(text="step"),
        Column(text="tokens"),
        Column(text="time", below="s"),
        Column(text="loss", below="bits/byte", arrow="↓"),
    ]
    caption = "Every evaluation on held-out text, and the last training batch."
    return Table(caption=caption, corner="model", columns=columns, rows=rows)


def _row(analysis: Analysis, system: str, cells: Sequence[Cell], *, below: str = "") -> Row:
    return Row(head=Column(text=system, below=below), cells=cells, color=analysis.systems.index(system) % 8)

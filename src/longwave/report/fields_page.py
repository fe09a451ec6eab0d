"""The page of fields: what operators predict beside the truth, where they err, and on which grids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from longwave.evaluation.fields import FIELD_PREFIX
from longwave.report import figures
from longwave.report.analysis import Analysis
from longwave.report.charts import Chart, palette
from longwave.report.field_cases import FieldCases, read_cases
from longwave.report.field_pictures import draw_strip
from longwave.report.formats import significant
from longwave.report.links import ORIGINAL, model_page, rows_link
from longwave.report.tables import NO_CELL, Cell, Column, Row, Table

__all__ = ["FIELDS_PAGE", "fields_content", "has_fields"]

Content = dict[str, object]

FIELDS_PAGE = "fields.html"
_ERROR = "relative L2 error"
_MOST_CHANNELS = 3  # of a sample, with pictures and spectra
_MOST_OPERATORS = 8  # beside each other in pictures
_FAINTEST = 1e-9  # of the strongest shell: what is not drawn of a spectrum
_SPECTRUM = {"system": pl.String(), "shell": pl.Int64(), "energy": pl.Float64()}
_TOLD_SHELLS = (1, 2, 4, 8, 16, 32, 64, 128)


def has_fields(analysis: Analysis) -> bool:
    """Tell whether there is a scenario of fields."""
    return any(name.startswith(FIELD_PREFIX) for name in analysis.scenarios)


def fields_content(analysis: Analysis, folder: Path) -> Content:
    """Collect what the page of fields shows.

    Parameters
    ----------
    analysis : Analysis
    folder : Path
        That of the analysis, with ``fields/``.
    """
    cases, notes = read_cases(folder)
    sections = [
        _section(analysis, scenario, [one for one in cases if one.scenario == scenario])
        for scenario in analysis.scenarios
        if scenario.startswith(FIELD_PREFIX)
    ]
    return {"notes": notes, "scenarios": sections, "needs_charts": True}


def _section(analysis: Analysis, scenario: str, cases: Sequence[FieldCases]) -> Content:
    slug, errors = analysis.slugs[scenario], _errors(analysis, scenario)
    named = _named(analysis, scenario, cases)
    return {
        "id": f"s-{slug}",
        "name": scenario,
        "href": f"scenarios/{slug}.html",
        "table": _error_table(analysis, scenario, errors),
        "chart": _resolution_chart(analysis, scenario, errors),
        "spectra": _spectrum_charts(analysis, scenario, named),
        "samples": _samples(named),
        "seeds": sorted({one.trial for one in named.values()}),
        "colors": {system: place % 8 for place, system in enumerate(analysis.systems)},
    }


def _named(analysis: Analysis, scenario: str, cases: Sequence[FieldCases]) -> dict[str, FieldCases]:
    """Return samples by the name of their system, in the order of the palette."""
    systems = analysis.part(scenario).rows.select("model", "version", "date", "system").unique()
    names = {row[:3]: row[3] for row in systems.iter_rows()}
    found = {names[key]: one for one in cases if (key := (one.model, one.version, one.date)) in names}
    return {system: found[system] for system in analysis.systems if system in found}


def _errors(analysis: Analysis, scenario: str) -> pl.DataFrame:
    """Estimate the score by system and grid; column ``points`` counts those of the first axis."""
    part = analysis.part(scenario)
    grids = dict(part.instances.select("perturbation", "input").unique("perturbation").iter_rows())
    rows = part.rows.filter(~pl.col("is_floor"))
    frame = analysis.estimate(scenario, rows, ["scenario", "input_name", "system"])
    points = [_first_axis(grids.get(None if name == ORIGINAL else name)) for name in frame["input_name"]]
    return frame.with_columns(points=pl.Series(points, dtype=pl.Int64)).sort("points", "system")


def _first_axis(text: str | None) -> int | None:
    """Read the grid from "sample 3 of darcy, 85 x 85 points: ..."."""
    words = (text or "").partition(" points")[0].rpartition(",")[2].split()
    return int(words[0]) if words and words[0].isdigit() else None


def _error_table(analysis: Analysis, scenario: str, errors: pl.DataFrame) -> Table:
    measure, slug = analysis.measures[scenario], analysis.slugs[scenario]
    grids = errors.select("input_name", "points").unique().sort("points", nulls_last=True).rows()
    found = {(row["system"], row["input_name"]): row for row in errors.iter_rows(named=True)}

    def cell(system: str, name: str) -> Cell:
        row = found.get((system, name))
        if row is None:
            return NO_CELL
        link = rows_link(slug, model=system, input_=name)
        if row["value"] is None:
            return Cell(text="none", below="see the rows", href=link)
        return Cell(
            text=measure.cell(row["value"]), below=measure.interval(row["low"], row["high"]), href=link
        )

    rows = []
    for place, system in enumerate(analysis.systems):
        cells = [cell(system, name) for name, _ in grids]
        if any(one is not NO_CELL for one in cells):
            head = Column(text=system, href=model_page(analysis.model_slugs[system]))
            rows.append(Row(head=head, cells=cells, color=place % 8))
    for row in analysis.floors.filter(pl.col("scenario") == scenario).iter_rows(named=True):
        told = Cell(text=measure.cell(row["value"]))
        cells = [told if name == ORIGINAL else NO_CELL for name, _ in grids]
        rows.append(Row(head=Column(text=row["floor"], below="floor"), cells=cells, is_floor=True))
    columns = [
        Column(
            text=f"{points} points" if points else name,
            below="trained here" if name == ORIGINAL else "same weights",
            arrow=measure.arrow,
        )
        for name, points in grids
    ]
    caption = "Relative L2 error by the points of the grid’s first axis, with 95 % intervals."
    return Table(caption=caption, corner="operator", columns=columns, rows=rows)


def _resolution_chart(analysis: Analysis, scenario: str, errors: pl.DataFrame) -> Chart | None:
    """Draw the error against the grid; None for a single grid."""
    drawn = errors.filter(
        pl.col("value") > 0, pl.col("points").is_not_null(), pl.col("system").is_in(list(analysis.systems))
    )
    if drawn["points"].n_unique() < 2:
        return None
    slug, measure = analysis.slugs[scenario], analysis.measures[scenario]
    links = [
        rows_link(slug, model=row["system"], input_=row["input_name"]) for row in drawn.iter_rows(named=True)
    ]
    figure, _ = figures.line_chart(
        drawn.with_columns(href=pl.Series(links, dtype=pl.String)),
        x=("points", "points of the first axis (log scale)"),
        y=("value", f"{_ERROR} (log scale)"),
        systems=palette(analysis),
    )
    rows = []
    for row in drawn.iter_rows(named=True):
        interval = measure.interval(row["low"], row["high"])
        rows.append(_row(analysis, row["system"], [f"{row['points']}", measure.cell(row["value"]), interval]))
    heads = [Column(text=text) for text in ("points", "error", "95 % interval")]
    return Chart(
        id=f"resolution-{slug}",
        title="Error against resolution.",
        caption="The same weights on other grids; lines are 95 % intervals.",
        spec=figures.vega_lite(figure),
        table=Table(caption="Errors as drawn.", corner="operator", columns=heads, rows=rows),
    )


def _spectrum_charts(analysis: Analysis, scenario: str, named: Mapping[str, FieldCases]) -> list[Chart]:
    """Draw the mean spectrum of truth and predictions, one chart a channel."""
    charts = []
    one = next(iter(named.values()), None)
    for channel, (name, unit) in enumerate(one.target_channels[:_MOST_CHANNELS] if one else ()):
        frame = _spectra(named, channel)
        if one is None or not len(frame):
            continue
        figure, _ = figures.line_chart(
            frame,
            x=("shell", "wave number (log scale)"),
            y=("energy", f"energy of {name} (log scale)"),
            systems=palette(analysis),
            reference="truth",
        )
        leak = "" if one.is_periodic else " These fields are not periodic: borders leak into all scales."
        charts.append(
            Chart(
                id=f"spectrum-{analysis.slugs[scenario]}-{channel}",
                title=f"Spectrum of {name}.",
                caption=f"Mean energy of all test samples by scale, in ({unit})²; dashed: the truth.{leak}",
                spec=figures.vega_lite(figure),
                table=_spectrum_table(analysis, frame),
            )
        )
    return charts


def _spectra(named: Mapping[str, FieldCases], channel: int) -> pl.DataFrame:
    """Return the energy in each shell of the truth and of every operator; what is too faint is left out."""
    one = next(iter(named.values()))
    truth = one.target_spectrum[channel]
    least = _FAINTEST * float(truth[1:].max(initial=0.0))
    lines = {"truth": truth} | {
        system: case.predicted_spectrum[channel]
        for system, case in named.items()
        if case.predicted_spectrum is not None and channel < len(case.predicted_spectrum)
    }
    rows = [
        (system, shell, float(energy))
        for system, energies in lines.items()
        for shell, energy in enumerate(energies[: min(one.resolution) // 2 + 1])
        if shell > 0 and energy > max(least, 0.0)
    ]
    return pl.DataFrame(rows, schema=_SPECTRUM, orient="row")


def _spectrum_table(analysis: Analysis, frame: pl.DataFrame) -> Table:
    shells = [shell for shell in _TOLD_SHELLS if shell in set(frame["shell"])]
    values = {(system, shell): energy for system, shell, energy in frame.iter_rows()}
    rows = []
    for system in frame["system"].unique(maintain_order=True):
        texts = [significant(values[system, s]) if (system, s) in values else NO_CELL.text for s in shells]
        rows.append(_row(analysis, system, texts))
    columns = [Column(text=f"k = {shell}") for shell in shells]
    caption = "Energy at some wave numbers, as drawn."
    return Table(caption=caption, corner="operator", columns=columns, rows=rows)


def _row(analysis: Analysis, system: str, texts: Sequence[str]) -> Row:
    color = analysis.systems.index(system) % 8 if system in analysis.systems else None
    return Row(head=Column(text=system), cells=[Cell(text=text) for text in texts], color=color)


def _samples(named: Mapping[str, FieldCases]) -> list[Content]:
    """Put the pictures of each sample together."""
    one = next(iter(named.values()), None)
    if one is None:
        return []
    alike = {
        system: case
        for system, case in named.items()
        if case.instances == one.instances and case.targets.shape == one.targets.shape
    }
    shown = dict(list(alike.items())[:_MOST_OPERATORS])
    channels = range(min(_MOST_CHANNELS, len(one.target_channels)))
    return [
        {"name": instance, "strips": [draw_strip(shown, place, channel) for channel in channels]}
        for place, instance in enumerate(one.instances)
    ]

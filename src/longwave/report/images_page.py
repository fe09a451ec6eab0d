"""The page of classified images: accuracy against resolution, kernels, confusions and some mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from longwave.report import figures
from longwave.report.analysis import Analysis
from longwave.report.charts import Chart, palette
from longwave.report.estimates import ESTIMATE, Estimate
from longwave.report.field_pictures import Scale, Tile
from longwave.report.formats import number
from longwave.report.image_cases import ImageCases, read_image_cases
from longwave.report.image_confusions import MOST_CLASSES, Confusion, confusion_matrix, confusion_table
from longwave.report.image_figures import AS_IT_IS, SHRUNK, resolution_chart
from longwave.report.image_grids import Grid, ImagePlace, image_scenarios, place_images
from longwave.report.image_pictures import KernelLayer, draw_kernels, image_address, limit_text
from longwave.report.links import anchor, instances_page, model_page, rows_link
from longwave.report.ordering import place_instances
from longwave.report.pictures import DIVERGING, scale_bar
from longwave.report.tables import NO_CELL, Cell, Column, Row, Table

__all__ = ["IMAGES_PAGE", "has_images", "images_content"]

Content = dict[str, object]
Estimates = Mapping[tuple[str, str], Estimate]  # by system and input

IMAGES_PAGE = "images.html"
_MOST_SYSTEMS = 8  # with pictures
_MOST_KERNELS = 6
_MOST_MISTAKES = 12  # of a system and grid


def has_images(analysis: Analysis, folder: Path) -> bool:
    """Tell whether there is a scenario of images."""
    return bool(image_scenarios(analysis, read_image_cases(folder)[0]))


def images_content(analysis: Analysis, folder: Path) -> Content:
    """Collect what the page of images shows.

    Parameters
    ----------
    analysis : Analysis
    folder : Path
        That of the analysis, with ``images/``.
    """
    cases, notes = read_image_cases(folder)
    sections = [
        _section(place_images(analysis, scenario, [one for one in cases if one.scenario == scenario]))
        for scenario in image_scenarios(analysis, cases)
    ]
    bar = Scale(src=scale_bar(DIVERGING), low="−", high="+", text="weight")
    return {"notes": notes, "scenarios": sections, "scale": bar, "needs_charts": True}


def _section(place: ImagePlace) -> Content:
    estimates = _estimates(place)
    drawn = place.systems[:_MOST_SYSTEMS]
    return {
        "id": f"s-{place.slug}",
        "name": place.scenario,
        "href": f"scenarios/{place.slug}.html",
        "table": _accuracy_table(place, estimates),
        "chart": _accuracy_chart(place, estimates),
        "kernels": list(_kernels(place, drawn)),
        "confusions": [_confusions(place, system) for system in drawn],
        "mistakes": list(_mistakes(place, drawn)),
        "seeds": sorted({one.trial for one in place.cases.values()}),
        "left_out": len(place.systems) - len(drawn),
    }


def _estimates(place: ImagePlace) -> Estimates:
    """Estimate the score by system and input."""
    rows = place.analysis.part(place.scenario).rows.filter(~pl.col("is_floor"))
    by = ["system", "input_name"]
    frame = place.analysis.estimate(place.scenario, rows, ["scenario", *by]).select(*by, *ESTIMATE)
    return {
        (row.pop("system"), row.pop("input_name")): Estimate(**row) for row in frame.iter_rows(named=True)
    }


def _accuracy_table(place: ImagePlace, estimates: Estimates) -> Table:
    analysis, measure = place.analysis, place.analysis.measures[place.scenario]

    def cell(system: str, grid: Grid) -> Cell:
        input_ = place.inputs.get((system, grid), "")
        found = estimates.get((system, input_))
        if found is None:
            return NO_CELL
        return Cell(
            text=measure.cell(found.value),
            below=measure.interval(found.low, found.high),
            href=rows_link(place.slug, model=system, input_=input_),
        )

    rows = [
        Row(
            head=Column(
                text=system, below=_training(place, system), href=model_page(analysis.model_slugs[system])
            ),
            cells=[cell(system, grid) for grid in place.grids],
            color=place.color(system),
        )
        for system in place.systems
    ]
    for row in analysis.floors.filter(pl.col("scenario") == place.scenario).iter_rows(named=True):
        cells = [Cell(text=measure.cell(row["value"]))] * len(place.grids)
        rows.append(Row(head=Column(text=row["floor"], below="floor"), cells=cells, is_floor=True))
    ways = {False: "as it is", True: "shrunk"}
    columns = [
        Column(text=grid.name, below=ways[grid.is_shrunk], arrow=measure.arrow) for grid in place.grids
    ]
    return Table(
        caption=f"{measure.name.capitalize()} by the grid of the test image, with 95 % intervals. Shrunk is "
        "what anybody can do: bring the image to the grid of the training first. Floors know labels alone: "
        "they are the same on every grid.",
        corner="model",
        columns=columns,
        rows=rows,
    )


def _training(place: ImagePlace, system: str) -> str:
    """Tell on which grid a system was trained, and the bandlimit of its first layer."""
    grid = place.trained(system)
    told = [f"trained at {grid.name}"] if grid and grid.sizes else []
    one = next((case for (name, _), case in place.cases.items() if name == system and case.kernels), None)
    return ", ".join(told + ([limit_text(one.kernels[0].bandlimit)] if one else []))


def _accuracy_chart(place: ImagePlace, estimates: Estimates) -> Chart | None:
    """Draw the accuracy against the grid; None for a single grid, or scores that are no shares."""
    analysis, measure = place.analysis, place.analysis.measures[place.scenario]
    grids = [grid for grid in place.grids if grid.sizes]
    if len({grid.sizes[0] for grid in grids}) < 2 or not measure.is_share:
        return None
    points, table = [], []
    for system in place.systems:
        trained = place.trained(system)
        is_shown_shrunk = any(grid.is_shrunk for name, grid in place.inputs if name == system)
        for grid in grids:
            found = estimates.get((system, place.inputs.get((system, grid), "")))
            if found is None or found.value is None:
                continue
            way = SHRUNK if grid.is_shrunk else AS_IT_IS
            texts = (grid.name, way, measure.cell(found.value), measure.interval(found.low, found.high))
            cells = [Cell(text=text) for text in texts]
            table.append(Row(head=Column(text=system), cells=cells, color=place.color(system)))
            # the dashed line begins where the solid one does
            ways = (way, SHRUNK) if grid == trained and is_shown_shrunk else (way,)
            points += [_point(place, system, grid, found) | {"way": each} for each in ways]
    if not points:
        return None
    floor = analysis.floor(place.scenario)
    figure, _ = resolution_chart(pl.DataFrame(points), systems=palette(analysis), floor=floor)
    heads = [Column(text=text) for text in ("grid", "image", measure.name, "95 % interval")]
    return Chart(
        id=f"resolution-{place.slug}",
        title="Accuracy against resolution.",
        caption="Solid: the same weights on other grids. Dashed: the image is brought to the grid of the "
        "training first. Lines are 95 % intervals" + ("." if floor is None else "; grey: the better floor."),
        spec=figures.vega_lite(figure),
        table=Table(caption="Accuracies as drawn.", corner="model", columns=heads, rows=table),
    )


def _point(place: ImagePlace, system: str, grid: Grid, found: Estimate) -> Content:
    """Write a point of the chart, without the way in which the image was shown."""
    link = rows_link(place.slug, model=system, input_=place.inputs[system, grid])
    where: Content = {"system": system, "points": grid.sizes[0], "href": link}
    return where | {"value": found.value, "low": found.low, "high": found.high, "n": found.n}


def _kernels(place: ImagePlace, systems: Sequence[str]) -> Iterator[Content]:
    """Yield the kernels of every system's first and last layer on all grids."""
    for system in systems:
        shown = place.shown(system)
        found = [(grid.name, case) for grid, name in shown if (case := place.cases.get((system, name)))]
        names = list(dict.fromkeys(one.layer for _, case in found for one in case.kernels))
        layers: list[KernelLayer] = []
        for name in names:
            grids = [(grid, one) for grid, case in found for one in case.kernels if one.layer == name]
            layers.append(draw_kernels(grids, most=_MOST_KERNELS))
        if layers:
            yield {"system": system, "color": place.color(system), "layers": layers}


def _confusions(place: ImagePlace, system: str) -> Content:
    matrices: list[Confusion] = []
    tables: list[Table] = []
    for grid, input_ in place.shown(system):
        rows = place.rows(system, input_)
        if rows["label"].is_not_null().any():
            where = {"slug": place.slug, "system": system, "input_": input_}
            if rows["label"].n_unique() <= MOST_CLASSES:
                matrices.append(confusion_matrix(rows, grid.name, **where))
            else:
                tables.append(confusion_table(rows, grid.name, **where))
    return {"system": system, "color": place.color(system), "matrices": matrices, "tables": tables}


def _mistakes(place: ImagePlace, systems: Sequence[str]) -> Iterator[Content]:
    """Yield the pictures of some misclassified images of every system, grid by grid."""
    pages = dict(
        place_instances(place.analysis.part(place.scenario).rows).select("instance", "page").iter_rows()
    )
    for system in systems:
        grids = []
        for grid, input_ in place.shown(system):
            case = place.cases.get((system, input_))
            tiles = list(_tiles(place, system, grid, case, pages)) if case else []
            link = rows_link(place.slug, model=system, input_=input_, outcome="wrong")
            if tiles:
                grids.append({"name": grid.name, "tiles": tiles, "href": link})
        if grids:
            yield {"system": system, "color": place.color(system), "grids": grids}


def _tiles(
    place: ImagePlace, system: str, grid: Grid, case: ImageCases, pages: Mapping[str, int]
) -> Iterator[tuple[Tile, str]]:
    """Yield pictures with where their rows are; what has no row any more is left out."""
    rows = place.rows(system, place.inputs[system, grid]).filter(pl.col("trial") == case.trial)
    found = {row["instance"]: row for row in rows.iter_rows(named=True)}
    for instance, pixels in list(zip(case.instances, case.images, strict=True))[:_MOST_MISTAKES]:
        row = found.get(instance)
        if row is None or row["label"] is None:
            continue
        told = row["prediction"] or "nothing"
        confidence = "" if row["confidence"] is None else number(row["confidence"], 2)
        tile = Tile(
            src=image_address(pixels),
            width=pixels.shape[2],
            height=pixels.shape[1],
            title=f"{row['label']} → {told}",
            note=confidence,
            label=f"{instance} at {grid.name}: {row['label']} taken for {told}",
        )
        yield tile, f"{instances_page(place.slug, pages[instance])}#{anchor(instance)}"

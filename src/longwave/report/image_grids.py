"""How the test images of a scenario were shown: on which grids, and what was kept of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from longwave.evaluation.fields import FIELD_PREFIX
from longwave.report.analysis import Analysis
from longwave.report.image_cases import ImageCases
from longwave.report.links import ORIGINAL

__all__ = ["Grid", "ImagePlace", "image_scenarios", "place_images"]

_WHO = ("model", "version", "date")
_INPUT = re.compile(r"(resolution|shrunk)-([0-9]{1,6})")
_PIXELS = re.compile(r", ([0-9]{1,6}) x ([0-9]{1,6}) pixels")


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A way to show a test image.

    Parameters
    ----------
    name : str
        In words: "28 × 28", or the name of the input where nothing tells its sizes.
    sizes : tuple of int
        Height and width of the test image; empty where nothing tells.
    is_shrunk : bool
        Whether the image is brought to the grid of the training.
    """

    name: str
    sizes: tuple[int, ...]
    is_shrunk: bool


@dataclass(frozen=True, kw_only=True)
class ImagePlace:
    """A scenario of images.

    Parameters
    ----------
    analysis : Analysis
    scenario : str
    inputs : mapping of (str, Grid) to str
        What a grid is called in the rows of a system: systems may be trained on different grids, and that of
        the training is "original" for each of them.
    cases : mapping of (str, str) to ImageCases
        What was kept, by system and input.
    """

    analysis: Analysis
    scenario: str
    inputs: Mapping[tuple[str, Grid], str]
    cases: Mapping[tuple[str, str], ImageCases]

    @property
    def grids(self) -> list[Grid]:
        """All grids, from the coarsest to the finest."""
        found = {grid for _, grid in self.inputs}
        return sorted(found, key=lambda one: (one.sizes == (), one.sizes, one.is_shrunk, one.name))

    def trained(self, system: str) -> Grid | None:
        """Return the grid on which a system was trained."""
        grids = (grid for (name, grid), input_ in self.inputs.items() if (name, input_) == (system, ORIGINAL))
        return next(grids, None)

    def shown(self, system: str) -> list[tuple[Grid, str]]:
        """Return the grids on which a system saw the images as they are, with their inputs."""
        return [
            (grid, self.inputs[system, grid])
            for grid in self.grids
            if not grid.is_shrunk and (system, grid) in self.inputs
        ]

    @property
    def slug(self) -> str:
        """File name of the scenario."""
        return self.analysis.slugs[self.scenario]

    @property
    def systems(self) -> list[str]:
        """Ranked systems with rows."""
        found = set(self.analysis.part(self.scenario).rows["system"])
        return [name for name in self.analysis.systems if name in found]

    def rows(self, system: str, input_: str) -> pl.DataFrame:
        """Return the rows of a system on one grid."""
        rows = self.analysis.part(self.scenario).rows
        return rows.filter(pl.col("system") == system, pl.col("input_name") == input_)

    def color(self, system: str) -> int:
        """Return the place of a system in the palette."""
        return self.analysis.systems.index(system) % 8


def image_scenarios(analysis: Analysis, cases: Sequence[ImageCases]) -> list[str]:
    """Return the scenarios of images: those with pictures, or with inputs named after a resolution."""
    told = analysis.overview.select("scenario", "perturbation").drop_nulls().unique()
    named = {scenario for scenario, perturbation in told.iter_rows() if _INPUT.fullmatch(perturbation)}
    found = named | {one.scenario for one in cases}
    return [name for name in analysis.scenarios if name in found and not name.startswith(FIELD_PREFIX)]


def place_images(analysis: Analysis, scenario: str, cases: Sequence[ImageCases]) -> ImagePlace:
    """Find how every system saw the images of a scenario, and what was kept of them."""
    part = analysis.part(scenario)
    ranked = part.rows.filter(~pl.col("is_floor"))
    texts = dict(part.instances.select("perturbation", "input").unique("perturbation").iter_rows())
    names = {row[:3]: row[3] for row in ranked.select(*_WHO, "system").unique().iter_rows()}
    kept = {
        (names[key], one.perturbation or ORIGINAL): one
        for one in cases
        if (key := (one.model, one.version, one.date)) in names
    }
    inputs = {}
    for system, perturbation in ranked.select("system", "perturbation").unique().sort(pl.all()).iter_rows():
        seen = _seen(perturbation)
        one = kept.get((system, seen or ORIGINAL))
        grid = _grid(perturbation, one.resolution if one else _sizes(texts.get(seen)))
        inputs[system, grid] = perturbation or ORIGINAL
    return ImagePlace(analysis=analysis, scenario=scenario, inputs=inputs, cases=kept)


def _seen(perturbation: str | None) -> str | None:
    """Return what an image is called that is shown as it is, instead of shrunk."""
    told = _INPUT.fullmatch(perturbation or "")
    return f"resolution-{told[2]}" if told else perturbation


def _grid(perturbation: str | None, sizes: tuple[int, ...]) -> Grid:
    """Tell the grid of a perturbation; its name has the points of the first axis."""
    told = _INPUT.fullmatch(perturbation or "")
    if told and not sizes:
        sizes = (int(told[2]), int(told[2]))
    name = " × ".join(map(str, sizes)) or perturbation or ORIGINAL
    return Grid(name=name, sizes=sizes, is_shrunk=told is not None and told[1] == "shrunk")


def _sizes(text: str | None) -> tuple[int, ...]:
    """Read "image 3 of mnist, 7 x 7 pixels"."""
    found = _PIXELS.search(text or "")
    return tuple(map(int, found.groups())) if found else ()

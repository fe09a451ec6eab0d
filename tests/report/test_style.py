"""The palette: eight colours apart for every kind of colour vision, readable on their page."""

from __future__ import annotations

import re
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest

from longwave.report.style import DARK, LIGHT, PALETTE_DARK, PALETTE_LIGHT, theme

# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB
VISION = {
    "full": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritan": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
PALETTES = pytest.mark.parametrize(
    ("palette", "page"), [(PALETTE_LIGHT, LIGHT["page"]), (PALETTE_DARK, DARK["page"])], ids=["light", "dark"]
)


def linear(color: str) -> np.ndarray:
    values = np.array([int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ rgb / np.array([0.9505, 1, 1.089])
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def contrast(first: str, second: str) -> float:
    low, high = sorted(float(linear(color) @ [0.2126, 0.7152, 0.0722]) for color in (first, second))
    return (high + 0.05) / (low + 0.05)


@PALETTES
@pytest.mark.parametrize("vision", VISION)
def test_colours_stay_apart(palette: tuple[str, ...], page: str, vision: str) -> None:
    seen = [lab(np.clip(VISION[vision] @ linear(color), 0, 1)) for color in palette]
    assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)) > 15


@PALETTES
def test_colours_have_contrast_against_the_page(palette: tuple[str, ...], page: str) -> None:
    assert min(contrast(color, page) for color in palette) >= 3


@pytest.mark.parametrize("tone", [LIGHT, DARK], ids=["light", "dark"])
def test_small_print_has_text_contrast(tone: dict[str, str]) -> None:
    assert contrast(tone["soft"], tone["page"]) >= 4.5


def test_the_stylesheet_has_the_same_palette() -> None:
    css = files("longwave.report").joinpath("static", "report.css").read_text("utf-8")
    found = re.findall(r"--model-(\d): (#[0-9a-f]{6})", css)
    assert [color for _, color in found] == [*PALETTE_LIGHT, *PALETTE_DARK]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("tone", ["wrong", "link"])
def test_numbers_on_the_darkest_cell_of_a_matrix_have_text_contrast(tone: str, dark: bool) -> None:
    css = files("longwave.report").joinpath("static", "report.css").read_text("utf-8")
    tokens = css.split("@media", 2)[1 if dark else 0]
    found = {name: re.search(rf"--{name}: (#[0-9a-f]{{6}})", tokens) for name in (tone, "faint", "ink")}
    step = re.search(r"--step: (\d+)%", tokens)
    assert step is not None
    share = 10 * int(step[1]) / 100

    def mix(place: int) -> int:
        first, second = (int(found[name][1][place : place + 2], 16) for name in (tone, "faint"))  # type: ignore[index]
        return round(share * first + (1 - share) * second)

    cell = "#" + "".join(f"{mix(place):02x}" for place in (1, 3, 5))
    assert contrast(found["ink"][1], cell) >= 4.5  # type: ignore[index]


def test_light_and_dark_differ_in_colours_only() -> None:
    light, dark = theme(), theme(dark=True)
    assert light.keys() == dark.keys()
    assert light["range"] != dark["range"]

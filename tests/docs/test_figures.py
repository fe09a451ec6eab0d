"""Pictures of the documentation are those that their script draws."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

DOCS = Path(__file__).parents[2] / "docs"
SVG = "{http://www.w3.org/2000/svg}"


def pictures(path: Path) -> list[np.ndarray]:
    """Read the pictures in a drawing: another machine may pack and round them otherwise."""
    image = pytest.importorskip("PIL.Image")
    found = ElementTree.parse(path).iter(f"{SVG}image")
    sources = [one.attrib["href"].removeprefix("data:image/png;base64,") for one in found]
    return [
        np.asarray(image.open(io.BytesIO(base64.b64decode(each))).convert("RGB"), int) for each in sources
    ]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("figures")
    subprocess.run([sys.executable, str(DOCS / "build_figures.py"), "--out", str(out)], check=True)
    return out


@pytest.mark.slow
def test_the_kernels_of_s4nd_are_those_of_the_program(drawn: Path) -> None:
    there, here = (pictures(folder / "s4nd_kernels.svg") for folder in (DOCS / "assets", drawn))
    assert [one.shape for one in there] == [(points, points, 3) for points in (14, 28, 56)] * 6
    assert max(np.abs(one - other).max() for one, other in zip(there, here, strict=True)) <= 2


@pytest.mark.slow
def test_a_drawing_says_what_it_shows(drawn: Path) -> None:
    root = ElementTree.parse(drawn / "s4nd_kernels.svg").getroot()
    named = {one.attrib["id"] for one in root if one.tag in (f"{SVG}title", f"{SVG}desc")}
    assert set(root.attrib["aria-labelledby"].split()) == named
    texts = [one.text for one in root.iter(f"{SVG}text")]
    assert texts.count("28 × 28") == 6
    assert "BANDLIMIT 0.25" in texts


SCRIPT = (DOCS / "_figures.py").read_text("utf-8")
CHARTS = re.findall(r"^def ([a-z]\w+)\(\) -> str", SCRIPT, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_what_the_program_draws(drawn: Path, name: str) -> None:
    there, here = ((folder / f"{name}.svg").read_text("utf-8") for folder in (DOCS / "assets", drawn))
    number = r"-?\d+(?:\.\d+)?"
    assert re.sub(number, "#", there) == re.sub(number, "#", here)
    pairs = zip(re.findall(number, there), re.findall(number, here), strict=True)
    assert max(abs(float(one) - float(other)) for one, other in pairs) <= 2  # pixels, or points of a share


def test_every_chart_of_the_script_is_there_and_shown() -> None:
    pages = "".join(path.read_text("utf-8") for path in (DOCS / "concepts").glob("*.md"))
    assert CHARTS
    assert [name for name in CHARTS if f"../assets/{name}.svg" not in pages] == []
    assert [name for name in CHARTS if not (DOCS / "assets" / f"{name}.svg").is_file()] == []

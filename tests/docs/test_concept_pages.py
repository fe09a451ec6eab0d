"""The page of a system has a formula, a figure, results beside the published ones, and what differs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CONCEPTS = Path(__file__).parents[2] / "docs" / "concepts"
SYSTEMS = ("hyena", "long_conv_layer", "h3", "s4nd", "t1", "helm", "ama", "legalbench", "hapi")
HEADS = ("## The formula", "## Results against the published ones", "## Known differences")


def _sections(system: str) -> dict[str, str]:
    """Return the text below each heading of the second level."""
    parts = re.split(r"^(## .+)$", (CONCEPTS / f"{system}.md").read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("system", SYSTEMS)
def test_headings_stand_in_one_order(system: str) -> None:
    assert [head for head in _sections(system) if head in HEADS] == list(HEADS)


@pytest.mark.parametrize("system", SYSTEMS)
def test_formula_is_set_apart(system: str) -> None:
    assert re.search(r"^    \S.*=|^    \w+ +\S", _sections(system)[HEADS[0]], re.MULTILINE)


@pytest.mark.parametrize("system", SYSTEMS)
def test_figure_exists_and_says_what_it_shows(system: str) -> None:
    text = (CONCEPTS / f"{system}.md").read_text("utf-8")
    found = re.findall(r"!\[([^\]]{40,})\]\(\.\./assets/(\w+\.svg)\)", text)
    assert found
    assert all((CONCEPTS.parent / "assets" / name).is_file() for _, name in found)


@pytest.mark.parametrize("system", SYSTEMS)
def test_results_stand_beside_the_published_ones_with_their_source(system: str) -> None:
    section = _sections(system)[HEADS[1]]
    assert "\n| --- |" in section
    folders = re.findall(r"`benchmarks/(\w+)`", section)
    assert folders or system == "legalbench"  # where no model was at hand
    assert all((CONCEPTS.parents[1] / "benchmarks" / folder / "README.md").is_file() for folder in folders)


@pytest.mark.parametrize("system", SYSTEMS)
def test_differences_are_listed(system: str) -> None:
    assert len(re.findall(r"^(?:\| (?!---)|\* )", _sections(system)[HEADS[2]], re.MULTILINE)) >= 3

"""The pages of the families of metrics name every metric, and the overview every summary."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from longwave import metrics, registry
from longwave.metrics import FAMILIES, get_metric

CONCEPTS = Path(__file__).parents[2] / "docs" / "concepts"
NAMES = sorted(
    entry.name for entry in registry.entries("metrics").values() if entry.target.startswith("longwave.")
)
TABLE_HEAD = "## Where we differ from HELM's code, and why"
# the lexicon's metrics stand under the names of their measures, too
PAGES = {family: (CONCEPTS / "metrics" / f"{family}.md").read_text("utf-8") for family in FAMILIES}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_metric_stands_on_the_page_of_a_family(family: str) -> None:
    own = [name for name in NAMES if get_metric(name).family == family]
    everywhere = "".join(PAGES.values())
    assert own
    assert [name for name in own if f"`{name}`" not in everywhere] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_page_of_a_family_has_its_sections(family: str) -> None:
    assert "\n## Intervals\n" in PAGES[family]
    assert f"\n{TABLE_HEAD}\n" in PAGES[family]


def test_every_public_summary_stands_on_the_overview() -> None:
    text = (CONCEPTS / "metrics.md").read_text("utf-8")
    summaries = [name for name in metrics.__all__ if name.startswith("summarize_")]
    assert [name for name in summaries if f"`{name}`" not in text] == []


@pytest.mark.parametrize("family", FAMILIES)
def test_compat_that_a_page_offers_exists(family: str) -> None:
    for name in re.findall(r"`(\w+)\([^`]*compat=\"helm\"\)`", PAGES[family]):
        assert "compat" in getattr(metrics, name).__annotations__

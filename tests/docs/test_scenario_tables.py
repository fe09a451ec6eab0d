"""The tables of scenarios on their page say what the registry says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from longwave import registry
from longwave.evaluation import list_suites
from longwave.scenarios import Scenario, get_scenario

PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "scenarios.md"
HEADS = ("scenario", "task", "form", "shots", "tokens", "main metric", "rows", "licence")
FORMS = {
    "generation": "generation",
    "multiple_choice_joint": "joint",
    "multiple_choice_separate": "separate",
    "multiple_choice_separate_calibrated": "calibrated",
    "ranking_binary": "ranking",
    "language_modeling": "language",
}
SECTIONS = {
    "core": "Core",
    "language": "Language",
    "knowledge": "Knowledge",
    "reasoning": "Reasoning",
    "copyright": "Memorisation and copyright",
    "disinformation": "Disinformation",
    "bias": "Bias",
    "toxicity": "Toxicity",
    "efficiency": "Efficiency",
    "own": "Our own",
}
NAMES = sorted(
    entry.name for entry in registry.entries("scenarios").values() if entry.target.startswith("longwave.")
)


def cells_of(scenario: Scenario) -> tuple[str, ...]:
    """Write what the page should say about a scenario."""
    prompt = scenario.prompt
    tokens = [str(prompt.max_tokens)]
    tokens += [f"T {prompt.temperature}"] if prompt.temperature else []
    tokens += [f"{prompt.n_outputs} outputs"] if prompt.n_outputs > 1 else []
    return (
        f"`{scenario.key}`",
        scenario.task,
        FORMS[prompt.method],
        str(prompt.max_train_instances),
        ", ".join(tokens),
        f"`{scenario.main_metric}`",
        rows_of(scenario),
        scenario.licence,
    )


def rows_of(scenario: Scenario) -> str:
    """Say where the rows come from."""
    if scenario.source.startswith("generated"):
        return "generated"
    if scenario.official is None:
        return "bundled"
    if not scenario.official.files:
        return "by hand"
    return "bundled, fetched" if scenario.is_offline else "fetched"


def rows_on_page() -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return section and cells of every row of the tables of scenarios, by name."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    section, is_inside = "", False
    for line in PAGE.read_text("utf-8").splitlines():
        if line.startswith("#"):
            section = line.lstrip("# ")
        cells = tuple(cell.strip() for cell in line.strip("|").split("|")) if line.startswith("|") else ()
        is_inside = cells == HEADS or (is_inside and bool(cells))
        name = re.fullmatch(r"`([\w-]+@\d+)`", cells[0]) if cells else None
        if is_inside and name:
            assert name[1] not in found, f"{name[1]} stands twice"
            found[name[1]] = (section, cells)
    return found


def test_every_scenario_stands_on_the_page_once() -> None:
    assert sorted(rows_on_page()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_row_of_a_scenario_says_what_the_registry_says(name: str) -> None:
    scenario = get_scenario(name)
    assert rows_on_page()[name] == (SECTIONS[scenario.category], cells_of(scenario))


def test_forms_are_explained() -> None:
    text = PAGE.read_text("utf-8")
    assert [name for name, form in FORMS.items() if f"| {form} | `{name}` |" not in text] == []


def test_page_counts_what_helm_counts() -> None:
    categories = [get_scenario(name).category for name in NAMES]
    probes = sum(name.startswith("synthetic_efficiency_") for name in NAMES)
    assert categories.count("core") == 16
    assert len(categories) - categories.count("core") - categories.count("own") - probes == 26


def test_table_of_suites_says_what_there_is() -> None:
    rows = PAGE.read_text("utf-8").partition("| suite | scenarios |")[2].partition("\n\n")[0]
    assert rows.splitlines()[2:] == [f"| `{suite.name}` | {suite.description} |" for suite in list_suites()]

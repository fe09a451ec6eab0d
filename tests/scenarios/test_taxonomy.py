from __future__ import annotations

from collections import Counter
from dataclasses import fields

import pytest

from longwave import registry
from longwave.errors import ConfigError
from longwave.registry import Entry
from longwave.scenarios import (
    AbsentScenario,
    TaxonomyRow,
    get_scenario,
    list_absent,
    list_scenarios,
    taxonomy_table,
)


def test_the_table_has_a_row_for_every_registered_scenario():
    assert [row.name for row in taxonomy_table()] == [entry.name for entry in list_scenarios()]


def test_a_row_says_what_the_scenario_says():
    scenario = get_scenario("wikifact")
    row = next(row for row in taxonomy_table() if row.name == scenario.key)
    names = [field.name for field in fields(TaxonomyRow) if field.name != "name"]
    assert {name: getattr(row, name) for name in names} == {name: getattr(scenario, name) for name in names}


def test_no_row_is_read_for_the_table(monkeypatch):
    def refuse(*_):
        raise AssertionError("rows were read")

    monkeypatch.setattr("longwave.scenarios.rows.read_instances", refuse)
    monkeypatch.setattr("longwave.scenarios.official.fetch_official", refuse)
    assert taxonomy_table()


def test_an_entry_that_is_no_scenario_is_refused(monkeypatch):
    entry = Entry(kind="scenarios", name="mine@1", target="longwave.errors:nearest", description="")
    monkeypatch.setattr(registry, "entries", lambda _: {"mine@1": entry})
    with pytest.raises(ConfigError, match="must be a Scenario"):
        taxonomy_table()


def test_absent_scenarios_name_the_gaps_of_the_paper():
    gaps = Counter(
        next(name for name in ("task", "what", "when", "who", "language") if getattr(absent, name) != "?")
        for absent in list_absent()
    )
    assert gaps == {"task": 5, "what": 5, "when": 2, "who": 2}


def test_absent_scenarios_are_described_and_not_registered():
    registered = {entry.name.partition("@")[0] for entry in list_scenarios()}
    for absent in list_absent():
        assert absent.description
        assert absent.name not in registered


def test_a_field_that_is_no_gap_is_unknown():
    assert AbsentScenario(name="x", description="y").task == "?"

from __future__ import annotations

import pytest

from longwave import registry
from longwave.errors import ConfigError, UnknownName
from longwave.registry import Entry
from longwave.scenarios import ScenarioFamily, get_family, get_scenario, list_families, taxonomy_table

NAMES = [entry.name for entry in list_families()]
OTHER = ScenarioFamily(name="other", members=list, open=get_scenario)


@pytest.mark.parametrize("name", NAMES)
def test_members_open_by_the_name_they_are_listed_with(name):
    members = get_family(name).members()
    assert len(set(members)) == len(members) > 3
    assert [get_scenario(member).key for member in members[:5]] == list(members[:5])


def test_a_member_is_found_without_its_version():
    assert get_scenario("legalbench/hearsay").key == "legalbench/hearsay@1"


def test_members_have_a_place_in_the_taxonomy():
    row = taxonomy_table(["legalbench/hearsay@1"])[0]
    assert (row.name, row.licence, row.is_offline) == ("legalbench/hearsay@1", "CC-BY-4.0", True)


def test_an_unknown_family_lists_those_there_are():
    with pytest.raises(UnknownName, match=r'Unknown family of scenarios "legal"\. Did you mean "legalbench"'):
        get_scenario("legal/hearsay")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        pytest.param(get_scenario("boolq@1"), r'entry "mine" is Scenario; it must be', id="no-family"),
        pytest.param(OTHER, r'entry "mine" is the family "other"; it must be', id="other-name"),
    ],
)
def test_a_wrong_entry_of_another_package_is_refused(monkeypatch, found, message):
    entry = Entry(kind="families", name="mine", target="mine:FAMILY", description="")
    monkeypatch.setattr(registry, "entries", lambda _: {"mine": entry})
    monkeypatch.setattr(registry, "load", lambda *_: found)
    with pytest.raises(ConfigError, match=message):
        get_family("mine")

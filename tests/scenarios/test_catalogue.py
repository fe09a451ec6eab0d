from __future__ import annotations

import pytest

from longwave import registry
from longwave.errors import ConfigError, UnknownName
from longwave.registry import Entry
from longwave.scenarios import get_scenario, list_scenarios


def test_listing_names_every_bundled_scenario():
    names = {entry.name for entry in list_scenarios()}
    assert names >= {
        f"{name}@1" for name in ("blimp", "books", "boolq", "imdb", "mmlu", "openbookqa", "truthful_qa")
    }


def test_an_unknown_name_lists_the_nearest():
    with pytest.raises(UnknownName, match="boolq@1"):
        get_scenario("bolq")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("longwave.scenarios.core.boolq:read_sample", "it must be a Scenario"),
        ("longwave.scenarios.core.boolq:SCENARIO", "both must be the same name"),
    ],
    ids=["no-scenario", "other-name"],
)
def test_a_wrong_entry_of_another_package_is_refused(monkeypatch, target, message):
    entry = Entry(kind="scenarios", name="mine@1", target=target, description="")
    monkeypatch.setattr(registry, "entries", lambda _: {"mine@1": entry})
    with pytest.raises(ConfigError, match=message):
        get_scenario("mine")

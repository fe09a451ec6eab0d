from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from longwave import registry

Longwave = Callable[..., object]


@pytest.mark.parametrize("kind", [kind for kind in registry.KINDS if kind != "scenarios"])
def test_every_entry_of_a_kind_is_listed(kind: str, longwave: Longwave) -> None:
    lines = longwave("list", kind).out.splitlines()[1:]
    assert [line.split()[:2] for line in lines] == [[kind, name] for name in registry.entries(kind)]


def test_all_kinds_are_listed_when_none_is_named(longwave: Longwave) -> None:
    kinds = {line.split()[0] for line in longwave("list").out.splitlines()[1:]}
    assert kinds == {kind for kind in registry.KINDS if registry.entries(kind)}


def test_a_paper_finds_what_comes_from_it(longwave: Longwave) -> None:
    lines = longwave("list", "--paper", "2302.10866").out.splitlines()[1:]
    assert {line.split()[2] for line in lines} == {"2302.10866"}


def test_json_is_one_document(longwave: Longwave) -> None:
    assert longwave("list", "mixers", "--json").json[0].keys() == {
        "kind",
        "name",
        "target",
        "description",
        "paper",
    }


def test_scenarios_show_what_they_cover_and_the_absent_ones_last(longwave: Longwave) -> None:
    head, *lines = longwave("list", "scenarios").out.splitlines()
    names = list(registry.entries("scenarios"))
    assert head.split()[:7] == ["name", "category", "task", "what", "who", "when", "language"]
    assert [line.split()[0] for line in lines[: len(names)]] == names
    assert {line.split()[1] for line in lines[len(names) :]} == {"absent"}


def test_a_scenario_tells_whether_it_needs_a_network(longwave: Longwave) -> None:
    lines = {line.split()[0]: line.split()[-1] for line in longwave("list", "scenarios").out.splitlines()}
    assert (lines["blimp@1"], lines["raft@1"], lines["copywriting"]) == ("yes", "no", "-")


def test_json_of_scenarios_has_all_fields(longwave: Longwave) -> None:
    found = {row["name"]: row for row in longwave("list", "scenarios", "--json").json}
    assert found["wikifact@1"].keys() >= {
        "target",
        "paper",
        "category",
        "licence",
        "is_offline",
        "main_metric",
    }
    assert found["copywriting"]["kind"] == "absent"


def test_the_scenarios_of_a_paper_are_listed_without_the_absent_ones(longwave: Longwave) -> None:
    lines = longwave("list", "scenarios", "--paper", "2101.00027").out.splitlines()
    assert [line.split()[0] for line in lines] == ["name", "the_pile@1"]


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (120, ["name", "task", "what", "who", "when", "language", "licence", "offline"]),
        (80, ["name", "task", "what", "language", "offline"]),
    ],
)
def test_scenarios_fit_into_a_terminal(
    longwave: Longwave, terminal, monkeypatch: pytest.MonkeyPatch, width: int, columns: list[str]
) -> None:
    terminal("stdout")
    monkeypatch.setenv("COLUMNS", str(width))
    out = re.sub("\x1b\\[[0-9;]*m", "", longwave("list", "scenarios").out)
    head, *lines = out.splitlines()
    assert head.split() == columns
    assert max(map(len, lines)) <= width
    assert "…" not in out
    assert {"  core", "  absent"} <= {line[: line.find("  ", 2)] for line in lines}


def test_a_paper_without_entries_is_told_on_stderr(longwave: Longwave) -> None:
    ran = longwave("list", "--paper", "9999.99999")
    assert (ran.code, ran.out, '"9999.99999"' in ran.err) == (0, "", True)


def test_json_of_nothing_is_an_empty_list(longwave: Longwave) -> None:
    assert longwave("list", "--paper", "9999.99999", "--json").json == []


def test_an_unknown_kind_exits_2(longwave: Longwave) -> None:
    ran = longwave("list", "mixer")
    assert (ran.code, 'Did you mean "mixers"' in ran.err) == (2, True)


def test_suites_are_listed_with_the_number_of_their_scenarios(longwave: Longwave) -> None:
    rows = {line.split()[0]: line.split()[1] for line in longwave("list", "suites").out.splitlines()[1:]}
    assert rows["core"] == "16"
    assert {
        row["name"]: str(len(row["scenarios"])) for row in longwave("list", "suites", "--json").json
    } == rows

from __future__ import annotations

from collections.abc import Callable

import pytest

from longwave import registry

Longwave = Callable[..., object]


@pytest.mark.parametrize("kind", registry.KINDS)
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


def test_a_paper_without_entries_is_told_on_stderr(longwave: Longwave) -> None:
    ran = longwave("list", "--paper", "9999.99999")
    assert (ran.code, ran.out, '"9999.99999"' in ran.err) == (0, "", True)


def test_json_of_nothing_is_an_empty_list(longwave: Longwave) -> None:
    assert longwave("list", "--paper", "9999.99999", "--json").json == []


def test_an_unknown_kind_exits_2(longwave: Longwave) -> None:
    ran = longwave("list", "mixer")
    assert (ran.code, 'Did you mean "mixers"' in ran.err) == (2, True)

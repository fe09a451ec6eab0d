"""The lazy registry: what it lists, what it loads, what it says when a name is not there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from longwave.errors import ConfigError, UnknownName
from longwave.registry import KINDS, Entry, entries, find, load

BUILT_IN = [(kind, name) for kind in KINDS for name in entries(kind)]
IDS = [f"{kind}-{name}" for kind, name in BUILT_IN]


@pytest.fixture
def third_party(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    """Return a list; entry points put into it look installed."""
    points: list[EntryPoint] = []

    def installed(*, group: str) -> EntryPoints:
        return EntryPoints(point for point in points if point.group == group)

    monkeypatch.setattr("importlib.metadata.entry_points", installed)
    entries.cache_clear()
    yield points
    entries.cache_clear()


@pytest.mark.parametrize(("kind", "name"), BUILT_IN, ids=IDS)
def test_name_is_lower_case_and_safe_in_a_url(kind: str, name: str) -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9_.-]*(@\d+)?", name)


@pytest.mark.parametrize(("kind", "name"), BUILT_IN, ids=IDS)
def test_description_is_one_short_line(kind: str, name: str) -> None:
    assert 0 < len(find(kind, name).description) <= 100
    assert "\n" not in find(kind, name).description


@pytest.mark.parametrize(("kind", "name"), BUILT_IN, ids=IDS)
def test_target_can_be_imported(kind: str, name: str) -> None:
    assert load(kind, name) is not None


@pytest.mark.parametrize(("kind", "name"), [(k, n) for k, n in BUILT_IN if find(k, n).paper])
def test_paper_is_an_arxiv_number(kind: str, name: str) -> None:
    assert re.fullmatch(r"\d{4}\.\d{4,5}", find(kind, name).paper)


@pytest.mark.parametrize("name", list(entries("scenarios")))
def test_scenario_carries_its_version(name: str) -> None:
    assert re.fullmatch(r".+@\d+", name)


@pytest.mark.parametrize("kind", KINDS)
def test_entries_are_sorted_by_name(kind: str) -> None:
    assert list(entries(kind)) == sorted(entries(kind))


def test_listing_imports_no_target() -> None:
    code = (
        "import sys\nfrom longwave import registry\n"
        "for kind in registry.KINDS: registry.entries(kind)\n"
        "print([name for name in sys.modules if name.startswith('longwave.') and name.count('.') > 1])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(UnknownName, match='Unknown registry "mixer"'):
        entries("mixer")


def test_unknown_name_lists_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r'Unknown scenario "bolq@1"\. Did you mean "boolq@1"'):
        find("scenarios", "bolq@1")


def test_name_without_version_finds_the_newest(third_party: list[EntryPoint]) -> None:
    third_party += [EntryPoint(f"made-up@{n}", f"m:v{n}", "longwave.scenarios") for n in (2, 10, 9)]
    assert find("scenarios", "made-up").target == "m:v10"


def test_installed_package_adds_an_entry(third_party: list[EntryPoint]) -> None:
    third_party.append(EntryPoint("sqrt", "math:sqrt", "longwave.mixers"))
    assert load("mixers", "sqrt")(9.0) == 3.0


def test_entry_of_an_installed_package_says_where_it_is_from(third_party: list[EntryPoint]) -> None:
    third_party.append(EntryPoint("sqrt", "math:sqrt", "longwave.mixers"))
    assert entries("mixers")["sqrt"] == Entry(
        kind="mixers", name="sqrt", target="math:sqrt", description="from an installed package"
    )


def test_installed_package_may_not_take_a_name(third_party: list[EntryPoint]) -> None:
    third_party.append(EntryPoint("boolq@1", "math:sqrt", "longwave.scenarios"))
    with pytest.raises(ConfigError, match=r'registers the scenarios name "boolq@1", which is taken by'):
        entries("scenarios")


@pytest.mark.parametrize(
    "target", ["math:no_such_name", "no_such_module_at_all:x", "longwave.no_such_module:x"]
)
def test_entry_that_points_nowhere_is_named(third_party: list[EntryPoint], target: str) -> None:
    third_party.append(EntryPoint("broken", target, "longwave.mixers"))
    with pytest.raises(
        ConfigError, match=f'mixers entry "broken" points to "{target}", which cannot be imported'
    ):
        load("mixers", "broken")


def test_missing_optional_package_speaks_for_itself(
    third_party: list[EntryPoint], tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "needs_more.py").write_text("import a_package_nobody_has", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    third_party.append(EntryPoint("needy", "needs_more:x", "longwave.mixers"))
    with pytest.raises(ModuleNotFoundError, match="a_package_nobody_has"):
        load("mixers", "needy")

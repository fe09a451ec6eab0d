"""Families of scenarios: many of one kind behind one line of the registry, called ``FAMILY/NAME@VERSION``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from longwave import registry
from longwave.errors import ConfigError, UnknownName
from longwave.registry import Entry
from longwave.scenarios.base import Scenario

__all__ = ["ScenarioFamily", "get_family", "list_families", "open_member"]


@dataclass(frozen=True, kw_only=True)
class ScenarioFamily:
    """Scenarios that are made from one description each, when they are asked for.

    Parameters
    ----------
    name : str
        As in the registry of families, and before the stroke of its members' names.
    members : callable
        Returns the members' full names, such as ``legalbench/hearsay@1``, without reading rows.
    open : callable
        From what follows the stroke to the scenario; it may know more than ``members`` lists, such as
        variants.
    """

    name: str
    members: Callable[[], Sequence[str]]
    open: Callable[[str], Scenario]


def list_families() -> list[Entry]:
    """List the registered families by name, without importing them.

    Examples
    --------
    >>> [entry.name for entry in list_families()]
    ['ama-diagnostics', 'legalbench', 'legalbench-seed']
    """
    return list(registry.entries("families").values())


def get_family(name: str) -> ScenarioFamily:
    """Return a family by name.

    Raises
    ------
    UnknownName
        If nothing has this name; the message lists the nearest ones.
    ConfigError
        If the entry of an installed package is no family.

    Examples
    --------
    >>> len(get_family("legalbench").members())
    162
    """
    known = registry.entries("families")
    if name not in known:
        raise UnknownName("family of scenarios", name, known)
    found = registry.load("families", name)
    if not isinstance(found, ScenarioFamily) or found.name != name:
        kind = f'the family "{found.name}"' if isinstance(found, ScenarioFamily) else type(found).__name__
        raise ConfigError(
            f'The families entry "{name}" is {kind}; it must be a ScenarioFamily of that name. Mend the '
            "package that registers it."
        )
    return found


def open_member(name: str) -> Scenario:
    """Open a scenario by its full name, such as ``legalbench/hearsay@1``.

    Raises
    ------
    UnknownName
        If there is no such family, or it has no such scenario.
    """
    family, _, member = name.partition("/")
    return get_family(family).open(member)

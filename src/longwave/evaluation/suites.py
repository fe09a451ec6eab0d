"""Named suites of scenarios, kept as data in ``suites.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from longwave.errors import UnknownName

__all__ = ["Suite", "get_suite", "list_suites"]


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A named list of scenarios.

    Parameters
    ----------
    name, description : str
    scenarios : dict of str to int or None
        Instances at most of each scenario; None for all.
    """

    name: str
    description: str
    scenarios: dict[str, int | None]


def get_suite(name: str) -> Suite:
    """Return a suite by name.

    Raises
    ------
    UnknownName
        If nothing has this name; the message lists the nearest ones.

    Examples
    --------
    >>> "blimp@1" in get_suite("quickstart").scenarios
    True
    """
    suites = _read()
    if name not in suites:
        raise UnknownName("suite", name, suites)
    return suites[name]


def list_suites() -> list[Suite]:
    """List all suites by name."""
    return [suite for _, suite in sorted(_read().items())]


@cache
def _read() -> dict[str, Suite]:
    table = tomllib.loads(files("longwave.evaluation").joinpath("suites.toml").read_text("utf-8"))
    return {
        name: Suite(
            name=name,
            description=entry["description"],
            scenarios={scenario: cap or None for scenario, cap in entry["scenarios"].items()},
        )
        for name, entry in table.items()
    }

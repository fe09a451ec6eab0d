"""The taxonomy: what every registered scenario covers, and which scenarios are absent.

A scenario is a task, a domain (what it is about, who wrote it, when) and a language (section 3 of
arXiv 2211.09110). The absent ones are named there as goals, so that the gaps can be read as well.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

from longwave.scenarios.catalogue import get_scenario, list_scenarios

__all__ = ["AbsentScenario", "TaxonomyRow", "list_absent", "taxonomy_table"]


@dataclass(frozen=True, kw_only=True)
class AbsentScenario:
    """A scenario that should exist and does not; ``"?"`` where the gap is not about this field.

    Parameters
    ----------
    name, description : str
    task, what, who, when, language : str
        As in ``Scenario``.
    """

    name: str
    description: str
    task: str = "?"
    what: str = "?"
    who: str = "?"
    when: str = "?"
    language: str = "?"


@dataclass(frozen=True, kw_only=True)
class TaxonomyRow:
    """Where a registered scenario stands in the taxonomy, and how it is measured.

    Parameters
    ----------
    name : str
        With its version, as in the registry.
    category, task, what, who, when, language, licence, main_metric : str
        As in ``Scenario``.
    is_offline : bool
        Whether its rows come with the package.
    """

    name: str
    category: str
    task: str
    what: str
    who: str
    when: str
    language: str
    licence: str
    is_offline: bool
    main_metric: str


def list_absent() -> tuple[AbsentScenario, ...]:
    """List the scenarios that are absent, gaps of tasks first, then of domains and of languages.

    Examples
    --------
    >>> [absent.name for absent in list_absent() if absent.when == "distant past"]
    ['distant_past']
    """
    table = tomllib.loads((files("longwave") / "scenarios" / "absent.toml").read_text("utf-8"))
    return tuple(AbsentScenario(name=name, **fields) for name, fields in table.items())


def taxonomy_table(names: Iterable[str] | None = None) -> list[TaxonomyRow]:
    """Describe scenarios, by name; they are imported, their rows are not read.

    Parameters
    ----------
    names : iterable of str, optional
        Every registered scenario when left out; the members of a family are named (see `get_family`).

    Raises
    ------
    ConfigError
        If an entry of an installed package points to no scenario.

    Examples
    --------
    >>> [row.language for row in taxonomy_table() if row.name == "boolq@1"]
    ['English']
    """
    return [_row(name) for name in ([entry.name for entry in list_scenarios()] if names is None else names)]


def _row(name: str) -> TaxonomyRow:
    found = get_scenario(name)
    return TaxonomyRow(
        name=found.key,
        category=found.category,
        task=found.task,
        what=found.what,
        who=found.who,
        when=found.when,
        language=found.language,
        licence=found.licence,
        is_offline=found.is_offline,
        main_metric=found.main_metric,
    )

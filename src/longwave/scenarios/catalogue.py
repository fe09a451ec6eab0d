"""Find scenarios: by their registered name, or in a file of one's own."""

from __future__ import annotations

from pathlib import Path

from longwave import registry
from longwave.errors import ConfigError
from longwave.registry import Entry
from longwave.scenarios.base import Scenario
from longwave.scenarios.families import open_member
from longwave.scenarios.files import load_scenario_file

__all__ = ["get_scenario", "list_scenarios"]

FILE_ENDINGS = (".yaml", ".yml", ".json")


def get_scenario(name: str) -> Scenario:
    """Return a scenario by name or from a file.

    Parameters
    ----------
    name : str
        A registered name, with its version (``"boolq@1"``) or without (the newest one); a member of a family
        (``"legalbench/hearsay@1"``); or the path of a YAML or JSON file that describes a scenario (see
        ``load_scenario_file``).

    Raises
    ------
    UnknownName
        If nothing has this name; the message lists the nearest ones.
    MissingFile, ConfigError, DataError
        If a file is missing or wrong.

    Examples
    --------
    >>> get_scenario("boolq").key
    'boolq@1'
    """
    if name.lower().endswith(FILE_ENDINGS):
        return load_scenario_file(Path(name))
    if "/" in name:
        return open_member(name)
    entry = registry.find("scenarios", name)
    scenario = registry.load("scenarios", entry.name)
    if not isinstance(scenario, Scenario):
        raise ConfigError(
            f'The scenarios entry "{entry.name}" points to "{entry.target}", which is a '
            f"{type(scenario).__name__}; it must be a Scenario. Mend the package that registers it."
        )
    if scenario.key != entry.name:
        raise ConfigError(
            f'The scenarios entry "{entry.name}" points to the scenario "{scenario.key}"; both must be the '
            "same name with version. Mend the package that registers it."
        )
    return scenario


def list_scenarios() -> list[Entry]:
    """List the registered scenarios by name, without importing them.

    Examples
    --------
    >>> "boolq@1" in [entry.name for entry in list_scenarios()]
    True
    """
    return list(registry.entries("scenarios").values())

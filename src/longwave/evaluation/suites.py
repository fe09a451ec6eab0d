"""Named suites of scenarios, kept as data in ``suites.toml``, and suites of one's own in YAML files."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

from longwave.config import load_config
from longwave.errors import ConfigError, UnknownName

__all__ = ["Suite", "get_suite", "list_suites"]

FILE_ENDINGS = (".yaml", ".yml", ".json")


@dataclass(frozen=True, kw_only=True)
class Suite:
    """A named list of scenarios.

    Parameters
    ----------
    name, description : str
    scenarios : dict of str to int or None
        Instances at most of each scenario; None for all.
    perturbations : tuple of str
        Asked as well, where the evaluation names none.
    trials : int
        Draws of in-context examples, where the evaluation names no number.
    """

    name: str
    description: str
    scenarios: dict[str, int | None]
    perturbations: tuple[str, ...] = ()
    trials: int = 1


@dataclass(frozen=True, kw_only=True)
class SuiteFile:
    """What the file of a suite may say.

    Parameters
    ----------
    scenarios : dict of str to int
        A scenario's name, or the path of its file relative to this one, and its instances at most (0: all).
    perturbations, trials
        See ``Suite``.
    description : str
    """

    scenarios: dict[str, int] = field(default_factory=dict)
    perturbations: tuple[str, ...] = ()
    trials: int = 1
    description: str = ""


def get_suite(name: str) -> Suite:
    """Return a suite by name, or from a YAML or JSON file.

    Raises
    ------
    UnknownName
        If nothing has this name; the message lists the nearest ones.
    MissingFile, ConfigError
        If a file is missing or wrong.

    Examples
    --------
    >>> "blimp@1" in get_suite("quickstart").scenarios
    True
    """
    if name.lower().endswith(FILE_ENDINGS):
        return _read_file(Path(name))
    suites = _read()
    if name not in suites:
        raise UnknownName("suite", name, suites)
    return suites[name]


def list_suites() -> list[Suite]:
    """List all suites by name."""
    return [suite for _, suite in sorted(_read().items())]


def _read_file(path: Path) -> Suite:
    found = load_config(SuiteFile, path)
    if not found.scenarios:
        raise ConfigError(f'"scenarios" in "{path}" is empty; name at least one, for example "blimp: 100".')
    for scenario, cap in found.scenarios.items():
        if cap < 0:
            raise ConfigError(
                f'"scenarios" in "{path}" asks for {cap} instances of "{scenario}"; write a number from 1, '
                "or 0 for all."
            )
    return Suite(
        name=path.name,
        description=found.description or f"from {path.name}",
        scenarios={_beside(path, scenario): cap or None for scenario, cap in found.scenarios.items()},
        perturbations=found.perturbations,
        trials=found.trials,
    )


def _beside(path: Path, scenario: str) -> str:
    """Read a scenario's path relative to the suite's file; names stay as they are."""
    return str(path.parent / scenario) if scenario.lower().endswith(FILE_ENDINGS) else scenario


@cache
def _read() -> dict[str, Suite]:
    table = tomllib.loads(files("longwave.evaluation").joinpath("suites.toml").read_text("utf-8"))
    return {
        name: Suite(
            name=name,
            description=entry["description"],
            scenarios={scenario: cap or None for scenario, cap in entry["scenarios"].items()},
            perturbations=tuple(entry.get("perturbations", ())),
            trials=entry.get("trials", 1),
        )
        for name, entry in table.items()
    }

"""Contamination: which models are known to have seen which scenarios in training.

A mark does not change a number; it tells a reader how to take it. The bundled list holds the nine points of
arXiv 2211.09110, section 8; add your own in a YAML file of the same form (``contamination.yaml``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

from longwave.config import load_config, read_config_file
from longwave.errors import ConfigError

__all__ = ["ContaminationPoint", "Level", "find_contamination", "known_contamination", "read_contamination"]

Level = Literal["strong", "weak"]
_OWN = ("checkpoint:", "fake:", "floor:")


@dataclass(frozen=True, kw_only=True)
class ContaminationPoint:
    """One piece of evidence.

    Parameters
    ----------
    models, groups : tuple of str
        Patterns of models and of scenarios (groups are HELM's word for them, so that its files read as they
        are): ``*`` stands for anything, ``?`` for one character; case does not matter. A model is matched
        as it is called, without its kind and address (``openai:NAME@URL``), and by the last part of a path
        (``hf:OWNER/NAME``), one's own checkpoint only as it is called; a scenario with and without its
        version.
    level : {"strong", "weak"}
        Trained on the distribution of the scenario's train or test rows, or indirect evidence.
    description : str
        What is known, in one line.
    """

    models: tuple[str, ...]
    groups: tuple[str, ...]
    level: Level
    description: str

    def concerns(self, scenario: str, model: str) -> bool:
        """Tell whether this is about a model on a scenario."""
        return _matches(self.groups, (scenario, scenario.partition("@")[0])) and _matches(
            self.models, _names(model)
        )


def read_contamination(path: Path | str) -> tuple[ContaminationPoint, ...]:
    """Read ``points`` from a YAML or JSON file, each with the names of `ContaminationPoint`.

    Raises
    ------
    MissingFile
        If the file does not exist.
    ConfigError
        If a key, a type or a level is wrong, or a point names no model or no group.
    """
    path = Path(path)
    data, _ = read_config_file(path)
    listed = data.get("points")
    if set(data) != {"points"} or not isinstance(listed, list):
        raise ConfigError(
            f'"{path}" has the keys {", ".join(map(str, data)) or "none"}; accepted is "points" alone, a '
            f"list of points with models, groups, level and description."
        )
    return tuple(_point(number, entry, path) for number, entry in enumerate(listed, start=1))


def _point(number: int, entry: object, path: Path) -> ContaminationPoint:
    if not isinstance(entry, dict):
        raise ConfigError(
            f'Point {number} of "{path}" is {type(entry).__name__}; accepted are mappings with models, '
            f"groups, level and description."
        )
    try:
        point = load_config(ContaminationPoint, entry)
    except ConfigError as error:
        raise ConfigError(f'Point {number} of "{path}" cannot be read. {error}') from error
    for name in ("models", "groups"):
        if not getattr(point, name):
            raise ConfigError(
                f'Point {number} of "{path}" has no {name}; accepted are one or more patterns, such as "*". '
                f"Add one, or leave the point out."
            )
    return point


@cache
def known_contamination() -> tuple[ContaminationPoint, ...]:
    """Return the bundled points."""
    with as_file(files("longwave.evaluation").joinpath("contamination.yaml")) as path:
        return read_contamination(path)


def find_contamination(
    scenario: str, model: str, *, points: Sequence[ContaminationPoint] | None = None
) -> ContaminationPoint | None:
    """Return the strongest evidence that a model saw a scenario.

    Parameters
    ----------
    scenario : str
        With or without its version.
    model : str
        As in the ``model`` column.
    points : sequence of ContaminationPoint, optional
        Default: the bundled ones; add them to your own with ``(*known_contamination(), *own)``.

    Returns
    -------
    ContaminationPoint or None
        None where nothing is known, which is no proof that the model did not see it.

    Examples
    --------
    >>> find_contamination("the_pile@1", "hf:EleutherAI/gpt-j-6b").level
    'strong'
    """
    listed = known_contamination() if points is None else points
    found = [point for point in listed if point.concerns(scenario, model)]
    return min(found, key=lambda point: point.level != "strong", default=None)


def _names(model: str) -> tuple[str, ...]:
    if model.startswith(_OWN):  # a folder's name says nothing of a published model
        return (model,)
    bare = model.partition(":")[2] or model
    names = (model, bare, bare.partition("@")[0], model.partition("@")[0])
    return (*names, *(name.rstrip("/").rpartition("/")[2] for name in names))


def _matches(patterns: Sequence[str], names: Sequence[str]) -> bool:
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns for name in names)

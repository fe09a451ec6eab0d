"""One lazy registry for mixers, scenarios, clients, metrics, recipes, tasks and all else that has a name.

``registry.toml`` maps each name to an import target and a description, so that listing is instant and nothing
is imported until it is used. Third parties add entries through the entry point group ``longwave.<kind>``, for
example::

    [project.entry-points."longwave.mixers"]
    my-mixer = "my_package.mixers:MyMixer"
"""

from __future__ import annotations

import importlib
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from longwave.errors import ConfigError, UnknownName

__all__ = ["KINDS", "Entry", "entries", "find", "load"]

KINDS = (
    "clients",
    "families",
    "metrics",
    "mixers",
    "perturbations",
    "prompting",
    "recipes",
    "scenarios",
    "tasks",
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of a registry.

    Parameters
    ----------
    kind, name : str
        Where the entry is listed, e.g. ``"mixers"`` and ``"hyena"``.
    target : str
        What it stands for, ``"package.module:attribute"``; imported only by ``load``.
    description : str
        One line for listings.
    paper : str
        arXiv number of its source, or empty.
    """

    kind: str
    name: str
    target: str
    description: str
    paper: str = ""


@cache
def entries(kind: str) -> dict[str, Entry]:
    """List the entries of one kind by name: the built-in ones, then those of installed packages.

    Raises
    ------
    UnknownName
        If there is no such kind.
    ConfigError
        If an installed package claims a name that is taken.
    """
    if kind not in KINDS:
        raise UnknownName("registry", kind, KINDS)
    table = tomllib.loads(files("longwave").joinpath("registry.toml").read_text("utf-8"))
    found = {name: Entry(kind=kind, name=name, **line) for name, line in table.get(kind, {}).items()}
    from importlib.metadata import entry_points  # 20 ms of start-up, for those who look into the registry

    for point in entry_points(group=f"longwave.{kind}"):
        if point.name in found:
            raise ConfigError(
                f'The package behind "{point.value}" registers the {kind} name "{point.name}", which is '
                f'taken by "{found[point.name].target}". Rename or uninstall one of the two.'
            )
        origin = point.dist.name if point.dist else "an installed package"
        found[point.name] = Entry(
            kind=kind, name=point.name, target=point.value, description=f"from {origin}"
        )
    return dict(sorted(found.items()))


def find(kind: str, name: str) -> Entry:
    """Look up one entry; a name without its version (``boolq`` for ``boolq@2``) finds the newest version.

    Raises
    ------
    UnknownName
        If nothing has this name; the message lists the nearest ones.
    """
    known = entries(kind)
    if name in known:
        return known[name]
    versions = [key for key in known if key.rpartition("@")[0] == name]
    if versions:
        return known[max(versions, key=lambda key: int(key.rpartition("@")[2]))]
    raise UnknownName(kind.removesuffix("s"), name, known)


def load(kind: str, name: str) -> object:
    """Import what an entry stands for.

    Returns
    -------
    object
        The class, function or value named by the entry's target.

    Raises
    ------
    UnknownName
        If nothing has this name.
    ConfigError
        If the target does not exist in its module (a broken third-party entry).
    """
    entry = find(kind, name)
    module, _, attribute = entry.target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (AttributeError, ModuleNotFoundError) as error:
        if isinstance(error, ModuleNotFoundError) and error.name not in (module, module.partition(".")[0]):
            raise  # a missing optional package speaks for itself
        raise ConfigError(
            f'The {kind} entry "{entry.name}" points to "{entry.target}", which cannot be imported: {error}. '
            f"Reinstall the package that registers it."
        ) from error

"""Open a model from the one line that names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

from longwave import registry
from longwave.clients.base import Client
from longwave.errors import ConfigError

__all__ = ["open_client"]


def open_client(spec: str) -> Client:
    """Open a model.

    Parameters
    ----------
    spec : str
        ``KIND:REST``, for example ``checkpoint:runs/hyena``, ``fake:first`` or ``replay:results``. The kinds
        are those of the registry of clients; an installed package may add some.

    Raises
    ------
    ConfigError
        If there is no kind, or the rest is not what the kind accepts.
    UnknownName
        If no client has this kind; the message lists the nearest ones.
    MissingFile, CheckpointError, DataError
        If the model's files are missing or damaged.
    """
    kind, colon, rest = spec.partition(":")
    if not colon or not kind:
        known = ", ".join(
            entry.description.partition(",")[0] for entry in registry.entries("clients").values()
        )
        hint = f' Did you mean "checkpoint:{spec}"?' if spec and Path(spec).is_dir() else ""
        raise ConfigError(f'"{spec}" does not name a model.{hint} Write one of: {known}.')
    factory = cast(Callable[[str], Client], registry.load("clients", kind))
    return factory(rest)

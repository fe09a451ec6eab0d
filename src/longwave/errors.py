"""Every error Longwave raises on purpose.

The tree, with the built-in each error also is::

    LongwaveError
    ├── ConfigError        ValueError     a setting, a command-line value or a recipe is wrong
    │   └── UnknownName    LookupError    a name is in no registry; the message lists the nearest ones
    ├── ShapeError         ValueError     tensors do not fit together, or a sequence is too long
    ├── DataError          ValueError     a file or a corpus cannot be used
    │   ├── MissingFile    FileNotFoundError
    │   ├── CheckpointError               a checkpoint is damaged or belongs to something else
    │   └── DamagedCache                  a request cache cannot be read; it ends an evaluation
    ├── TableError         ValueError     a predictions table breaks its schema
    ├── StorageError       OSError        writing failed (disk full, no permission); finished work is kept
    │   └── FolderTaken                   another evaluation is writing to the same folder
    ├── MissingExtra       ImportError    an optional dependency is not installed
    ├── BackendUnavailable RuntimeError   a backend that was asked for cannot serve this call
    └── ClientError        RuntimeError   a model did not answer
        ├── BudgetExceeded                it would cost more than was allowed; it ends an evaluation
        ├── RateLimited
        ├── ClientTimeout  TimeoutError
        └── Refused                       the model or its server cannot or will not answer such a request

A message says what was wrong with which value, what is accepted, and what to do next.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "BackendUnavailable",
    "BudgetExceeded",
    "CheckpointError",
    "ClientError",
    "ClientTimeout",
    "ConfigError",
    "DamagedCache",
    "DataError",
    "FolderTaken",
    "LongwaveError",
    "MissingExtra",
    "MissingFile",
    "RateLimited",
    "Refused",
    "ShapeError",
    "StorageError",
    "TableError",
    "UnknownName",
    "nearest",
]


class LongwaveError(Exception):
    """Base of every error raised on purpose; catch this to catch them all."""


class ConfigError(LongwaveError, ValueError):
    """A setting, a command-line value or a recipe is wrong."""


class UnknownName(ConfigError, LookupError):
    """A name is not in its registry."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        options = sorted(known)
        close = nearest(name, options)
        hint = f" Did you mean {' or '.join(repr_name(n) for n in close)}?" if close else ""
        listing = ", ".join(options) if options else "none"
        super().__init__(f"Unknown {kind} {repr_name(name)}.{hint} Known: {listing}.")


class ShapeError(LongwaveError, ValueError):
    """Tensors do not fit together, or a sequence is longer than the model allows."""


class DataError(LongwaveError, ValueError):
    """A file or a corpus cannot be used."""


class MissingFile(DataError, FileNotFoundError):
    """A file or folder that was named does not exist."""


class CheckpointError(DataError):
    """A checkpoint is damaged, incomplete or belongs to another model."""


class DamagedCache(DataError):
    """A request cache cannot be read; unlike the errors of one request, it ends an evaluation."""


class TableError(LongwaveError, ValueError):
    """A predictions table breaks its schema."""


class StorageError(LongwaveError, OSError):
    """Writing failed, for example because the disk is full; what was finished before is kept."""


class FolderTaken(StorageError):
    """Another evaluation is writing to the same folder."""


class MissingExtra(LongwaveError, ImportError):
    """An optional dependency is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f'{feature} needs an extra; install it with: pip install "longwave[{extra}]".')


class BackendUnavailable(LongwaveError, RuntimeError):
    """A backend that was asked for by name cannot serve this call; the message says why and what can."""


class ClientError(LongwaveError, RuntimeError):
    """A model did not answer a request."""


class BudgetExceeded(ClientError):
    """The next request could cost more than was allowed; unlike other failures, it ends an evaluation."""


class RateLimited(ClientError):
    """The model's server asked to slow down and kept asking after every retry."""


class ClientTimeout(ClientError, TimeoutError):
    """The model did not answer in time."""


class Refused(ClientError):
    """The model or its server cannot or will not answer this kind of request."""


def nearest(name: str, options: Iterable[str], n: int = 3) -> list[str]:
    """Return up to ``n`` options that look most like ``name``, best first.

    Examples
    --------
    >>> nearest("hyna", ["hyena", "attention"])
    ['hyena']
    """
    return difflib.get_close_matches(name.lower(), list(options), n=n, cutoff=0.5)


def repr_name(name: str) -> str:
    """Write a name in double quotes, as every message does."""
    return f'"{name}"'

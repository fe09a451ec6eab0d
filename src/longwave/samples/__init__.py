"""Small real data that ship with the package; each folder's README says where they come from."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from longwave.errors import UnknownName

__all__ = ["list_samples", "sample_path"]


def list_samples() -> list[str]:
    """List the bundled data files as ``folder/file``, sorted.

    Examples
    --------
    >>> "books/train.txt" in list_samples()
    True
    """
    root = _root()
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(name.as_posix() for name in found if name.suffix not in (".py", ".pyc"))


def sample_path(name: str) -> Path:
    """Return where a bundled file or folder lies, e.g. ``"books/train.txt"``.

    Raises
    ------
    UnknownName
        If no such file is bundled; the message lists the nearest ones.
    """
    path = _root() / name
    if not path.exists() or not path.resolve().is_relative_to(_root().resolve()):
        raise UnknownName("sample", name, list_samples())
    return path


def _root() -> Path:
    return Path(str(files("longwave.samples")))

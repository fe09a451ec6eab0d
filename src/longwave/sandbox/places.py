"""What of this machine's files a locked-in interpreter may see: what Python itself needs, and no more."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from longwave.errors import BackendUnavailable

__all__ = ["hidden_places", "python_path", "readable_places"]

# libraries and their list, and a shell; nix keeps all of them in one place
_SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/nix/store", "/etc/ld.so.cache")


def python_path() -> str:
    """Return the interpreter itself, not a link that an environment made to it.

    Raises
    ------
    BackendUnavailable
        If this program is no Python interpreter, but has one inside.
    """
    base: str | None = getattr(sys, "_base_executable", None) or sys.executable
    if not base or not Path(base).exists():
        raise BackendUnavailable(
            "Untrusted code needs an interpreter of its own, and sys.executable names none. Run longwave "
            "from an installed Python."
        )
    return os.path.realpath(base)


@cache
def readable_places() -> list[str]:
    """List the folders, files and links that the interpreter needs."""
    prefixes = {sys.base_prefix, sys.base_exec_prefix, sysconfig.get_path("stdlib")}
    prefixes |= {str(Path(python_path()).parent), str(sysconfig.get_config_var("LIBDIR") or "")}
    real = {os.path.realpath(prefix) for prefix in prefixes if prefix and prefix != "/"}
    system = [place for place in _SYSTEM if os.path.lexists(place)]
    links = [place for place in system if Path(place).is_symlink()]
    return sorted(links + _outermost({*real, *system} - set(links)))


@cache
def hidden_places() -> list[str]:
    """List the folders inside `readable_places` that no program of the standard library needs.

    Installed packages are among them, and so is this one, whose samples hold right answers.
    """
    homes = [sys.base_prefix, sys.base_exec_prefix, "/usr", "/usr/local"]
    folders = {*site.getsitepackages(homes), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    folders |= {f"/usr/lib/python{sys.version_info.major}/dist-packages", str(Path(__file__).parents[1])}
    real = {os.path.realpath(folder) for folder in folders}
    return _outermost(
        folder for folder in real if Path(folder).is_dir() and _is_inside(folder, readable_places())
    )


def _outermost(paths: Iterable[str]) -> list[str]:
    """Leave out what does not exist or lies inside another one."""
    there = sorted(path for path in set(paths) if Path(path).exists())
    return [path for path in there if not _is_inside(path, there)]


def _is_inside(path: str, folders: Iterable[str]) -> bool:
    return any(Path(folder) in Path(path).parents for folder in folders)

"""Empty environments without the network: the wheel, and links to exactly the packages it asks for.

A link stands for what ``pip install "longwave[EXTRA]"`` would fetch, so that a package that is used and not
asked for is missed here as it would be there.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """What a command left."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Environment:
    """A virtual environment that holds the wheel."""

    folder: Path

    def run(self, *words: str) -> Ran:
        """Run a program of the environment, outside of the repository."""
        command = [str(self.folder / "bin" / words[0]), *words[1:]]
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "OMP_NUM_THREADS") if name in os.environ}
        found = subprocess.run(
            command, cwd=self.folder, env=kept, capture_output=True, text=True, check=False
        )
        return Ran(found.returncode, found.stdout, found.stderr)


def build(folder: Path, target: str) -> Path:
    """Build a ``wheel`` or an ``sdist`` of the repository as a release does."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(path for path in folder.iterdir() if path.suffix == (".whl" if target == "wheel" else ".gz"))


def read_metadata(wheel: Path) -> dict[str, list[str]]:
    """Return the fields of a wheel's METADATA that may come several times."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        parsed = Parser().parsestr(archive.read(name).decode())
    return {field: parsed.get_all(field, []) for field in ("Requires-Dist", "Provides-Extra")}


def install(wheel: Path, folder: Path, *, extra: str = "") -> Environment:
    """Make an environment with a wheel and what it asks for.

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        If one of the packages is not installed where the tests run.
    """
    names = closure(read_metadata(wheel)["Requires-Dist"], extra)
    venv.create(folder, symlinks=True)
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
    command += ["--no-index", "--no-deps", "--no-compile", "--no-build-isolation", str(wheel)]
    subprocess.run(command, check=True, capture_output=True)
    site = next((folder / "lib").glob("python*/site-packages"))
    for name in names:
        _link(importlib.metadata.distribution(name), site)
    return Environment(folder)


def closure(lines: Iterable[str], extra: str = "") -> set[str]:
    """Return the names of all packages that some requirements lead to."""
    found: set[tuple[str, str]] = set()
    waiting = [(Requirement(line), extra) for line in lines]
    while waiting:
        wanted, active = waiting.pop()
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": active}):
            continue
        new = {(wanted.name, one) for one in ("", *wanted.extras)} - found
        found |= new
        for name, each in new:
            waiting += [(Requirement(line), each) for line in importlib.metadata.requires(name) or ()]
    return {name for name, _ in found}


def _link(distribution: importlib.metadata.Distribution, site: Path) -> None:
    for top in {
        file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")
    }:
        if not (site / top).exists():
            (site / top).symlink_to(distribution.locate_file(top))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("wheel"), "wheel")


@pytest.fixture(scope="session")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("sdist"), "sdist")


@pytest.fixture(scope="session")
def extras(wheel: Path) -> list[str]:
    """Return the names of all extras."""
    return read_metadata(wheel)["Provides-Extra"]


@pytest.fixture
def installed(wheel: Path, tmp_path: Path) -> Callable[[str], Environment]:
    """Return a function that makes an environment with an extra, or with none for ``""``."""
    return lambda extra: install(wheel, tmp_path / "environment", extra=extra)


@pytest.fixture(scope="session")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Return an environment without any extra, and so without torch."""
    return install(wheel, tmp_path_factory.mktemp("bare") / "environment")

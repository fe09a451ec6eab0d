"""Official files of every scenario that has a fixture, read as its own reader reads them."""

from __future__ import annotations

import shutil
from pathlib import Path

from registry import Reader

from longwave.scenarios import get_scenario

FIXTURES = Path(__file__).parents[1] / "fixtures" / "scenarios"
NAMES = sorted(path.name for path in FIXTURES.iterdir() if path.is_dir() and path.name != "legalbench")


def reader(name: str) -> Reader:
    official = get_scenario(name).official
    if official is None:
        raise ValueError(f"{name} has no official home")
    return Reader(
        name=name,
        target="files",
        make=lambda folder: shutil.copytree(FIXTURES / name, folder / "files"),
        read=official.parse,
    )


READERS = tuple(map(reader, NAMES))

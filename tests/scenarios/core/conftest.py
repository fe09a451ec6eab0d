"""Official files in small: the fixtures of the scenarios, whole or with one file changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from longwave.scenarios import Instance, get_scenario

FIXTURES = Path(__file__).parents[2] / "fixtures" / "scenarios"


@pytest.fixture
def parse(tmp_path: Path) -> Callable[..., list[Instance]]:
    """Return a function that reads a scenario's fixture, after ``change`` had its way with one file."""

    def run(name: str, file: str = "", change: Callable[[bytes], bytes] | None = None) -> list[Instance]:
        folder = FIXTURES / name
        if change is not None:
            folder = Path(shutil.copytree(folder, tmp_path / name))
            (folder / file).write_bytes(change((folder / file).read_bytes()))
        official = get_scenario(name).official
        return official.parse(folder)

    return run

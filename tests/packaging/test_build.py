"""What a release consists of: a wheel for users, and an sdist from which the same wheel can be built."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SDIST_LIMIT_MB = 20


@pytest.fixture(scope="module")
def in_wheel(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def in_sdist(sdist: Path) -> set[str]:
    with tarfile.open(sdist) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def test_the_wheel_holds_the_package_and_its_papers_only(in_wheel: set[str]) -> None:
    assert {name.partition("/")[0] for name in in_wheel if not name.startswith("longwave-")} == {"longwave"}


def test_the_wheel_holds_no_compiled_or_hidden_file(in_wheel: set[str]) -> None:
    assert [name for name in in_wheel if re.search(r"__pycache__|\.pyc$|/\.", name)] == []


@pytest.mark.parametrize(
    "name",
    [
        "longwave/py.typed",
        "longwave/quickstart/beginnings.yaml",
        "longwave/samples/hapi/manifest.json",
        "longwave/samples/legalbench/rows.jsonl.gz",
        "longwave/samples/ama/diagnostics.jsonl.gz",
        "longwave/prompting/ama/chains/_steps.yaml",
        "longwave/evaluation/suites.toml",
    ],
)
def test_data_are_in_the_wheel(name: str, in_wheel: set[str]) -> None:
    assert name in in_wheel


def test_the_command_is_in_the_wheel(wheel: Path, in_wheel: set[str]) -> None:
    name = next(name for name in in_wheel if name.endswith("entry_points.txt"))
    with zipfile.ZipFile(wheel) as archive:
        assert "longwave = longwave.cli:main" in archive.read(name).decode()


def test_every_extra_that_a_message_names_exists(extras: list[str]) -> None:
    texts = [path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py")]
    named = {
        name
        for text in texts
        for name in re.findall(r"""MissingExtra\([^()]*(?:\([^()]*\))?[^()]*, "(\w+)"\)""", text)
    }
    assert named - set(extras) == set()


@pytest.mark.parametrize(
    "name", ["LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "constraints.txt", "tests/conftest.py"]
)
def test_the_sdist_holds_what_a_distributor_needs(name: str, in_sdist: set[str]) -> None:
    assert name in in_sdist


def test_the_sdist_is_small(sdist: Path) -> None:
    assert sdist.stat().st_size < SDIST_LIMIT_MB * 1e6


@pytest.mark.slow
def test_the_sdist_builds_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "again")]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    again = next((tmp_path / "again").iterdir())
    with zipfile.ZipFile(again) as first, zipfile.ZipFile(wheel) as second:
        found, expected = (
            {one.filename: one.CRC for one in archive.infolist()} for archive in (first, second)
        )
    assert found == expected

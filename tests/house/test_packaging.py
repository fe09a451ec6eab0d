"""What travels in the wheel, and whether the papers that go with a release agree."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import longwave

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
SIZE_LIMIT_MB = 16


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as a release does, without the network."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def contents(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_every_file_of_the_package_is_in_the_wheel(contents: set[str]) -> None:
    there = {path.relative_to(SRC).as_posix() for path in SRC.rglob("*") if path.is_file()}
    assert {name for name in there if not name.endswith(".pyc")} - contents == set()


@pytest.mark.parametrize(
    "pattern",
    [
        r"longwave/registry\.toml",
        r"longwave/monitoring/hapi/labels\.toml",
        r"longwave/py\.typed",
        r"longwave/samples/books/.+\.txt",
        r"longwave/samples/groups/.+\.npz",
        r"longwave/samples/hapi/.+\.parquet",
        r"longwave/samples/images/.+\.npz",
        r"longwave/samples/scenarios/.+\.jsonl\.gz",
        r"longwave/report/static/.+\.js",
        r"longwave/report/static/.+\.css",
        r"longwave/report/templates/.+",
        r"longwave-.+\.dist-info/licenses/LICENSE",
    ],
)
def test_data_files_are_in_the_wheel(contents: set[str], pattern: str) -> None:
    assert any(re.fullmatch(pattern, name) for name in contents)


def test_wheel_is_small(wheel: Path) -> None:
    assert wheel.stat().st_size < SIZE_LIMIT_MB * 1e6


def test_command_line_works_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import longwave; print(longwave.__file__)\n"
        "from longwave.cli import main; sys.exit(main(['list', 'scenarios']))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert found.stdout.startswith(str(tmp_path))
    assert "boolq@1" in found.stdout


def test_newest_entry_of_the_changelog_is_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.findall(r"^## (\d+\.\d+\.\d+)", text, re.MULTILINE)[0] == longwave.__version__


def test_citation_names_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.search(r"^version: (.+)$", text, re.MULTILINE)[1] == longwave.__version__


def test_citation_gives_the_date_of_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    date = re.search(r"^## \d+\.\d+\.\d+ \((\d{4}-\d{2}-\d{2})\)", changelog, re.MULTILINE)[1]
    assert f"date-released: {date}\n" in (ROOT / "CITATION.cff").read_text("utf-8")


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = [*project["project"]["optional-dependencies"].values(), *project["dependency-groups"].values()]
    wanted = [line for group in [project["project"]["dependencies"], *groups] for line in group]
    names = {re.split(r"[<>=\[]", line)[0].lower() for line in wanted if isinstance(line, str)} - {"longwave"}
    pins = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()}
    assert names - pins == set()


def test_torch_is_the_version_every_figure_was_measured_with() -> None:
    assert "torch==2.13.0\n" in (ROOT / "constraints.txt").read_text("utf-8")

"""What users may import: listed, sorted, documented, light."""

from __future__ import annotations

import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "longwave"
API_PAGE = ROOT / "docs" / "reference" / "api.md"
FORBIDDEN_AT_IMPORT = ("torch", "polars", "pydantic", "yaml", "typer", "rich", "jinja2", "altair", "httpx")
TIME_LIMIT_S = 0.3
TIMED_RUNS = 3


def _public_modules() -> list[str]:
    """Return the packages and the modules beside them, by their files: collecting tests imports nothing."""
    modules = (path.stem for path in SRC.glob("*.py") if not path.name.startswith("_"))
    packages = (path.parent.name for path in SRC.glob("*/__init__.py"))
    return ["longwave", *sorted(f"longwave.{name}" for name in (*modules, *packages))]


def _public_names(module: str) -> list[str]:
    return list(getattr(importlib.import_module(module), "__all__", []))


def _order(name: str) -> tuple[int, list[str | tuple[int, str]]]:
    """Constants, then classes, then the rest, as the linter sorts; numbers inside a name count as numbers."""
    kind = 0 if name.isupper() else 1 if name[0].isupper() else 2
    return kind, [f"{int(part):09d}" if part.isdigit() else part for part in re.split(r"(\d+)", name)]


@pytest.mark.parametrize("module", _public_modules())
def test_public_names_are_sorted(module: str) -> None:
    names = _public_names(module)
    assert names == sorted(names, key=_order)


@pytest.mark.parametrize("module", _public_modules())
def test_public_names_exist(module: str) -> None:
    loaded = importlib.import_module(module)
    assert [name for name in _public_names(module) if not hasattr(loaded, name)] == []


@pytest.mark.parametrize("module", _public_modules())
def test_what_is_public_is_listed(module: str) -> None:
    assert _public_names(module)


@pytest.mark.parametrize("module", _public_modules())
def test_public_functions_and_classes_are_documented(module: str) -> None:
    loaded = importlib.import_module(module)
    objects = {name: getattr(loaded, name) for name in _public_names(module)}
    callables = {
        name: thing for name, thing in objects.items() if inspect.isclass(thing) or inspect.isroutine(thing)
    }
    assert [name for name, thing in callables.items() if not inspect.getdoc(thing)] == []


def test_api_page_lists_exactly_the_public_names() -> None:
    listed: dict[str, list[str]] = {}
    for line in API_PAGE.read_text("utf-8").splitlines():
        if line.startswith("## "):
            module = line.removeprefix("## ")
        elif line.startswith("### "):
            listed.setdefault(module, []).append(line.removeprefix("### ").strip("`"))
    assert listed == {module: _public_names(module) for module in _public_modules()}


def _fresh(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = json.loads(_fresh("import json, sys, longwave; print(json.dumps(sorted(sys.modules)))"))
    assert set(FORBIDDEN_AT_IMPORT) & set(loaded) == set()


def test_listing_and_help_load_nothing_heavy() -> None:
    code = (
        "import contextlib, io, json, sys\nfrom longwave.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n    main(['--help'])\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    assert {"torch", "polars", "pydantic", "altair", "numpy"} & set(json.loads(_fresh(code))) == set()


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import longwave", id="import"),
        pytest.param("import sys; from longwave.cli import main; sys.exit(main(['--help']))", id="help"),
    ],
)
def test_start_takes_less_than_a_third_of_a_second(code: str) -> None:
    # time on the processor, not on the clock: other work on the machine does not count
    timed = (
        "import resource, subprocess, sys\n"
        f"subprocess.run([sys.executable, '-c', {code!r}], check=True, stdout=subprocess.DEVNULL)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\nprint(used.ru_utime + used.ru_stime)"
    )
    assert min(float(_fresh(timed)) for _ in range(TIMED_RUNS)) < TIME_LIMIT_S

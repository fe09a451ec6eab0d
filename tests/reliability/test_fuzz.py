"""Damaged files handed to every reader: a value or an error that names the file, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FAMILIES = ("settings", "results", "scenarios", "arrays", "models")
EXAMPLES = int(os.environ.get("LONGWAVE_FUZZ_EXAMPLES", "60"))  # of a reader, where time is no matter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory and signals as on Linux")


def fuzz(*words: str, **env: str) -> dict[str, object]:
    """Run the fuzzer in a process of its own and return what it reports."""
    command = [sys.executable, HERE / "fuzz.py", *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **env})
    assert ran.returncode in (0, 1), ran.stderr[-3000:]
    return json.loads(ran.stdout)


def told(report: dict[str, object]) -> list[str]:
    findings: Sequence[dict[str, object]] = report["findings"]  # type: ignore[assignment]
    return [
        f"{one['reader']} {one['example']}: {one['kind']}, {one['what']}: {one['message']}"
        for one in findings
    ]


def test_readers_survive_a_few_damaged_files() -> None:
    light = [word for family in FAMILIES[:4] for word in ("--family", family)]
    report = fuzz(*light, "--examples", "2")
    assert report["counts"]
    assert told(report) == []


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_readers_survive_damaged_files(family: str) -> None:
    report = fuzz("--family", family, "--first", "100", "--examples", str(EXAMPLES))
    assert set(report["counts"].values()) == {EXAMPLES}  # type: ignore[attr-defined]
    assert told(report) == []


@pytest.mark.slow
def test_the_fuzzer_sees_what_it_looks_for() -> None:
    report = fuzz("--family", "traps", "--examples", "3", LONGWAVE_FUZZ_TIME_LIMIT_S="2")
    found = {str(one["reader"]).partition(":")[2]: str(one["kind"]) for one in report["findings"]}  # type: ignore[attr-defined]
    assert found == {
        "crash": "exception",
        "unnamed": "message without a file",
        "slow": "too slow",
        "greedy": "memory",
        "ends": "process ended",
        "program": "forbidden",
        "pickle": "forbidden",
        "connection": "forbidden",
        "outside": "forbidden",
    }
    assert set(report["counts"].values()) == {3}  # type: ignore[attr-defined]  # it goes on after a process that ended

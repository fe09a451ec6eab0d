"""Programs that mean no harm: what they get, how they end, and what is told about it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from longwave.errors import BackendUnavailable, ConfigError
from longwave.sandbox import missing_walls, run_python
from longwave.sandbox import run as run_module

pytestmark = pytest.mark.usefixtures("walls")
SRC = Path(__file__).parents[2] / "src"


@pytest.mark.parametrize(
    ("code", "stdin", "stdout"),
    [
        ("print(6 * int(input()))", "7\n", "42\n"),
        ("import sys; print(sys.stdin.read()[::-1])", "ab", "ba\n"),
        ("print(input())", "«Ça» 日本", "«Ça» 日本\n"),
        ("", "", ""),
        ("import sys; sys.stdout.buffer.write(b'\\xff!')", "", "\ufffd!"),
        ("x = 1; import __main__; print(__name__, __main__.x)", "", "__main__ 1\n"),
        ("import heapq, decimal, re, math, collections; print(math.comb(5, 2))", "", "10\n"),
        ("import sys; print(len(sys.stdin.read()))", "x" * 3_000_000, "3000000\n"),
        ("open('own', 'w').write('text'); print(open('own').read())", "", "text\n"),
        ("import tempfile; print(tempfile.mkdtemp()[:5])", "", "/tmp/\n"),
        ("import threading; t = threading.Thread(target=print, args=(1,)); t.start(); t.join()", "", "1\n"),
        ("import subprocess, sys; print(subprocess.run(['/bin/sh', '-c', 'exit 3']).returncode)", "", "3\n"),
    ],
    ids=[
        "line", "all", "unicode", "empty", "bytes", "main", "library", "much-input", "file", "temporary",
        "thread", "process",
    ],
)  # fmt: skip
def test_program_reads_and_writes(code, stdin, stdout):
    result = run_python(code, stdin=stdin)
    assert (result.status, result.exit, result.stdout, result.stderr) == ("ok", 0, stdout, "")


@pytest.mark.parametrize(
    ("code", "exit", "stderr"),
    [
        ("import sys; sys.exit(3)", 3, ""),
        ("raise ValueError('no')", 1, "ValueError: no"),
        ("def f(:", 1, "SyntaxError"),
        ("x = '\ud800'", 1, "SyntaxError"),
        ("import os; os.abort()", -6, ""),
        ("import os; os._exit(0)", 0, ""),
        ("import numpy", 1, "ModuleNotFoundError"),
        ("print(input())", 1, "EOFError"),
    ],
)
def test_program_ends(code, exit, stderr):
    result = run_python(code)
    assert (result.status, result.exit) == ("ok" if exit == 0 else "failed", exit)
    assert stderr in result.stderr


def test_program_that_takes_too_long_is_ended_and_keeps_what_it_said():
    result = run_python("print('here', flush=True)\nwhile True: pass", timeout_s=0.3)
    assert (result.status, result.exit, result.stdout) == ("timeout", None, "here\n")
    assert 0.3 <= result.wall_s < 5


def test_waiting_counts_as_time():
    assert run_python("import time; time.sleep(60)", timeout_s=0.2).status == "timeout"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_too_much_output_ends_the_program(stream):
    code = f"import sys\nwhile True: sys.{stream}.write('x' * 1000)"
    result = run_python(code, max_output_bytes=5000)
    assert (result.status, result.exit) == ("output", None)
    assert getattr(result, stream) == "x" * 5000


@pytest.mark.parametrize(("limit", "status"), [(4, "ok"), (3, "output")])
def test_output_may_be_as_long_as_the_limit(limit, status):
    assert run_python("print('abc')", max_output_bytes=limit).status == status


def test_hashes_are_the_same_in_every_run():
    code = "print(hash('text'), list({'a', 'b', 'c', 'd', 'e'}))"
    assert run_python(code).stdout == run_python(code).stdout


def test_layers_are_named():
    assert {"namespaces", "limits"} <= set(run_python("").layers)


def test_nothing_is_left_of_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    files = Path("/proc/self/fd")
    before = len(list(files.iterdir()))
    run_python("open('own', 'w').write('text')")
    assert list(tmp_path.iterdir()) == []
    assert len(list(files.iterdir())) == before


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"timeout_s": 0}, "timeout_s is 0; a sandbox accepts 0.01 and more"),
        ({"timeout_s": float("nan")}, "timeout_s is nan"),
        ({"timeout_s": float("inf")}, "timeout_s is inf"),
        ({"memory_mb": 1}, "memory_mb is 1; a sandbox accepts 32"),
        ({"disk_mb": 0}, "disk_mb is 0"),
        ({"max_processes": 0}, "max_processes is 0"),
        ({"max_output_bytes": -1}, "max_output_bytes is -1"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_limits_that_leave_nothing_are_refused(limits, says):
    with pytest.raises(ConfigError, match=says):
        run_python("", **limits)


@pytest.fixture
def no_walls(walls, monkeypatch):
    """Make the walls fail as they do where a system forbids them."""
    monkeypatch.setattr("longwave.sandbox.box.readable_places", lambda: ["/no/such/place"])
    missing_walls.cache_clear()
    yield
    missing_walls.cache_clear()


@pytest.mark.usefixtures("no_walls")
def test_without_walls_nothing_runs_and_the_message_says_why():
    with pytest.raises(
        BackendUnavailable, match=r"cannot be locked in here: .*/no/such/place.* allow_weak=True"
    ):
        run_python("print(1)")


@pytest.mark.usefixtures("no_walls")
def test_missing_walls_are_told():
    assert "/no/such/place" in missing_walls()


@pytest.fixture
def weak(monkeypatch):
    """Say that there are no walls, so that what is left can be tested."""
    monkeypatch.setattr(run_module, "missing_walls", lambda: "none here")


@pytest.mark.usefixtures("weak")
def test_without_walls_a_program_runs_where_that_is_allowed():
    result = run_python("print(input())", stdin="text", allow_weak=True)
    assert (result.status, result.stdout) == ("ok", "text\n")
    assert "namespaces" not in result.layers


@pytest.mark.usefixtures("weak")
def test_without_walls_limits_still_hold():
    assert run_python("while True: pass", timeout_s=0.2, allow_weak=True).status == "timeout"
    assert run_python("bytearray(10**9)", allow_weak=True).stderr.strip().endswith("MemoryError")


@pytest.mark.usefixtures("weak")
def test_without_walls_what_a_program_started_is_ended_too(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = "import os\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        while True: pass"
    run_python(code, allow_weak=True)
    assert [path for path in Path("/proc").glob("[0-9]*/cwd") if _points_into(path, tmp_path)] == []
    assert list(tmp_path.iterdir()) == []


def _points_into(path: Path, folder: Path) -> bool:
    try:
        return str(path.readlink()).startswith(str(folder))
    except OSError:
        return False


def _open_python() -> str | None:
    """Find an interpreter that any user may run."""
    for path in (sys.executable, shutil.which("python3", path="/usr/bin:/usr/local/bin")):
        command = [path or "", "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        try:
            subprocess.run(command, user=1234, group=1234, extra_groups=[], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return path
    return None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_normal_user_can_lock_code_in_too():
    python = _open_python()
    if python is None:
        pytest.skip("no interpreter here is open to every user")
    code = (
        "from longwave.sandbox import run_python\n"
        "r = run_python('import os; print(os.getuid(), len(os.listdir()))')\n"
        "assert 'nobody' not in r.layers and 'namespaces' in r.layers, r\nprint(r.stdout, end='')"
    )
    result = subprocess.run(
        [python, "-c", code],
        user=1234,
        group=1234,
        extra_groups=[],
        cwd="/",
        env={"PYTHONPATH": str(SRC), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.stdout, result.stderr) == ("65534 1\n", "")

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from longwave.cli import _bench, main

Bench = Callable[..., tuple[int, str, str]]

RUN = """
import json, sys, time
words = sys.argv[1:]
print("measuring", file=sys.stderr)
if "--fail" in words:
    raise ZeroDivisionError("of a defect")
if "--refuse" in words:
    sys.exit("usage")
if "--wrong" in words:
    print("--wrong is wrong", file=sys.stderr)
    sys.exit(2)
if "--sleep" in words:
    try:
        print("asleep", flush=True)
        time.sleep(60)
    except KeyboardInterrupt:
        print("kept what was done", flush=True)
        sys.exit(130)
print(json.dumps(words))
"""


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a clone with one benchmark and go into a folder of it."""
    for folder in ("src/longwave", "benchmarks/toy_claim", "benchmarks/notes", "docs/deep"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "benchmarks/toy_claim/README.md").write_text("# Toys are fast\n\nMore.\n", "utf-8")
    (tmp_path / "benchmarks/toy_claim/run.py").write_text(RUN, "utf-8")
    monkeypatch.chdir(tmp_path / "docs/deep")
    return tmp_path


@pytest.fixture
def bench(capfd: pytest.CaptureFixture[str], clone: Path) -> Bench:
    """Return a function that runs ``longwave bench`` and returns code, stdout and stderr, the child's too."""

    def run(*words: object) -> tuple[int, str, str]:
        before = ("--quiet",) if "--quiet" in words else ()
        after = [str(word) for word in words if word != "--quiet"]
        code = main([*before, "bench", *after])
        return (code, *capfd.readouterr())

    return run


def test_benchmarks_are_listed_with_their_claims(bench: Bench) -> None:
    code, out, _ = bench()
    assert (code, out.split("\n")[1].split(maxsplit=1)) == (0, ["toy-claim", "Toys are fast"])


def test_the_list_as_json_is_one_document(bench: Bench) -> None:
    assert bench("--json")[1] == '[\n  {\n    "name": "toy-claim",\n    "claim": "Toys are fast"\n  }\n]\n'


def test_a_benchmark_without_readme_has_no_claim(tmp_path: Path) -> None:
    assert _bench.first_line(tmp_path / "README.md") == ""


@pytest.mark.parametrize("name", ["toy-claim", "toy_claim"])
def test_a_benchmark_is_run_by_name(name: str, bench: Bench) -> None:
    assert bench(name)[:2] == (0, "[]\n")


def test_progress_goes_to_stderr(bench: Bench) -> None:
    assert bench("toy-claim")[2] == "measuring\n"


def test_quiet_leaves_progress_out(bench: Bench) -> None:
    assert bench("--quiet", "toy-claim") == (0, "[]\n", "")


def test_options_of_every_benchmark_are_passed_on(bench: Bench) -> None:
    words = ("--device", "cpu", "--quick", "--out", "figures", "--json")
    assert bench("toy-claim", *words)[1] == '["--device", "cpu", "--quick", "--out", "figures", "--json"]\n'


def test_options_after_two_dashes_are_the_benchmarks_own(bench: Bench) -> None:
    assert bench("toy-claim", "--", "--data", "books", "-x")[1] == '["--data", "books", "-x"]\n'


def test_an_option_that_no_benchmark_has_exits_2(bench: Bench) -> None:
    assert bench("toy-claim", "--devise", "cpu")[:2] == (2, "")


def test_an_option_the_benchmark_refuses_exits_2(bench: Bench) -> None:
    code, out, err = bench("toy-claim", "--", "--wrong")
    assert (code, out, err.splitlines()[-1]) == (2, "", "--wrong is wrong")


def test_a_failed_benchmark_exits_1_and_is_named(bench: Bench) -> None:
    code, _, err = bench("toy-claim", "--", "--fail")
    assert (code, err.splitlines()[-1].startswith('The benchmark "toy-claim" failed (exit code 1)')) == (
        1,
        True,
    )


def test_a_failure_is_told_even_when_quiet(bench: Bench) -> None:
    code, _, err = bench("--quiet", "toy-claim", "--", "--fail")
    assert (code, "ZeroDivisionError: of a defect" in err) == (1, True)


def test_an_unknown_name_exits_2_with_the_nearest(bench: Bench) -> None:
    code, _, err = bench("toy-clam")
    assert (code, 'Did you mean "toy-claim"?' in err) == (2, True)


def test_a_benchmark_needs_torch(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    code, _, err = bench("toy-claim")
    assert (code, 'pip install "longwave[torch]"' in err) == (2, True)


def test_a_clone_is_found_beside_an_editable_install(clone: Path, tmp_path: Path) -> None:
    installed = clone / "src/longwave/cli/_bench.py"
    assert list(_bench.find_benchmarks(Path("/"), installed)) == ["toy-claim"]


def test_the_clone_around_the_current_folder_comes_first(clone: Path) -> None:
    found = _bench.find_benchmarks(clone / "docs/deep", Path(_bench.__file__))
    assert found == {"toy-claim": clone / "benchmarks/toy_claim"}


def test_no_clone_exits_2_and_asks_for_one(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_bench, "__file__", str(tmp_path / "site-packages/longwave/cli/_bench.py"))
    code = main(["bench", "long-conv"])
    assert (code, "Clone the repository" in capfd.readouterr().err) == (2, True)


def _start(words: list[str], folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "import sys; from longwave.cli import main; sys.exit(main())", *words]
    child = subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that the signal reaches both, as from a terminal, and no one else
    )
    assert child.stdout.readline() == "asleep\n"
    return child


def test_ctrl_c_lets_the_benchmark_finish_and_exits_130(clone: Path) -> None:
    child = _start(["bench", "toy-claim", "--", "--sleep"], clone)
    os.killpg(child.pid, signal.SIGINT)
    out, err = child.communicate(timeout=20)
    assert (child.returncode, out, err.splitlines()[-1]) == (130, "kept what was done\n", "Interrupted.")


def test_a_benchmark_that_does_not_end_is_ended(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bench, "GRACE_S", 0.05)
    child = subprocess.Popen(["sleep", "60"])
    started = time.monotonic()
    _bench._end(child)
    assert (child.returncode, time.monotonic() - started < 5) == (-signal.SIGTERM, True)

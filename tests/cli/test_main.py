"""Exit codes, error lines and streams of the program as a whole."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from longwave import __version__
from longwave.cli._app import app

Longwave = Callable[..., object]

COMMANDS = sorted(command.name for command in app.registered_commands)
WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from longwave.cli import main; sys.exit(main())"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Return a function that makes ``longwave list`` end with an error."""

    def fail(error: BaseException) -> None:
        def entries(kind: str) -> object:
            raise error

        monkeypatch.setattr("longwave.registry.entries", entries)

    return fail


def test_no_words_print_the_help(longwave: Longwave) -> None:
    ran = longwave()
    assert (ran.code, ran.out.startswith("Usage: longwave"), ran.err) == (0, True, "")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, longwave: Longwave) -> None:
    ran = longwave(command, "--help")
    assert (ran.code, ran.out.startswith(f"Usage: longwave {command}")) == (0, True)


def test_the_version_is_printed(longwave: Longwave) -> None:
    assert longwave("--version").out == f"{__version__}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        pytest.param(["trian"], "Did you mean 'train'? Try \"longwave --help\".", id="command"),
        pytest.param(["list", "--xyz"], 'No such option: --xyz. Try "longwave list --help".', id="option"),
        pytest.param(["train"], "Missing argument", id="missing-argument"),
        pytest.param(["evaluate", "--out", "x"], "Missing option '--model'", id="missing-option"),
        pytest.param(["list", "a", "b"], "unexpected extra argument", id="extra-argument"),
        pytest.param(["--quiet"], "Missing command", id="no-command"),
    ],
)
def test_wrong_words_exit_2_with_one_line(words: list[str], message: str, longwave: Longwave) -> None:
    ran = longwave(*words)
    assert (ran.code, ran.out, ran.err.count("\n"), message in ran.err) == (2, "", 1, True)


def test_an_error_shows_no_traceback(longwave: Longwave) -> None:
    assert "Traceback" not in longwave("train", "nope").err


def test_debug_shows_the_traceback_before_the_line(longwave: Longwave) -> None:
    lines = longwave("--debug", "train", "nope").err.splitlines()
    assert (lines[0], lines[-1][:12]) == ("Traceback (most recent call last):", "UnknownName:")


def test_debug_changes_no_exit_code(longwave: Longwave) -> None:
    assert longwave("--debug", "train", "nope").code == 2


def test_a_defect_exits_1_and_asks_for_a_report(longwave: Longwave, failing: Callable[..., None]) -> None:
    failing(ZeroDivisionError("one\ntwo"))
    ran = longwave("list")
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert ran.err.startswith("Unexpected ZeroDivisionError: one two. This is a defect of Longwave")


def test_a_failing_machine_exits_1_and_is_no_defect(longwave: Longwave, failing: Callable[..., None]) -> None:
    failing(PermissionError(13, "Permission denied", "x"))
    ran = longwave("list")
    assert (ran.code, ran.err.count("\n"), "defect" in ran.err) == (1, 1, False)


def test_a_damaged_table_exits_2_and_is_no_defect(longwave: Longwave, failing: Callable[..., None]) -> None:
    failing(pl.exceptions.ComputeError("parquet: File out of specification"))
    ran = longwave("list")
    assert ran.code == 2
    assert ran.err == (
        "A Parquet file is damaged: parquet: File out of specification. Copy the data again.\n"
    )


def test_an_interrupt_exits_130_with_one_line(longwave: Longwave, failing: Callable[..., None]) -> None:
    failing(KeyboardInterrupt())
    ran = longwave("list")
    assert (ran.code, ran.err.count("\n"), ran.err[:11]) == (130, 1, "Interrupted")


def test_an_error_line_holds_no_control_characters(longwave: Longwave) -> None:
    assert 'Unknown recipe "␛[31m"' in longwave("train", "\x1b[31m").err


def test_the_program_hands_its_exit_code_on(process: Longwave) -> None:
    ran = process("list", "nope")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)


def test_a_missing_torch_names_the_extra(process: Longwave) -> None:
    ran = process("train", "quickstart-hyena", code=WITHOUT_TORCH)
    assert (ran.code, 'pip install "longwave[torch]"' in ran.err, ran.err.count("\n")) == (2, True, 1)


def test_a_missing_torch_leaves_lists_alone(process: Longwave) -> None:
    assert process("list", "mixers", code=WITHOUT_TORCH).code == 0


@pytest.mark.parametrize("words", [["list"], ["--help"]], ids=["list", "help"])
def test_a_reader_that_is_gone_is_no_error(words: list[str]) -> None:
    command = [sys.executable, "-c", "import sys; from longwave.cli import main; sys.exit(main())", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdout.close()
        assert (child.stderr.read(), child.wait()) == (b"", 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_an_output_that_is_full_exits_1() -> None:
    command = [sys.executable, "-c", "import sys; from longwave.cli import main; sys.exit(main())", "list"]
    with Path("/dev/full").open("wb") as full:
        found = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (found.returncode, "No space left on device" in found.stderr) == (1, True)

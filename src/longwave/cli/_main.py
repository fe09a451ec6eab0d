"""Entry point: run a command and turn errors into one line and an exit code.

Exit codes: 0 done, 1 the run failed, 2 the user's input was wrong, 130 interrupted (finished work is kept).
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import typer
from typer.main import get_command

from longwave.cli._app import app
from longwave.cli._output import visible
from longwave.errors import ClientError, LongwaveError, MissingExtra, StorageError

__all__ = ["main"]

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
TORCH_EXTRA = ("torch", "safetensors", "tokenizers")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after ``longwave``; those of the process when left out.
    """
    words = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    is_debugging = "--debug" in itertools.takewhile(lambda word: word.startswith("-"), words)
    handler = logging.StreamHandler()
    handler.setFormatter(_VisibleFormatter("%(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.DEBUG if is_debugging else logging.WARNING)
    try:
        code = get_command(app).main(args=words, prog_name="longwave", standalone_mode=False)
        sys.stdout.flush()  # here a reader that is gone can be told from a defect, at the exit it cannot
    except (BrokenPipeError, SystemExit):  # Typer makes the one into the other
        _drop_output()  # the reader has seen enough, as in "longwave list mixers | head -1"
        return DONE
    except Exception as error:  # the top of the program: nothing may leave it as a bare traceback
        if is_debugging:
            traceback.print_exc()
        code, message = _explain(error)
        _complain(message)
        return code
    code = code if isinstance(code, int) else DONE
    if code == INTERRUPTED:
        _complain("Interrupted. Finished work is kept; the same command continues where it stopped.")
    return code


class _VisibleFormatter(logging.Formatter):
    """Spell control characters out: names of files and words of servers stand in what is logged."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return visible(super().format(record))


def _explain(error: Exception) -> tuple[int, str]:
    """Return the exit code and the line that an error ends the program with."""
    if isinstance(error, ModuleNotFoundError) and error.name in TORCH_EXTRA:
        error = MissingExtra("This command", "torch")
    if isinstance(error, typer.TyperException):
        message = error.format_message()
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "longwave"
        end = "" if message.endswith((".", "?")) else "."
        return WRONG_INPUT, f'{message}{end} Try "{command} --help".'
    if isinstance(error, LongwaveError):
        code = FAILED if isinstance(error, ClientError | StorageError) else WRONG_INPUT
        return code, f"{type(error).__name__}: {error}"
    if isinstance(error, typer.Abort):
        return INTERRUPTED, "Interrupted."
    if isinstance(error, OSError):  # a disk, a permission: the machine, not a defect
        return (
            FAILED,
            f"{type(error).__name__}: {error}. Finished work is kept; mend the cause and start again.",
        )
    if type(error).__module__.startswith("polars") and "parquet" in str(error).lower():
        # rows are read when they are needed, long after the file was opened and looked at
        return WRONG_INPUT, f"A Parquet file is damaged: {error}. Copy the data again."
    return FAILED, (
        f"Unexpected {type(error).__name__}: {error}. This is a defect of Longwave; "
        f'report it with what "longwave --debug ..." prints.'
    )


def _complain(message: str) -> None:
    print(visible(" ".join(line.strip() for line in message.splitlines())), file=sys.stderr)


def _drop_output() -> None:
    """Point stdout nowhere, so that the interpreter's last flush does not fail again."""
    with contextlib.suppress(OSError, ValueError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())

"""Test code that nobody has read: it answers calls in one locked-in process, its judge sits in another."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from longwave.sandbox.box import Limits, SandboxResult, Status
from longwave.sandbox.run import run_programs

__all__ = ["CheckResult", "check_python"]

_EXCHANGE = Path(__file__).with_name("_exchange.py")


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """How tests ended.

    Parameters
    ----------
    status : {"ok", "failed", "timeout", "output"}
        As in `SandboxResult`: of the tests, but "output" of the tested program.
    reason : str
        Last line of what went wrong, empty where nothing did.
    judge, tested : SandboxResult
        The two processes. The tested one is ended with the tests, so its status says little.
    """

    status: Status
    reason: str
    judge: SandboxResult
    tested: SandboxResult

    @property
    def is_passed(self) -> bool:
        """Whether all tests were run and passed."""
        return self.status == "ok"


def check_python(
    code: str,
    tests: str,
    *,
    function: str,
    setup: str = "",
    timeout_s: float = 3.0,
    memory_mb: int = 512,
    disk_mb: int = 16,
    max_processes: int = 8,
    allow_weak: bool = False,
) -> CheckResult:
    r"""Test a function of a program that is not trusted.

    Parameters
    ----------
    code : str
        Not trusted. Runs as ``__main__`` and defines the function.
    tests : str
        Trusted code that defines ``check(candidate)``, which raises where a test fails.
    function : str
        Name of the function, or of a method of the code's class ``Solution``; in the tests it is the
        candidate too.
    setup : str
        Trusted code that runs before the tests and defines what else they use; where it ends in the head of
        a function, that gets an empty body.
    timeout_s, memory_mb, disk_mb, max_processes, allow_weak
        As in `run_python`, for each of the two processes.

    Raises
    ------
    BackendUnavailable, ConfigError, StorageError
        As `run_python`.

    Notes
    -----
    Code and tests run in two processes, each behind walls of its own. The code sees the arguments of each
    call and no more: neither the tests nor the expected values, nor how the tests are counted. Ending early,
    changing ``assert``, ``sys.exit`` or any builtin, or writing whatever to its standard output reaches no
    test; what it can write into the pipe of answers is an answer, which still has to be right.

    Arguments and results travel by value, as numbers, texts, bytes, ranges and collections of the standard
    library; a value of a class of its own arrives as its base, an iterator with its first million items.
    Results of other kinds, and tests that watch an argument change, fail. An exception arrives as the
    built-in of the same name, else as a RuntimeError.

    Examples
    --------
    >>> tests = "def check(candidate):\n    assert candidate(2) == 4"
    >>> check_python("def double(x): return 2 * x", tests, function="double").is_passed  # doctest: +SKIP
    True
    """
    limits = Limits(timeout_s=timeout_s, memory_mb=memory_mb, disk_mb=disk_mb, max_processes=max_processes)
    questions, asked = os.pipe()
    answers, answered = os.pipe()
    source = _EXCHANGE.read_text("utf-8")
    served = f"{source}\nserve({code!r}, {function!r}, {questions}, {answered})\n"
    judging = f"{source}\nrun_tests({setup!r}, {tests!r}, {function!r}, {asked}, {answers})\n"
    programs = [(judging, "", (asked, answers)), (served, "", (questions, answered))]
    judge, tested = run_programs(programs, limits, allow_weak=allow_weak)
    status = "output" if tested.status == "output" else judge.status
    reason = "" if status == "ok" else _last_line(judge, tested)
    return CheckResult(status=status, reason=reason, judge=judge, tested=tested)


def _last_line(judge: SandboxResult, tested: SandboxResult) -> str:
    lines = [result.stderr.strip().rpartition("\n")[2] for result in (judge, tested)]
    has_ended = lines[0].startswith("EOFError") and lines[1]
    return lines[1] if has_ended else lines[0] or judge.status

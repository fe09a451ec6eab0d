"""Run Python code that nobody has read."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from functools import cache

from longwave.errors import BackendUnavailable
from longwave.sandbox.box import Box, Limits, SandboxResult, supervise

__all__ = ["missing_walls", "run_programs", "run_python"]

_log = logging.getLogger(__name__)


def run_python(
    code: str,
    *,
    stdin: str = "",
    timeout_s: float = 3.0,
    memory_mb: int = 512,
    disk_mb: int = 16,
    max_processes: int = 8,
    max_output_bytes: int = 1 << 20,
    allow_weak: bool = False,
) -> SandboxResult:
    r"""Run a Python program that is not trusted, in a process that is locked in.

    Parameters
    ----------
    code : str
        Source of the program. It runs as ``__main__`` under the interpreter that runs Longwave, with the
        standard library and no installed package, and with hashes that are the same in every run.
    stdin : str
        What it reads from standard input.
    timeout_s, memory_mb, disk_mb, max_processes, max_output_bytes
        See `Limits`.
    allow_weak : bool
        Where the walls cannot be built, run it with limits alone (and Landlock and the filter of system calls
        where there are any). Only for code that is clumsy, not hostile.

    Returns
    -------
    SandboxResult
        ``layers`` tells what stood between the program and the machine.

    Raises
    ------
    BackendUnavailable
        If the walls cannot be built here and ``allow_weak`` is off; the message says which.
    ConfigError
        If a limit is too small.
    StorageError
        If no temporary folder can be made.

    Notes
    -----
    Works on Linux 5.12 and newer, for a normal user and for root, wherever user namespaces are allowed. The
    program is nobody in namespaces of its own (users, processes, mounts, network, IPC, host name, control
    groups): it sees no other process, no network device, no file but what Python needs, read-only and without
    installed packages, and an empty ``/tmp`` in memory, which is its working folder. It has none of the
    caller's environment and open files, no capability, and cannot gain any. Landlock forbids the same files
    once more, and seccomp forbids sockets, tracing, mounts and others; both where the kernel has them. When
    its first process ends or time is up, the kernel ends all that it started; so it does when the caller is
    killed, who then leaves an empty temporary folder behind.

    What it does not do: limits of memory hold for each process, so the most that a program can take is
    ``max_processes * memory_mb + disk_mb``, beside what the kernel keeps for its open files; it can keep
    ``max_processes`` processors busy for ``timeout_s``; it can read the clock and what the processor is; and
    a fault in the kernel is a way out, as for every sandbox without a machine of its own.

    Examples
    --------
    >>> run_python("print(6 * int(input()))", stdin="7").stdout
    '42\n'
    """
    limits = Limits(
        timeout_s=timeout_s,
        memory_mb=memory_mb,
        disk_mb=disk_mb,
        max_processes=max_processes,
        max_output_bytes=max_output_bytes,
    )
    return run_programs([(code, stdin, ())], limits, allow_weak=allow_weak)[0]


def run_programs(
    programs: Sequence[tuple[str, str, Sequence[int]]], limits: Limits, *, allow_weak: bool = False
) -> list[SandboxResult]:
    """Run programs side by side, each locked in alone, until the first of them has ended.

    Parameters
    ----------
    programs : sequence of (code, stdin, channel)
        ``channel`` lists open files that the program keeps; they are closed here.
    limits : Limits
        Of each of them.
    allow_weak : bool
        As in `run_python`.
    """
    boxes: list[Box] = []
    channels = [file for _, _, channel in programs for file in channel]
    try:
        is_weak = allow_weak and missing_walls() is not None
        for code, stdin, channel in programs:
            boxes.append(Box(code, stdin, limits, channel=channel, is_weak=is_weak))
        while channels:  # a program sees that the other has ended only when nobody else holds its pipe
            os.close(channels.pop())
        supervise(boxes)
    finally:
        for file in channels:
            os.close(file)
        for box in boxes:
            box.close()
    return [box.result() for box in boxes]


@cache
def missing_walls() -> str | None:
    """Say why code cannot be locked in on this machine; None where it can."""
    try:
        run_programs([("", "", ())], Limits(timeout_s=30))
    except BackendUnavailable as error:
        _log.warning("Without walls: %s", error)
        return str(error)
    return None

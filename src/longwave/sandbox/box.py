"""One locked-in process from outside: start it, read what it says up to a limit, and end it for certain."""

from __future__ import annotations

import contextlib
import json
import math
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from longwave.errors import BackendUnavailable, ConfigError, StorageError
from longwave.sandbox.places import hidden_places, python_path, readable_places

__all__ = ["Box", "Limits", "SandboxResult", "Status", "supervise"]

Status = Literal["ok", "failed", "timeout", "output"]

START_S = 60.0  # until the program begins; a busy machine may take long
GRACE_S = 5.0  # until a launcher has buried what its program left behind
_CHUNK = 1 << 16
_LAUNCHER = Path(__file__).with_name("_launcher.py")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a program may use.

    Parameters
    ----------
    timeout_s : float
        On the clock, from the start of its interpreter; processor time of each of its processes is limited to
        about as much.
    memory_mb : int
        Address space of each of its processes; an interpreter takes about 20.
    disk_mb : int
        All files that it writes together; they are kept in memory.
    max_processes : int
        Processes and threads at once, the first one counted.
    max_output_bytes : int
        Of standard output and of standard error, each.

    Raises
    ------
    ConfigError
        If a limit is below what an interpreter needs.
    """

    timeout_s: float = 3.0
    memory_mb: int = 512
    disk_mb: int = 16
    max_processes: int = 8
    max_output_bytes: int = 1 << 20

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if not least <= value < math.inf:
                raise ConfigError(
                    f"{name} is {value}; a sandbox accepts {least} and more. Leave it out for the default."
                )


_LEAST = {"timeout_s": 0.01, "memory_mb": 32, "disk_mb": 1, "max_processes": 1, "max_output_bytes": 0}


@dataclass(frozen=True, kw_only=True)
class SandboxResult:
    """How a program ended.

    Parameters
    ----------
    status : {"ok", "failed", "timeout", "output"}
        It ended with exit status 0; or with another one or by a signal; or was killed because it took too
        long, or because it wrote too much.
    exit : int or None
        Exit status, or minus the number of the signal that ended it; None where it was killed from outside.
    stdout, stderr : str
        Up to the limit; bytes that are no UTF-8 are replaced.
    wall_s : float
        Time on the clock, from the start of the program's interpreter.
    layers : tuple of str
        What stood between the program and the machine: ``namespaces``, ``limits``, ``nobody``, ``landlock``,
        ``seccomp``.
    """

    status: Status
    exit: int | None
    stdout: str
    stderr: str
    wall_s: float
    layers: tuple[str, ...]


class _Stream:
    """A pipe that is read up to a limit."""

    def __init__(self, file: int, limit: int) -> None:
        self.file = file
        self.limit = limit
        self.data = bytearray()
        self.is_open = True
        os.set_blocking(file, False)

    @property
    def is_within(self) -> bool:
        return len(self.data) <= self.limit

    def read(self) -> None:
        """Read what is there."""
        while self.is_open and self.is_within:
            try:
                piece = os.read(self.file, _CHUNK)
            except BlockingIOError:
                return
            self.data += piece
            self.is_open = bool(piece)

    def text(self) -> str:
        return self.data[: self.limit].decode("utf-8", "replace")


class Box:
    """A program that is started at once; `supervise` waits for it.

    Parameters
    ----------
    program, stdin : str
        Python source, and what it reads.
    limits : Limits
    channel : sequence of int
        Open files that the program keeps, under the same numbers.
    is_weak : bool
        Start it without namespaces.
    """

    def __init__(
        self, program: str, stdin: str, limits: Limits, *, channel: Sequence[int] = (), is_weak: bool = False
    ) -> None:
        self.limits = limits
        self.killed: Status | None = None
        self.began = self.ended = 0.0
        self._is_weak = is_weak
        self._is_closed = False
        self._said: dict[str, object] = {}
        try:
            self._folder = tempfile.mkdtemp(prefix="longwave-sandbox-")
        except OSError as error:
            raise StorageError(
                f"A sandbox needs a temporary folder, and none can be made: {error}. Set TMPDIR."
            ) from error
        ours, theirs = os.pipe()
        self._process = subprocess.Popen(
            [python_path(), "-I", "-S", "-X", "utf8", str(_LAUNCHER), str(theirs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[theirs, *channel],
            start_new_session=True,
            env={},
            cwd="/",
        )
        os.close(theirs)
        pipes = [pipe for pipe in (self._process.stdout, self._process.stderr) if pipe]
        self.streams = [_Stream(pipe.fileno(), limits.max_output_bytes) for pipe in pipes]
        self.streams.append(_Stream(ours, 1 << 16))
        self._send(program, stdin)

    @property
    def is_running(self) -> bool:
        """Whether the program may still do something."""
        return self.killed is None and self.streams[-1].is_open

    def kill(self, why: Status) -> None:
        """End the program and all that it started."""
        if self.is_running:
            self.killed = why
            self.ended = time.monotonic()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)  # it ends what it guards, then itself

    def give_up(self) -> None:
        """Say that the program should have begun by now."""
        if not self.began:
            self._said.setdefault("failed", f"it did not begin within {START_S:.0f} s")

    def listen(self, stream: _Stream) -> None:
        """Read from one of the streams; too much output ends the program."""
        stream.read()
        if stream is self.streams[-1]:
            self._understand(stream)
        elif not stream.is_within:
            self.kill("output")

    def close(self) -> None:
        """Leave nothing behind: no process, no open file, no folder; a second time does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        self.kill("timeout")
        self._bury_launcher()
        for stream in self.streams[:-1]:  # what it said last; nobody writes any more
            self.listen(stream)
            if not stream.is_within:
                self.killed = "output"
        os.close(self.streams[-1].file)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()
        with contextlib.suppress(RecursionError):  # folders in folders, where there are no walls
            shutil.rmtree(self._folder, ignore_errors=True)

    def result(self) -> SandboxResult:
        """Tell how the program ended.

        Raises
        ------
        BackendUnavailable
            If it never began because the walls could not be built; the message says which.
        """
        layers, wait = self._said.get("layers", ()), self._said.get("wait")
        stdout, stderr, _ = (stream.text() for stream in self.streams)
        if "failed" in self._said or not (self.began or self.killed):
            reason = self._said.get("failed") or stderr.strip() or "it ended without a word"
            raise BackendUnavailable(
                f"Untrusted code cannot be locked in here: {reason}. It takes Linux 5.12 or newer and user "
                "namespaces, which some systems forbid (kernel.apparmor_restrict_unprivileged_userns, "
                "user.max_user_namespaces, the seccomp profile of a container). Allow them, run elsewhere, "
                "or pass allow_weak=True where the code is not hostile."
            )
        code = None if self.killed or not isinstance(wait, int) else os.waitstatus_to_exitcode(wait)
        status: Status = "ok" if code == 0 else "timeout" if code == -signal.SIGXCPU else "failed"
        return SandboxResult(
            status=self.killed or status,
            exit=code,
            stdout=stdout,
            stderr=stderr,
            wall_s=self.ended - self.began,
            layers=tuple(map(str, layers)) if isinstance(layers, list) else (),
        )

    def _send(self, program: str, stdin: str) -> None:
        limits = self.limits
        job = {
            "python": python_path(),
            "program": program,
            "stdin": stdin,
            "folder": self._folder,
            "readable": readable_places(),
            "hidden": hidden_places(),
            "timeout_s": limits.timeout_s,
            "memory_mb": limits.memory_mb,
            "disk_mb": limits.disk_mb,
            "max_processes": limits.max_processes,
            "is_weak": self._is_weak,
        }
        with contextlib.suppress(
            BrokenPipeError
        ):  # a launcher that ended early has said why, or will not begin
            if self._process.stdin:
                self._process.stdin.write(json.dumps(job).encode())
                self._process.stdin.close()

    def _understand(self, stream: _Stream) -> None:
        *lines, rest = bytes(stream.data).split(b"\n")
        stream.data[:] = rest
        for line in lines:
            self._said.update(json.loads(line))
        # one clock for all processes of a machine
        self.began = float(str(self._said.get("began", self.began)))
        self.ended = float(str(self._said.get("ended", self.ended)))

    def _bury_launcher(self) -> None:
        """Wait for the launcher, which ends last; if it does not, kill it and with it what it guards."""
        try:
            self._process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def supervise(boxes: Sequence[Box]) -> None:
    """Wait until the first of some programs that work together has ended, and end the others.

    Parameters
    ----------
    boxes : sequence of Box
        Their clock starts when the last of them has begun; the first one's limit of time holds.
    """
    first = boxes[0]
    deadline, is_started = time.monotonic() + START_S, False
    with selectors.DefaultSelector() as selector:
        for box in boxes:
            for stream in box.streams:
                selector.register(stream.file, selectors.EVENT_READ, (box, stream))
        while first.is_running:
            if not is_started and all(box.began or not box.is_running for box in boxes):
                deadline, is_started = max(box.began for box in boxes) + first.limits.timeout_s, True
            events = selector.select(max(0.0, deadline - time.monotonic()))
            if not events:
                for box in boxes:
                    box.give_up()
                break
            for key, _ in events:
                box, stream = key.data
                box.listen(stream)
                if not (stream.is_open and stream.is_within):
                    selector.unregister(stream.file)
    for box in boxes:
        box.close()

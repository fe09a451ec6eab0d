"""Run a command and measure its whole process: time on the clock, time on the processor, peak memory."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Run:
    """One process, from its start to its end."""

    seconds: float
    cpu_s: float
    peak_mb: float
    load: float  # of the machine when it began

    def to_dict(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in asdict(self).items()}


def run(command: list[str], folder: Path, *, env: dict[str, str], log: Path) -> Run:
    """Run a command in a folder; what it prints goes to a file.

    Raises
    ------
    RuntimeError
        If it fails.
    """
    load = os.getloadavg()[0]
    with log.open("wb") as out:
        start = time.perf_counter()
        child = subprocess.Popen(
            command, cwd=folder, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **env}
        )
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - start
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        last = log.read_text("utf-8", "replace").splitlines()[-5:]
        raise RuntimeError(f"{' '.join(command[:3])} ... ended with {child.returncode}: {' | '.join(last)}")
    return Run(seconds=seconds, cpu_s=used.ru_utime + used.ru_stime, peak_mb=used.ru_maxrss / 1024, load=load)

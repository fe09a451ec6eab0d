"""Peak resident memory of one convolution on a CPU, in a process of its own (Linux).

    python benchmarks/long_conv/resident.py '{"name": "ours", "mode": "forward", "width": 256, ...}'

prints GiB above the inputs. ``run.py`` starts it: what an earlier entry left in the allocator is not counted.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import torch
from competitors import BACKENDS, OURS, own_backends, peers
from problems import Problem, conv_case, draw

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def measure_resident(name: str, mode: str, problem: Problem) -> float:
    """Start a process that runs one entry once and return its peak in GiB."""
    settings = {
        "name": name,
        "mode": mode,
        "width": problem.width,
        "batch": problem.batch,
        "length": problem.length,
        "is_gated": problem.is_gated,
        "threads": torch.get_num_threads(),
    }
    command = [sys.executable, __file__, json.dumps(settings)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode:
        raise RuntimeError((found.stderr.strip().splitlines() or ["the process died"])[-1])
    return float(found.stdout)


def main() -> None:
    settings = json.loads(sys.argv[1])
    name, mode = settings.pop("name"), settings.pop("mode")
    torch.set_num_threads(settings.pop("threads"))
    problem = Problem(dtype=torch.float32, device="cpu", **settings)
    competitors = [OURS, *own_backends(BACKENDS["cpu"]), *peers([problem.length])]
    conv = next(each for each in competitors if each.name == name).build(problem)
    small = conv_case(conv, draw(replace(problem, batch=1, length=64)))
    getattr(small, mode)()  # libraries and thread pools are there before the measurement
    case = conv_case(conv, draw(problem))
    CLEAR.write_text("5")  # the peak starts anew from here
    before = _kib("VmRSS")
    getattr(case, mode)()
    print((_kib("VmHWM") - before) / 2**20)


def _kib(field: str) -> int:
    found = re.search(rf"^{field}:\s+(\d+) kB", STATUS.read_text(), re.MULTILINE)
    if found is None:
        raise OSError(f"{STATUS} has no {field}; this needs Linux")
    return int(found[1])


if __name__ == "__main__":
    main()

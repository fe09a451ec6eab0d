"""Registers, spills and shared memory of the shipped GPU kernels, compiled for an H100 without having one.

``resources.json`` holds what one version of Triton makes of them. Remake it when kernels or plans change:

    python tests/ops/long_conv/triton/test_resources.py

Spills cost time and nothing else, so a rise is easily missed; too much shared memory is no kernel at all.
"""

# Shapes: B batch, D width, L length; the tensors take no memory, they are never touched

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

TABLE = Path(__file__).with_name("resources.json")
TOKENS, D = 2**18, 768
LENGTHS = [256, 1023, 1024, 1032, 2048, 2056, 4096, 4104, 8192, 12288, 16384, 24576, 65536, 262144, 2**20]
DIRECTIONS = ["forward", "backward"]
CHANNELS = 8  # of the one group that the three passes are compiled for
MOST_REGISTERS, MOST_SHARED = 255, 227 * 1024  # a thread's, and a program's bytes
SLACK = 1.05  # of spilled bytes

Figures = dict[str, dict[str, int]]


def compiled(L: int, direction: str) -> Figures:
    """Compile the kernels of a length for compute capability 9.0; return the figures of each."""
    import torch
    from triton.backends.compiler import GPUTarget
    from triton.runtime import driver
    from triton.runtime.jit import JITFunction

    from longwave.ops.long_conv.triton import launch, passes

    class Pretended:
        """What Triton asks of a driver when it compiles but does not launch."""

        def get_current_target(self) -> GPUTarget:
            return GPUTarget("cuda", 90, 32)

        def get_current_device(self) -> int:
            return 0

        def get_current_stream(self, device: object = None) -> int:  # noqa: ARG002
            return 0

    found: Figures = {}
    genuine = JITFunction.run

    def run(
        self: JITFunction, *arguments: object, grid: object, warmup: bool = False, **options: object
    ) -> Any:
        kernel = genuine(self, *arguments, grid=grid, warmup=True, **options)
        found[f"{direction}-L{L}-{len(found)}-{self.fn.__name__}"] = _usage(kernel)
        return kernel

    def once(lane: Any, *_: object) -> None:
        for each in lane(CHANNELS, [None] * (1 if direction == "forward" else 2)):
            each(0, CHANNELS, 0)

    driver.set_active(Pretended())
    JITFunction.run, passes._run = run, once
    try:
        u, a, b, grad = (torch.empty(max(1, TOKENS // L), D, L, dtype=torch.bfloat16) for _ in range(4))
        call = launch.Call(u, torch.empty(D, L), torch.empty(D), a, b)
        launch.forward(call) if direction == "forward" else launch.backward(call, grad, (True,) * 4)
    finally:
        JITFunction.run = genuine
    return found


def _usage(kernel: Any) -> dict[str, int]:
    import triton

    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        command = [str(tool), "--dump-resource-usage", file.name]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    registers, stack, local = (
        int(re.search(rf"{name}:(\d+)", text)[1]) for name in ("REG", "STACK", "LOCAL")
    )
    return {"registers": registers, "spilled": stack + local, "shared": kernel.metadata.shared}


def measure(directions: list[str]) -> Figures:
    """Return the figures of all lengths, each direction in a process of its own without the interpreter."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    command = [sys.executable, __file__, "--measure"]
    running = [
        subprocess.Popen([*command, each], env=environment, stdout=subprocess.PIPE, text=True)
        for each in directions
    ]
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * len(running)
    return functools.reduce(dict.__or__, map(json.loads, outputs))


def grown(found: dict[str, int], pinned: dict[str, int]) -> list[str]:
    """Name the figures that are worse than the pinned ones."""
    return [name for name, slack in (("spilled", SLACK), ("shared", 1)) if found[name] > slack * pinned[name]]


def fits(row: dict[str, int]) -> bool:
    """Tell whether a kernel can be launched at all."""
    return row["registers"] <= MOST_REGISTERS and row["shared"] <= MOST_SHARED


def test_pinned_kernels_fit_on_the_chip():
    kernels = json.loads(TABLE.read_text("utf-8"))["kernels"]
    assert [name for name, row in kernels.items() if not fits(row)] == []


def test_pinned_figures_cover_every_length_and_direction():
    kernels = json.loads(TABLE.read_text("utf-8"))["kernels"]
    lengths = {tuple(name.split("-")[:2]) for name in kernels}
    assert lengths == {(direction, f"L{L}") for direction in DIRECTIONS for L in LENGTHS}


@pytest.mark.slow
def test_no_kernel_spills_or_shares_more_memory_than_pinned():
    table = json.loads(TABLE.read_text("utf-8"))
    if version("triton") != table["triton"]:
        pytest.skip(f"the figures are those of Triton {table['triton']}, and this is {version('triton')}")
    found, pinned = measure(DIRECTIONS), table["kernels"]
    assert found.keys() == pinned.keys()
    worse = {name: (grown(row, pinned[name]), row, pinned[name]) for name, row in found.items()}
    assert {name: each for name, each in worse.items() if each[0] or not fits(each[1])} == {}


def main() -> None:
    """Print the figures of one direction, or remake the table of both."""
    if "--measure" in sys.argv:
        direction = sys.argv[-1]
        figures = functools.reduce(dict.__or__, (compiled(L, direction) for L in LENGTHS))
        sys.stdout.write(json.dumps(figures))
    else:
        figures = measure(DIRECTIONS)
        rows = ",\n".join(f"    {json.dumps(name)}: {json.dumps(row)}" for name, row in figures.items())
        TABLE.write_text(
            f'{{\n  "triton": "{version("triton")}",\n  "kernels": {{\n{rows}\n  }}\n}}\n', "utf-8"
        )


if __name__ == "__main__":
    main()

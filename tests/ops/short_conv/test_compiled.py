"""What the compiler makes of the short convolution's kernels: no GPU is needed to compile for one."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("triton")

# In a process of its own: an interpreter of kernels, where one is set, excludes compiling them.
COMPILE = """
import json, re, subprocess, sys, tempfile
from pathlib import Path
import triton
from triton.backends.compiler import GPUTarget
from longwave.ops.short_conv import kernels
from longwave.ops.short_conv.triton import BACKWARD_PLAN, FORWARD_PLAN

def read(fn, plan):
    constants = {"K": 3, "T": plan[0], "UNIT": 8}
    wide = {name: "*fp32" for name in ("k", "bias", "offset", "sums")}
    data = {name: "*bf16" for name in ("u", "g", "y", "du")}
    types = dict.fromkeys(constants, "constexpr") | wide | data
    names = fn.arg_names
    source = triton.compiler.ASTSource(
        fn=fn,
        signature={name: types.get(name, "i32") for name in names},
        constexprs=constants,
        attrs={(n,): [["tt.divisibility", 16]] for n, name in enumerate(names) if name in data},
    )
    target = GPUTarget("cuda", 90, 32)
    compiled = triton.compile(source, target=target, options={"num_warps": plan[1]})
    tool = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(compiled.asm["cubin"])
        file.flush()
        command = [tool, "--dump-resource-usage", file.name]
        text = subprocess.run(command, capture_output=True, text=True).stdout
    found = {name: int(value) for name, value in re.findall(r"(REG|STACK|LOCAL):(\\d+)", text)}
    found["half_loads"] = len(re.findall(r"ld\\.global\\.b16", compiled.asm["ptx"]))
    found["wide_loads"] = len(re.findall(r"ld\\.global\\.v4\\.b32", compiled.asm["ptx"]))
    found["wide_stores"] = len(re.findall(r"st\\.global\\.v4\\.b32", compiled.asm["ptx"]))
    return found

print(json.dumps([read(kernels.forward_kernel, FORWARD_PLAN), read(kernels.backward_kernel, BACKWARD_PLAN)]))
"""


@pytest.fixture(scope="module")
def figures() -> list[dict[str, int]]:
    """Return registers, spills and memory instructions, forward and backward."""
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    run = subprocess.run(
        [sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True, check=True
    )
    found: list[dict[str, int]] = json.loads(run.stdout)
    return found


@pytest.mark.slow
def test_kernels_spill_nothing(figures):
    assert [(found["STACK"], found["LOCAL"]) for found in figures] == [(0, 0), (0, 0)]


@pytest.mark.slow
def test_kernels_keep_their_registers(figures):
    """Forward 37 and backward 48 with Triton 3.9: 75 % and more of a Hopper's threads resident, and 60 %."""
    forward, backward = figures
    assert forward["REG"] <= 40
    assert backward["REG"] <= 51


@pytest.mark.slow
def test_whole_octets_move_sixteen_bytes_at_a_time(figures):
    forward, backward = figures
    assert (forward["half_loads"], backward["half_loads"]) == (0, 0)
    assert (forward["wide_loads"], forward["wide_stores"]) == (4, 2)
    assert (backward["wide_loads"], backward["wide_stores"]) == (3, 1)

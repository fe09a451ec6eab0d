"""Is a plan right on this GPU? One comparison with float64 at its first use, remembered on disk.

A new version of Triton, or a GPU nobody tried, may compile a kernel wrongly or not at all. Then the caller
takes the FFT backend, and a warning says so once.
"""

# Shapes: B batch, D width, L length

from __future__ import annotations

import functools
import logging
from dataclasses import replace

import torch
import triton
from torch import Tensor

from longwave.ops._triton import launch_failures
from longwave.ops.long_conv.fft import fft_conv
from longwave.ops.long_conv.triton.call import Call
from longwave.ops.long_conv.triton.launch import backward, forward
from longwave.ops.long_conv.triton.plans import ChunkPlan, PassPlan
from longwave.ops.long_conv.triton.remembered import gpu_key, recall, remember
from longwave.ops.long_conv.triton.split import SplitPlan

__all__ = ["find_problem", "is_right"]

FILE = "checked-kernels"
LIMIT = 5e-3  # a relative error; the kernels reach 2e-3 in bfloat16, a wrong one is off by far more
Plan = ChunkPlan | PassPlan | SplitPlan
_log = logging.getLogger(__name__)


@functools.lru_cache(maxsize=256)
def is_right(
    plan: Plan, device: torch.device, dtype: torch.dtype, *, is_backward: bool, is_odd: bool = False
) -> bool:
    """Tell whether a plan's kernels agree with float64 on a device, in one direction.

    Rows of odd length are read in another way, and looked at by themselves.
    """
    problem = find_problem(plan, device, dtype, is_backward=is_backward, is_odd=is_odd)
    if problem is not None:
        _warn(plan, device, problem)
    return problem is None


def find_problem(
    plan: Plan, device: torch.device, dtype: torch.dtype, *, is_backward: bool, is_odd: bool = False
) -> str | None:
    """Say what is wrong with a plan's kernels on a device; None, remembered, if nothing is."""
    if device.type != "cuda":  # the interpreter runs what is written
        return None
    key = f"{gpu_key(device)} {dtype} {plan} {is_backward} {is_odd}"
    if key in recall(FILE):
        return None
    try:
        with torch.inference_mode(False):  # the reference differentiates
            error = _largest_error(plan, device, dtype, is_backward, is_odd)
    except launch_failures() as failure:
        return f"does not run: {failure!r}"
    if not error < LIMIT:
        return f"is wrong, with a relative error of {error:.1e}"
    remember(FILE, key, error)
    return None


def _warn(plan: Plan, device: torch.device, what: str) -> None:
    _log.warning(
        "The GPU kernel for up to %d steps %s (Triton %s, %s). long_conv takes the slower FFT there; "
        "please report this.", plan.points, what, triton.__version__, torch.cuda.get_device_name(device),
    )  # fmt: skip


def _largest_error(
    plan: Plan, device: torch.device, dtype: torch.dtype, is_backward: bool, is_odd: bool = False
) -> float:
    L, D = (plan.points - 9, 8) if is_odd else (plan.points - 8, 6)
    if isinstance(plan, PassPlan):
        plan = replace(plan, scratch=1)  # several groups of channels, so that launches are repeated
    generator = torch.Generator(device).manual_seed(0)
    g, u, a, b = (torch.randn(2, D, L, device=device, generator=generator).to(dtype) for _ in range(4))
    k = torch.randn(D, L, device=device, generator=generator)
    call = Call(u, k, None, a, b)
    found = backward(call, g, (True,) * 4, plan) if is_backward else (forward(call, plan),)
    leaves = [t.double().requires_grad_() for t in (u, k, a, b)]
    with torch.enable_grad():
        y = fft_conv(leaves[0], leaves[1], None, leaves[2], leaves[3], False)
        wanted = torch.autograd.grad(y, leaves, g.double()) if is_backward else (y,)
    errors = [_error(x, w) for x, w in zip(found, wanted, strict=True) if x is not None]
    return float(torch.tensor(errors).max())  # a NaN among them is the largest


def _error(found: Tensor, wanted: Tensor) -> float:
    return float((found.double() - wanted.detach()).norm() / wanted.detach().norm())

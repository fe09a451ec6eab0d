"""Is a plan right on this GPU? One comparison with float64 at its first use, remembered on disk.

A new version of Triton, or a GPU nobody tried, may compile a kernel wrongly or not at all. Then the caller
takes the FFT backend, and a warning says so once.
"""

# Shapes: B batch, D width, L length

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
from dataclasses import replace
from pathlib import Path
from subprocess import SubprocessError

import torch
import triton
from torch import Tensor
from triton.runtime.errors import TritonError

from longwave.ops.long_conv.fft import fft_conv
from longwave.ops.long_conv.triton.call import Call
from longwave.ops.long_conv.triton.launch import backward, forward
from longwave.ops.long_conv.triton.plans import ChunkPlan, PassPlan

__all__ = ["is_right"]

LIMIT = 5e-3  # a relative error; the kernels reach 2e-3 in bfloat16, a wrong one is off by far more
# Where a kernel does not compile or fit, no C compiler works, or Triton launches in another way than it did.
FAILURES = (TritonError, RuntimeError, SubprocessError, TypeError, AttributeError)
_log = logging.getLogger(__name__)


@functools.lru_cache(maxsize=256)
def is_right(
    plan: ChunkPlan | PassPlan, device: torch.device, dtype: torch.dtype, *, is_backward: bool
) -> bool:
    """Tell whether a plan's kernels agree with float64 on a device, in one direction."""
    if device.type != "cuda":  # the interpreter runs what is written
        return True
    key = (
        f"{triton.__version__} {torch.cuda.get_device_name(device)} {dtype} {plan} {is_backward} {_digest()}"
    )
    known = _recall()
    if key in known:
        return True
    try:
        error = _largest_error(plan, device, dtype, is_backward)
    except FAILURES as failure:
        _warn(plan, device, f"does not run: {failure!r}")
        return False
    if not error < LIMIT:
        _warn(plan, device, f"is wrong, with a relative error of {error:.1e}")
        return False
    _remember([*known, key])
    return True


def _warn(plan: ChunkPlan | PassPlan, device: torch.device, what: str) -> None:
    _log.warning(
        "The GPU kernel for up to %d steps %s (Triton %s, %s). long_conv takes the slower FFT there; "
        "please report this.", plan.points, what, triton.__version__, torch.cuda.get_device_name(device),
    )  # fmt: skip


def _largest_error(
    plan: ChunkPlan | PassPlan, device: torch.device, dtype: torch.dtype, is_backward: bool
) -> float:
    L, D = plan.points - 8, 6
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


@functools.lru_cache(maxsize=1)
def _digest() -> str:
    """Return a fingerprint of the kernels' source."""
    folder = Path(__file__).parent
    text = b"".join(
        (folder / name).read_bytes() for name in ("transforms.py", "one_chunk.py", "three_pass.py")
    )
    return hashlib.sha256(text).hexdigest()[:16]


def _file() -> Path:
    return (
        Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "longwave" / "checked-kernels.json"
    )


def _recall() -> list[str]:
    try:
        known = json.loads(_file().read_text("utf-8"))
    except (OSError, ValueError):  # no file yet, or one that is damaged: check again
        return []
    return [each for each in known if isinstance(each, str)] if isinstance(known, list) else []


def _remember(keys: list[str]) -> None:
    path = _file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps(sorted(set(keys))), "utf-8")
        part.replace(path)
    except OSError as failure:
        _log.debug("The checks of GPU kernels could not be remembered in %s: %s", path, failure)

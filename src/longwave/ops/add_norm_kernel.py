"""The kernel of ``add_norm``: one program a row, which stays in registers."""

# Shapes: M rows, D width

# mypy: disable-error-code="misc, no-untyped-def, no-untyped-call, type-arg"

from __future__ import annotations

import functools
import logging

import torch
import triton
import triton.language as tl
from torch import Tensor

from longwave.ops._triton import can_launch, on_device

__all__ = ["can_serve", "launch"]

TYPES = (torch.bfloat16, torch.float16, torch.float32)
MAX_WIDTH = 1 << 14
PER_WARP = 512  # numbers of a row

_log = logging.getLogger(__name__)


@triton.jit  # type: ignore[untyped-decorator]
def _kernel(r, y, weight, bias, total, normed, D, eps, WIDTH: tl.constexpr):
    row = tl.program_id(0).to(tl.int64) * D
    d = tl.arange(0, WIDTH)
    is_in = d < D
    x = tl.load(r + row + d, mask=is_in, other=0.0)
    if y is not None:
        x += tl.load(y + row + d, mask=is_in, other=0.0).to(tl.float32)
        tl.store(total + row + d, x, mask=is_in)
    centred = tl.where(is_in, x - tl.sum(x, axis=0) / D, 0.0)
    scale = 1.0 / tl.sqrt(tl.sum(centred * centred, axis=0) / D + eps)
    w = tl.load(weight + d, mask=is_in, other=0.0).to(tl.float32)
    b = tl.load(bias + d, mask=is_in, other=0.0).to(tl.float32)
    tl.store(normed + row + d, (centred * scale * w + b).to(normed.dtype.element_ty), mask=is_in)


def can_serve(r: Tensor, y: Tensor | None, weight: Tensor, bias: Tensor) -> bool:
    """Whether the kernel takes these: a float32 stream, types to float32, nothing to differentiate."""
    tensors = [x for x in (r, y, weight, bias) if x is not None]
    return (
        r.dtype == torch.float32
        and r.shape[-1] <= MAX_WIDTH
        and all(x.dtype in TYPES and x.device == r.device for x in tensors)
        and not (torch.is_grad_enabled() and any(x.requires_grad for x in tensors))
        and not torch.compiler.is_compiling()
        and _runs_on(r.device)
    )


@functools.lru_cache(maxsize=32)
def _runs_on(device: torch.device) -> bool:
    """Tell by a tiny call whether the kernel can be compiled for a device; a warning says if not."""
    ones = torch.ones(1, 8, device=device)
    return can_launch(
        lambda: launch(ones, ones, ones[0], ones[0], 1e-5),
        _log,
        f"Norms are computed by torch on {device}, which is slower",
    )


def launch(r: Tensor, y: Tensor | None, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Launch the kernel; ``add_norm`` tells what it takes and returns. CPU in the interpreter only."""
    r, y = r.contiguous(), None if y is None else y.contiguous()
    D = r.shape[-1]
    total = r if y is None else torch.empty_like(r)
    normed = torch.empty_like(r, dtype=weight.dtype)
    width = 1 << (D - 1).bit_length()
    with on_device(r):
        _kernel[(r.numel() // D,)](
            r, y, weight.contiguous(), bias.contiguous(), total, normed, D, eps, width,
            num_warps=min(max(width // PER_WARP, 1), 8),
        )  # fmt: skip
    return total, normed

"""One step of a state space on a GPU: what the kernels take, and their launches.

Arguments are checked already and nothing is empty; CPU in Triton's interpreter only.
"""

# Shapes: M sequences, H heads, N stored modes; B batch, D width, S slots of a ring

from __future__ import annotations

import functools
import logging

import torch
from torch import Tensor

from longwave.ops._triton import can_launch, on_device
from longwave.ops.ssm.kernels import diagonal_kernel, shift_kernel

__all__ = ["can_serve", "launch_diagonal", "launch_shift"]

TYPES = (torch.bfloat16, torch.float16, torch.float32)
# Of a program, measured on an H200: modes or slots, sequences (they share what is held of the system), warps.
DIAGONAL_PLAN = (512, 4, 4)
SHIFT_PLAN = (512, 4, 4)

_log = logging.getLogger(__name__)


def can_serve(state: Tensor, *others: Tensor | None) -> bool:
    """Whether the kernels take a state, complex64 or of a type to float32, and such real tensors."""
    given = [tensor for tensor in others if tensor is not None]
    return (
        state.dtype in (torch.complex64, *TYPES)
        and all(tensor.dtype in TYPES and tensor.device == state.device for tensor in given)
        and not (torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (state, *given)))
        and not torch.compiler.is_compiling()
        and _runs_on(state.device)
    )


@functools.lru_cache(maxsize=32)
def _runs_on(device: torch.device) -> bool:
    """Tell by tiny calls whether kernels can be compiled for a device; a warning says if not."""
    x, ones = torch.ones(1, 1, 2, dtype=torch.complex64, device=device), torch.ones(1, 1, device=device)

    def attempt() -> None:
        launch_diagonal(x, x, ones, (x[0], x[0], x[0]))
        launch_shift(ones[..., None], torch.zeros_like(ones, dtype=torch.int32), ones, ones, ones[0])

    return can_launch(attempt, _log, f"State spaces step by torch on {device}, which is slower")


def launch_diagonal(
    x: Tensor,
    x_new: Tensor,
    u: Tensor,
    system: tuple[Tensor, Tensor, Tensor],
    skip: Tensor | None = None,
    gate_in: Tensor | None = None,
    gate_out: Tensor | None = None,
) -> Tensor:
    """Launch the step of ``ssm_step`` for x (M, H, N), u and gates (M, H); write x_new, which may be x.

    ``x`` and ``x_new`` are contiguous; ``system`` is dA, dB and C.
    """
    M, H, N = x.shape
    y = torch.empty((M, H), dtype=torch.float32 if gate_out is None else gate_out.dtype, device=x.device)
    tile, rows, warps = DIAGONAL_PLAN
    modes = _power(N)
    heads = max(1, min(tile // modes, _power(H)))
    inputs = [_heads_last(z) for z in (u, gate_in, gate_out)]
    with on_device(x):
        diagonal_kernel[(-(-H // heads), -(-M // rows))](
            *(torch.view_as_real(z) for z in (x, x_new, *(z.contiguous() for z in system))),
            *inputs, None if skip is None else skip.contiguous(), y,
            M, H, N, *(0 if z is None else z.stride(0) for z in inputs), rows, heads, modes,
            num_warps=warps,
        )  # fmt: skip
    return y


def launch_shift(ring: Tensor, slot: Tensor, k: Tensor, taps: Tensor, skip: Tensor) -> Tensor:
    """Launch the step of ``shift_step``; the ring (B, D, S) and its slots are contiguous and written to."""
    B, D, S = ring.shape
    y = torch.empty((B, D), dtype=torch.float32, device=ring.device)
    tile, rows, warps = SHIFT_PLAN
    slots = _power(S)
    channels = max(1, min(tile // slots, _power(D)))
    k = k if k.stride(1) == 1 else k.contiguous()
    with on_device(ring):
        shift_kernel[(-(-D // channels), -(-B // rows))](
            ring, slot, k, taps.contiguous(), skip.contiguous(), y, B, D, S, k.stride(0), rows, channels,
            slots, num_warps=warps,
        )  # fmt: skip
    return y


def _heads_last(x: Tensor | None) -> Tensor | None:
    return x if x is None or x.stride(1) == 1 else x.contiguous()


def _power(n: int) -> int:
    return 1 << (n - 1).bit_length()

"""The long convolution on a GPU, in Triton kernels: compiled at first use, without the CUDA toolkit.

Read in this order: ``factors`` (the quarter shift), ``transforms`` (a transform as four matrix products),
``one_chunk`` (sequences that fit on chip), ``three_pass`` (longer ones), ``plans`` (which tiles serve which
length), ``launch`` (tensors to kernels), ``operator`` (gradients, registration), ``self_check``, ``tuning``
(tiles for GPUs that the tables were not measured on).
"""

from __future__ import annotations

import os

import torch
from torch import Tensor

from longwave.ops._triton import HAS_TRITON
from longwave.ops.long_conv.triton.operator import convolve
from longwave.ops.long_conv.triton.plans import LONGEST

__all__ = ["refuse", "triton_conv"]

OLDEST = (8, 0)  # compute capability; before it there is no bfloat16
_IS_INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"


def triton_conv(
    u: Tensor,
    k: Tensor,
    skip: Tensor | None,
    gate_in: Tensor | None,
    gate_out: Tensor | None,
    bidirectional: bool,  # noqa: ARG001 (the filter's shape tells)
) -> Tensor:
    """Compute ``long_conv`` on a GPU; arguments as there, already checked and not empty.

    Half-precision transforms with float32 sums: the relative error is below 1e-3, and the rounding of a half
    type at the output comes on top. Input in float32 is served but computed no better.
    """
    return convolve(u, k, skip, gate_in, gate_out)


def refuse(u: Tensor, k: Tensor, bidirectional: bool) -> str | None:  # noqa: ARG001
    """Say why these kernels cannot serve a call; None where they can."""
    if not HAS_TRITON:
        return (
            'Triton is not installed; PyTorch for CUDA brings it along on Linux, else "pip install triton".'
        )
    if u.device.type != "cuda" and not _IS_INTERPRETED:
        return f"its kernels run on CUDA devices and the input is on {u.device}."
    if torch.float64 in (u.dtype, k.dtype):
        return "it computes in half precision and a tensor is float64."
    if u.shape[-1] > LONGEST:
        return f"it serves up to {LONGEST} steps and the input has {u.shape[-1]}."
    if u.device.type == "cuda" and torch.cuda.get_device_capability(u.device) < OLDEST:
        return f"it needs compute capability {OLDEST[0]}.{OLDEST[1]} or newer, which {u.device} has not."
    return None

"""The rule behind ``backend="auto"``: measured tables, by device, data type and length."""

# Shapes: B batch, D width, L length, K taps, H filters

from __future__ import annotations

import torch
from torch import Tensor

from longwave.ops.long_conv.triton import refuse

__all__ = ["choose_backend"]

# Measured in float32 with 2 cores (Xeon, 2 MB of L2 a core, MKL), ms of fft against the other:
#   4 taps, B8-D256, forward    L=1K 7.6, direct 5.2    L=8K 45.7, direct 48.6
#   1000 taps, B2-D128, both    L=16K 36, chunked 54    L=32K 91, chunked 85    L=64K 219, chunked 180
#   full filter           L=64K, B8-D256, forward 824, chunked 1089    L=512K, B1-D32, both 845, chunked 695
FEW_TAPS, FEW_TAPS_LENGTHS = 4, range(1024, 8192)
ONE_TRANSFORM = 2**16  # steps, up to which a filter of any length is served by one transform
ONE_TRANSFORM_SHORT, SHORT = 2**15 - 1, 16  # and a filter of less than a sixteenth of the signal


def choose_backend(
    u: Tensor,
    k: Tensor,
    skip: Tensor | None,  # noqa: ARG001
    gate_in: Tensor | None,  # noqa: ARG001
    gate_out: Tensor | None,  # noqa: ARG001
    bidirectional: bool,
) -> str:
    """Return the name of the fastest backend that serves a call; arguments as in ``long_conv``, checked."""
    if u.device.type == "cuda":
        return _on_gpu(u, k, bidirectional)
    return _on_cpu(u, k, bidirectional)


def _on_gpu(u: Tensor, k: Tensor, bidirectional: bool) -> str:
    """Half types on our kernels, at every length ahead of the FFT; wider ones would lose digits there."""
    is_half = u.dtype in (torch.bfloat16, torch.float16)
    return "triton" if is_half and refuse(u, k, bidirectional) is None else "fft"


def _on_cpu(u: Tensor, k: Tensor, bidirectional: bool) -> str:  # noqa: ARG001
    """Shifted sums for a handful of taps, one transform for most, chunks where it outgrows the cache."""
    taps, seq_len = k.shape[-1], u.shape[-1]
    has_gradients = torch.is_grad_enabled() and (u.requires_grad or k.requires_grad)
    if taps <= FEW_TAPS and seq_len in FEW_TAPS_LENGTHS and not has_gradients:
        return "direct"
    limit = ONE_TRANSFORM_SHORT if taps * SHORT < seq_len else ONE_TRANSFORM
    return "chunked" if seq_len > limit else "fft"

"""The long convolution as a direct sum, from its formula: slow, strictly causal, the oracle of the others."""

# Shapes: B batch, D width, L length, K taps, H filters

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from longwave.ops.long_conv.recompute import arithmetic_type

__all__ = ["naive_conv"]


def naive_conv(
    u: Tensor,
    k: Tensor,
    skip: Tensor | None,
    gate_in: Tensor | None,
    gate_out: Tensor | None,
    bidirectional: bool,
) -> Tensor:
    """Compute ``long_conv`` in O(B D L K) time and memory; arguments as there, already checked."""
    dtype = arithmetic_type(u, k)
    with torch.autocast(u.device.type, enabled=False):
        v = u.to(dtype) if gate_in is None else u.to(dtype) * gate_in.to(dtype)
        forward, backward = (k[0], k[1]) if bidirectional else (k, None)
        y = _direct_sum(v, forward.to(dtype))
        if backward is not None:
            y = y + _direct_sum(v.flip(-1), backward.to(dtype)).flip(-1)
        if skip is not None:
            y = y + skip.to(dtype)[:, None] * v
        if gate_out is not None:
            y = gate_out.to(dtype) * y
    return y.to(u.dtype)


def _direct_sum(v: Tensor, k: Tensor) -> Tensor:
    """Return ``y[t] = sum_j k[j] v[t-j]``."""
    taps = k.shape[-1]
    if taps == 0:
        return 0 * v + 0 * k.sum()
    k = k.repeat_interleave(v.shape[1] // k.shape[0], dim=0)  # (D, K)
    windows = F.pad(v, (taps - 1, 0)).unfold(-1, taps, 1)  # (B, D, L, K), oldest first
    return (windows * k.flip(-1)[:, None]).sum(-1)

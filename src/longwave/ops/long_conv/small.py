"""Signals so small that Python takes longer than the arithmetic: torch's own operations and gradients."""

# Shapes: B batch, D width, L length, K taps, H filters

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from longwave.ops.long_conv.fft import fft_conv
from longwave.ops.long_conv.recompute import Inputs, has_gradients, in_torch, textbook_conv

__all__ = ["fft_or_small_conv", "is_small", "small_conv"]

# Measured on one core, microseconds of two lines of torch.fft and of the matrix product, forward / forward +
# backward. B8-D256: L=8 95/363 and 69/271, L=16 147/556 and 79/339, L=32 233/1956 and 167/1345; B1-D64: L=24
# 33/209 and 31/183, L=32 29/209 and 39/227. Above, a call of fft.py takes 30 and its gradients 100 more than
# torch.fft, which they make up for beyond so many values of a signal.
FEW_STEPS = 32
FEW_VALUES, FEW_WITHOUT_GRADIENTS = 2**16, 2**18


def fft_or_small_conv(
    u: Tensor,
    k: Tensor,
    skip: Tensor | None,
    gate_in: Tensor | None,
    gate_out: Tensor | None,
    bidirectional: bool,
) -> Tensor:
    """Compute ``long_conv`` by whichever of ``fft_conv`` and ``small_conv`` is the faster."""
    inputs = Inputs(u, k, skip, gate_in, gate_out)
    if is_small(inputs):
        return small_conv(inputs, bidirectional)
    return fft_conv(u, k, skip, gate_in, gate_out, bidirectional)


def is_small(inputs: Inputs) -> bool:
    """Tell whether ``small_conv`` is the faster one.

    Not under autocast: it narrows matrix products, and later those of torch's gradients.
    """
    u = inputs.u
    if not u.is_cpu or torch.is_autocast_enabled("cpu"):
        return False
    if u.shape[-1] <= FEW_STEPS or u.numel() <= FEW_VALUES:
        return True
    return u.numel() <= FEW_WITHOUT_GRADIENTS and not has_gradients(inputs)


def small_conv(inputs: Inputs, bidirectional: bool) -> Tensor:
    """Compute ``long_conv``, with one dense matrix a channel or by FFT; arguments as there, checked."""
    if inputs.u.shape[-1] > FEW_STEPS:
        return textbook_conv(inputs, bidirectional)
    return in_torch(inputs, bidirectional, _by_matrices)


def _by_matrices(v: Tensor, k: Tensor, bidirectional: bool) -> Tensor:
    matrices = _toeplitz(k, v.shape[1], v.shape[2], bidirectional)
    return torch.bmm(v.transpose(0, 1), matrices.mT).transpose(0, 1)  # (B, D, L)


def _toeplitz(k: Tensor, width: int, seq_len: int, bidirectional: bool) -> Tensor:
    """Return the matrices ``T[t, s] = k[t - s]`` of all channels, shape (D, L, L)."""
    before, after = seq_len - 1, seq_len - k.shape[-1]
    if bidirectional:
        lags = F.pad(k[0], (before, after)) + F.pad(k[1].flip(-1), (after, before))
    else:
        lags = F.pad(k, (before, after))  # (H, 2L - 1), lag zero in the middle
    if lags.shape[0] != width:
        lags = lags.repeat_interleave(width // lags.shape[0], dim=0)
    return lags.unfold(-1, seq_len, 1).flip(-1)

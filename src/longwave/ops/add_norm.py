"""Add to a residual stream and normalise the sum, in one pass over it where nothing is differentiated."""

# Shapes: M rows (all axes before), D width

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from longwave.ops._triton import HAS_TRITON

__all__ = ["add_norm"]


def add_norm(r: Tensor, y: Tensor | None, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Return ``r + y`` and its LayerNorm.

    Parameters
    ----------
    r : Tensor, shape (..., D)
        Residual stream.
    y : Tensor, shape (..., D), optional
        What is added to it, of a type that is no wider; nothing unless given.
    weight, bias : Tensor, shape (D,)
        Of the LayerNorm.
    eps : float
        Added to the variance.

    Returns
    -------
    r : Tensor, shape (..., D)
        The sum, in the type of ``r``.
    normed : Tensor, shape (..., D)
        Computed in the type of ``r``, rounded to that of ``weight``.

    Notes
    -----
    On a GPU, without gradients and for a float32 stream, one Triton kernel: two tensors read, two written.
    """
    if r.is_cuda and r.numel() and HAS_TRITON:
        from longwave.ops.add_norm_kernel import can_serve, launch

        if can_serve(r, y, weight, bias):
            return launch(r, y, weight, bias, eps)
    r = r if y is None else r + y
    normed = F.layer_norm(r, weight.shape, weight.to(r.dtype), bias.to(r.dtype), eps)
    return r, normed.to(weight.dtype)

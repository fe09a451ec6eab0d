"""Short causal convolution over time, one filter of a few taps per channel.

Two forms of one function: ``shifts.py`` in plain torch, for any device and type, and ``triton.py``, kernels
for a GPU, taken whenever they can serve.
"""

# Shapes: B batch, D width, L length, K taps, P parts of the width

from __future__ import annotations

from torch import Tensor

from longwave.errors import ShapeError
from longwave.ops._triton import HAS_TRITON
from longwave.ops.short_conv.shifts import shifted_conv

__all__ = ["short_conv", "split_short_conv"]


def short_conv(u: Tensor, k: Tensor, bias: Tensor | None = None, *, offset: Tensor | None = None) -> Tensor:
    """Convolve every channel causally with a filter of a few taps.

    Parameters
    ----------
    u : Tensor, shape (B, D, L)
    k : Tensor, shape (D, K)
        ``k[:, 0]`` multiplies the present step, ``k[:, 1]`` the one before.
    bias : Tensor, shape (D,), optional
        Added to every output.
    offset : Tensor, shape (D,), optional
        Added to every input, but not to the zeros before the start: the bias of a projection that came
        before, for which it would have needed a pass over the data.

    Returns
    -------
    Tensor, shape (B, D, L)
        In the type of ``u``; half types are computed in float32.

    Raises
    ------
    ShapeError
        If widths differ, or a tensor is not of a real floating type.

    Notes
    -----
    ``y[t] = bias + sum_{j<=t} k[j] (u[t-j] + offset)``: O(B D L K) time. Differentiable once. On a GPU with
    Triton, types up to float32 and at most nine taps take one kernel forward and one backward, after a copy
    where time is not contiguous; the same input gives the same bits. Anything else takes plain torch.

    Examples
    --------
    >>> import torch
    >>> short_conv(torch.tensor([[[1.0, 2.0, 3.0]]]), torch.tensor([[1.0, 10.0]]))
    tensor([[[ 1., 12., 23.]]])
    """
    return split_short_conv(u, k, bias, offset=offset, parts=1)[0]


def split_short_conv(
    u: Tensor, k: Tensor, bias: Tensor | None = None, *, offset: Tensor | None = None, parts: int
) -> tuple[Tensor, ...]:
    """Convolve like ``short_conv`` and cut the result into equal runs of channels.

    Parameters
    ----------
    u, k, bias, offset : Tensor
        As in ``short_conv``.
    parts : int
        Must divide D.

    Returns
    -------
    tuple of P Tensors, shape (B, D / P, L)
        On a GPU each has memory of its own, so that the backward pass takes their gradients as they come:
        slices of one tensor would have them copied together first.

    Raises
    ------
    ShapeError
        As ``short_conv``, and if ``parts`` does not divide the width.

    Examples
    --------
    >>> import torch
    >>> gate, value = split_short_conv(torch.ones(1, 4, 5), torch.ones(4, 2), parts=2)
    >>> value.shape
    torch.Size([1, 2, 5])
    """
    _check(u, k, bias, offset, parts)
    if _has_kernel(u, k, bias, offset):
        from longwave.ops.short_conv.triton import kernel_conv

        return kernel_conv(u, k, bias, offset, parts)
    return shifted_conv(u, k, bias, offset).chunk(parts, dim=1)


def _has_kernel(u: Tensor, k: Tensor, bias: Tensor | None, offset: Tensor | None) -> bool:
    if not (HAS_TRITON and u.is_cuda and u.numel()):
        return False
    from longwave.ops.short_conv.triton import can_serve

    return can_serve(u, k, bias, offset)


def _check(u: Tensor, k: Tensor, bias: Tensor | None, offset: Tensor | None, parts: int) -> None:
    if u.dim() != 3 or k.dim() != 2 or k.shape[0] != u.shape[1] or k.shape[1] == 0:
        raise ShapeError(
            f"short_conv needs u of shape (B, D, L) and k of shape (D, K) with K >= 1, "
            f"not {tuple(u.shape)} and {tuple(k.shape)}."
        )
    if not u.is_floating_point() or not k.is_floating_point():
        raise ShapeError(f"short_conv needs real floating-point tensors, not {u.dtype} and {k.dtype}.")
    for name, vector in (("bias", bias), ("offset", offset)):
        if vector is not None and tuple(vector.shape) != (u.shape[1],):
            raise ShapeError(
                f"{name} has shape {tuple(vector.shape)}, not ({u.shape[1]},): one value per channel."
            )
    if parts < 1 or u.shape[1] % parts:
        raise ShapeError(f"parts is {parts}, which does not divide the width {u.shape[1]}. Choose a divisor.")

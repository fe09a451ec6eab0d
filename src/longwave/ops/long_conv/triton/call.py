"""One convolution's tensors as the kernels see them: strides, and what they allow the compiler to assume."""

# Shapes: B batch, D width, L length, K taps, H filters; V elements of one load

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

from longwave.ops.long_conv.recompute import Inputs

__all__ = ["Call", "Gradients", "filter_strides", "is_wide", "strides", "vector", "word"]

SLOWER = (2, 4096)  # a word and a tile: spills cost more than is saved, 3 % forward and 12 % backward (H200)


class Call(Inputs):
    """The tensors of one convolution, time contiguous in all; a filter of three axes looks both ways."""

    @property
    def both(self) -> bool:
        """Whether the filter looks both ways."""
        return self.k.dim() == 3

    @property
    def share(self) -> int:
        """Channels that share a filter."""
        return self.u.shape[1] // self.k.shape[-2]


class Gradients(NamedTuple):
    """Gradients in the order of ``Call``; that of the filter is one a channel, (D, K) or (2, D, K)."""

    u: Tensor | None
    k: Tensor | None
    gate_in: Tensor | None
    gate_out: Tensor | None


def vector(L: int, *tensors: Tensor | None) -> int:
    """Return the largest power of two up to 8 that divides the length and all strides: elements of a load."""
    strides = [stride for tensor in tensors if tensor is not None for stride in tensor.stride()[:-1]]
    return math.gcd(8, L, *strides)


def word(row: int, room: int, points: int, *tensors: Tensor | None) -> int:
    """Return the elements of a load that rows of odd length may be read by from before their start, or 0.

    Nothing before the first or beyond the last row is read: a word divides channels times ``row``.

    Parameters
    ----------
    row
        Steps from channel to channel of the result.
    room
        Steps by which a tile is longer than a sequence: rows move by up to a word less one.
    points
        Points of the tile.
    tensors
        Those that a program reads; all rows of a channel must start equally far from a word.
    """
    present = [t for t in tensors if t is not None]
    fit = [W for W in (8, 4, 2) if room + 1 >= W and all(_has_words(t, row, W) for t in present)]
    return fit[0] if row % 2 and fit and (fit[0], points) != SLOWER else 0


def _has_words(t: Tensor, row: int, W: int) -> bool:
    b, d = t.stride()[:2]
    aligned = t.data_ptr() % (W * t.element_size()) == 0 and t.shape[1] % W == 0
    return aligned and (d - row) % W == 0 and (t.shape[0] == 1 or b % W == 0)


def strides(tensor: Tensor | None, V: int) -> tuple[int, int]:
    """Return the strides of batch and channel in units of V elements."""
    return (0, 0) if tensor is None else (tensor.stride(0) // V, tensor.stride(1) // V)


def filter_strides(k: Tensor) -> tuple[int, int]:
    """Return the elements from filter to filter, and from those that look back to those that look ahead."""
    return k.stride(-2), k.stride(0) if k.dim() == 3 else 0


def is_wide(V: int, *tensors: Tensor | None) -> bool:
    """Tell whether an offset in units of V elements may need more than 32 bits."""
    return any(t is not None and max(t.numel(), t.shape[0] * t.stride(0)) // V >= 2**31 for t in tensors)

"""Fields in boxes of cells, brought to coarser cells."""

# Shapes: n points an axis; leading dimensions of any number

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from longwave.errors import ShapeError

__all__ = ["restrict_cells"]


def restrict_cells(field: Tensor, sizes: Sequence[int], *, is_smooth: bool = True) -> Tensor:
    """Return a field on a coarser grid of cells that covers the same box.

    Parameters
    ----------
    field : Tensor, shape (..., *old sizes)
        Point i of n of an axis sits at ``(i + 1/2) / n``, the middle of its cell.
    sizes : sequence of int
        Cells of each of the last axes, none more than there are.
    is_smooth : bool
        Whether values between points are interpolated linearly; otherwise the cell that contains the new
        point gives its value (of two with the point on their border, the upper one).

    Returns
    -------
    Tensor, shape (..., *sizes)
        Where an axis shrinks by an odd factor, old points in both cases.

    Raises
    ------
    ShapeError
        If an axis would be finer than before.
    """
    old_sizes = tuple(field.shape[field.dim() - len(sizes) :])
    if len(old_sizes) != len(sizes) or any(
        not 1 <= n <= old for n, old in zip(sizes, old_sizes, strict=True)
    ):
        raise ShapeError(
            f"A field of shape {tuple(field.shape)} cannot be put on a grid of sizes {tuple(sizes)}; "
            "accepted are 1 to as many points as there are. Make the data at a finer resolution."
        )
    for axis, n in zip(range(-len(sizes), 0), sizes, strict=True):
        old = field.shape[axis]
        if n == old:
            continue
        below, share = (part.to(field.device) for part in _neighbours(old, n))
        if is_smooth:
            above = (below + 1).clamp(max=old - 1)
            weight = share.to(field.dtype).reshape(-1, *[1] * (-axis - 1))
            lower, upper = field.index_select(axis, below), field.index_select(axis, above)
            field = lower + weight * (upper - lower)
        else:
            field = field.index_select(axis, below + (share >= 0.5))
    return field


@lru_cache(maxsize=32)
def _neighbours(old: int, n: int) -> tuple[Tensor, Tensor]:
    """Return the old point below each new one, and how far the new one is on the way to the next."""
    twice = (2 * torch.arange(n) + 1) * old - n  # over 2 n: the place among the old points
    below = torch.div(twice, 2 * n, rounding_mode="floor")
    return below, (twice - 2 * n * below).to(torch.float64) / (2 * n)

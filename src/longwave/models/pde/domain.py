"""The domain of a field: where its points lie, told to the model as channels, and room beyond its border."""

# Shapes: B batch, C channels, D axes of the grid, N points of an axis

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from longwave.errors import ConfigError

__all__ = ["Placement", "append_coordinates", "check_padding", "crop", "grid_coordinates", "pad"]

Placement = Literal["start", "centre", "ends"]


def grid_coordinates(
    sizes: Sequence[int],
    placement: Placement = "start",
    *,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> Tensor:
    """Return the coordinates of every point of a grid on the unit cube.

    Parameters
    ----------
    sizes : sequence of int
        Points of each axis.
    placement : {"start", "centre", "ends"}
        Where in its cell point ``i`` of ``N`` lies. ``"start"``: at ``i / N``, the natural grid of a periodic
        field. ``"centre"``: at ``(i + 1/2) / N``, that of a cosine transform. ``"ends"``: at ``i / (N - 1)``,
        from border to border; a single point lies at 0.
    dtype, device
        Of the result; half types are rounded from float32.

    Returns
    -------
    Tensor, shape (D, *sizes)

    Raises
    ------
    ConfigError
        If the placement is unknown.

    Notes
    -----
    The first two place a point of a coarse grid where a finer one of a multiple (an odd multiple for
    ``"centre"``) places it too, so that a model can be evaluated on a finer grid than it was trained on.

    Examples
    --------
    >>> grid_coordinates((4,), "centre")
    tensor([[0.1250, 0.3750, 0.6250, 0.8750]])
    """
    axes = [_axis(n, placement, device) for n in sizes]
    return torch.stack(torch.meshgrid(*axes, indexing="ij")).to(dtype)


def append_coordinates(x: Tensor, placement: Placement | Literal["none"]) -> Tensor:
    """Append the coordinates of every point as channels: (B, C, *grid) to (B, C + D, *grid)."""
    if placement == "none":
        return x
    places = grid_coordinates(x.shape[2:], placement, dtype=x.dtype, device=x.device)
    return torch.cat([x, places.expand(x.shape[0], *places.shape)], 1)


def check_padding(padding: float) -> None:
    """Refuse what ``pad`` cannot append.

    Raises
    ------
    ConfigError
        If it is negative, or above 1 and no whole number.
    """
    if not padding >= 0 or (padding > 1 and padding != round(padding)):
        raise ConfigError(
            f'"padding" is {padding}; give 0, a share of the axis below 1, or a whole number of points.'
        )


def pad(v: Tensor, padding: float) -> Tensor:
    """Append zeros to the end of every axis of (B, C, *grid).

    Parameters
    ----------
    v : Tensor, shape (B, C, *grid)
    padding : float
        From 1 on a number of points, below 1 a share of each axis, rounded to points.

    Returns
    -------
    Tensor
        As long as ``v`` and its padding; ``crop`` takes it back.
    """
    if not padding:
        return v
    added = [int(padding) if padding >= 1 else round(padding * n) for n in v.shape[2:]]
    return F.pad(v, [length for count in reversed(added) for length in (0, count)])


def crop(v: Tensor, sizes: Sequence[int]) -> Tensor:
    """Keep the first points of every axis of (B, C, *grid)."""
    for axis, n in enumerate(sizes, start=2):
        v = v.narrow(axis, 0, n)
    return v


def _axis(n: int, placement: str, device: str | torch.device) -> Tensor:
    points = torch.arange(n, dtype=torch.float64, device=device)
    if placement == "start":
        return points / n
    if placement == "centre":
        return (points + 0.5) / n
    if placement == "ends":
        return points / max(n - 1, 1)
    raise ConfigError(f'placement is "{placement}"; give "start", "centre" or "ends".')

"""Mirror fields in their axes, on the grid or, the same, on coefficients."""

# Shapes: B batch, C channels, D axes of the grid, N points and m modes kept of an axis

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from longwave.errors import ConfigError, ShapeError
from longwave.ops.transforms.bases import check_basis
from longwave.ops.transforms.shift import shift_modes

__all__ = ["mirror", "mirror_modes"]

Placement = Literal["centre", "start"]


def mirror(x: Tensor, axes: Sequence[int], placement: Placement) -> Tensor:
    """Reverse axes of a grid.

    Parameters
    ----------
    x : Tensor, shape (B, C, N_1, ..., N_D)
    axes : sequence of int
        Axes of the grid, from 0 on.
    placement : {"centre", "start"}
        ``"centre"``: points sit at ``(i + 1/2) / N`` and i becomes ``N - 1 - i``. ``"start"``: they sit at
        ``i / N`` on a torus and i becomes ``-i``.

    Returns
    -------
    Tensor, shape (B, C, N_1, ..., N_D)

    Raises
    ------
    ShapeError
        If the grid lacks an axis.
    """
    places = _check_axes(x, axes)
    mirrored = x.flip(places)
    return mirrored if placement == "centre" or not places else mirrored.roll([1] * len(places), places)


def mirror_modes(
    z: Tensor, basis: str, axes: Sequence[int], placement: Placement, sizes: Sequence[int]
) -> Tensor:
    """Turn the coefficients of fields into those of the mirrored fields.

    Parameters
    ----------
    z : Tensor, shape (B, C, m_1, ..., m_D)
    basis : {"dct", "hartley", "rfft"}
    axes : sequence of int
    placement : {"centre", "start"}
        As ``mirror`` has them.
    sizes : sequence of int
        Points of each axis, N_1 ... N_D.

    Returns
    -------
    Tensor, shape (B, C, m_1, ..., m_D)

    Raises
    ------
    UnknownName
        If there is no such basis.
    ConfigError
        If cosines should be mirrored at a point of a torus: they are even about the middles between points.
    ShapeError
        If the grid lacks an axis, or half a pair of frequencies would have to turn: take an odd number of
        Fourier modes on a grid of ``"centre"``.

    Notes
    -----
    A cosine of k half cycles is even or odd about the middle, which changes the sign of odd k. Of a Fourier
    pair the sine changes its sign; a Hartley pair, ``cos + sin`` of k and -k, changes places. That mirrors i
    to ``-i``; ``N - 1 - i`` is one point before, a turn of each pair by ``2 pi k / N``.

    Examples
    --------
    >>> z = torch.tensor([[[1.0, 3.0, 4.0]]])
    >>> mirror_modes(z, "dct", [0], "centre", [8])
    tensor([[[ 1., -3.,  4.]]])
    >>> mirror_modes(z, "rfft", [0], "start", [8])
    tensor([[[ 1.,  3., -4.]]])
    """
    check_basis(basis)
    places = _check_axes(z, axes)
    if basis == "dct" and placement == "start":
        raise ConfigError(
            'Cosine modes cannot be mirrored at a point of a torus. Take the basis "rfft" or "hartley".'
        )
    for place in places:
        z = _mirror_axis(z, basis, place)
    if basis == "dct" or placement == "start" or not places:
        return z
    shares = torch.zeros(len(z), z.dim() - 2, dtype=torch.float64, device=z.device)
    for place in places:
        shares[:, place - 2] = -1 / sizes[place - 2]
    return shift_modes(z, basis, shares)


def _mirror_axis(z: Tensor, basis: str, place: int) -> Tensor:
    index = torch.arange(z.shape[place], device=z.device)
    if basis == "hartley":  # 0, 1, -1, 2, -2, ...; the last of an even number has no partner
        if len(index) % 2 == 0:
            raise ShapeError(
                f"{len(index)} modes of an axis cut a pair of frequencies in two, so fields cannot be "
                "mirrored. Keep an odd number."
            )
        return z.index_select(place, torch.where(index == 0, 0, index - 1 + 2 * (index % 2)))
    is_odd = index % 2 == 1 if basis == "dct" else (index % 2 == 0) & (index > 0)
    signs = 1 - 2 * is_odd.to(z.dtype)
    return z * signs.reshape(-1, *(1,) * (z.dim() - place - 1))


def _check_axes(x: Tensor, axes: Sequence[int]) -> list[int]:
    """Return the places of axes of the grid in a tensor."""
    there = x.dim() - 2
    if not set(axes) <= set(range(there)):
        raise ShapeError(
            f"Axes {list(axes)} were to be mirrored; fields of shape {tuple(x.shape)} have the axes "
            f"{list(range(there))} of a grid. Count them from 0, after batch and channels."
        )
    return [axis + 2 for axis in axes]

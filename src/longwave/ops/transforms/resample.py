"""Bring fields and coefficients from one grid to another."""

# Shapes: N points of an axis, m modes kept

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from longwave.errors import ConfigError, ShapeError
from longwave.ops.transforms.bases import check_basis
from longwave.ops.transforms.fields import inverse, transform

__all__ = ["resample", "rescale"]


def resample(x: Tensor, sizes: int | Sequence[int], basis: str = "rfft") -> Tensor:
    """Interpolate fields spectrally to another grid, finer or coarser.

    Parameters
    ----------
    x : Tensor, shape (B, C, N_1, ..., N_d)
        Real.
    sizes : int or sequence of int
        Points of each axis of the result.
    basis : {"rfft", "dct"}
        ``"rfft"`` for periodic fields sampled at ``i / N``, ``"dct"`` for others, sampled at the centres
        ``(i + 1/2) / N`` of cells.

    Returns
    -------
    Tensor, shape (B, C, *sizes)

    Raises
    ------
    ConfigError
        If the basis is another one; Hartley modes span what ``"rfft"`` spans.
    ShapeError
        If ``x`` is not real, or a size is below 1.

    Notes
    -----
    Exact on fields whose modes both grids can hold, and for periodic ones also at the Nyquist frequency of an
    even grid, which is a cosine there. What a coarser grid cannot hold is dropped, not folded back.

    Examples
    --------
    >>> wave = torch.sin(2 * torch.pi * torch.arange(5) / 5)[None, None]
    >>> torch.allclose(resample(wave, 8)[0, 0, 1], torch.tensor(0.5).sqrt())
    True
    """
    if basis not in ("dct", "rfft"):
        raise ConfigError(
            f'resample takes the basis "dct" or "rfft", not "{basis}". Periodic fields: "rfft".'
        )
    old = tuple(x.shape[2:])
    new = (sizes,) * len(old) if isinstance(sizes, int) else tuple(sizes)
    if len(new) != len(old) or min(new, default=1) < 1:
        raise ShapeError(
            f"Fields on a grid of {old} cannot be brought to sizes {new}. Give a positive number an axis."
        )
    z = transform(x, basis, [min(pair) for pair in zip(old, new, strict=True)])
    return inverse(rescale(z, basis, old, new), basis, new)


def rescale(z: Tensor, basis: str, old: Sequence[int], new: Sequence[int]) -> Tensor:
    """Turn coefficients on one grid into those that the same field has on another grid.

    Parameters
    ----------
    z : Tensor, shape (B, C, m_1, ..., m_d)
    basis : {"dct", "hartley", "rfft"}
    old, new : sequence of int
        Points of each axis of the two grids; both must hold the modes.

    Returns
    -------
    Tensor, shape (B, C, m_1, ..., m_d)

    Raises
    ------
    UnknownName
        If there is no such basis.
    ShapeError
        If a Hartley basis holds the Nyquist frequency of one even grid, which no mode of the other equals.

    Notes
    -----
    An orthonormal coefficient grows as ``sqrt(N)``. A cosine at the Nyquist frequency of an even grid,
    ``(-1)^i``, has twice the energy of the same cosine seen by a finer grid: another factor ``sqrt 2``.
    """
    check_basis(basis)
    if tuple(old) == tuple(new):
        return z
    z = z * math.sqrt(math.prod(new) / math.prod(old))
    if basis == "dct":
        return z
    for axis, (before, after) in enumerate(zip(old, new, strict=True), start=2):
        step = _holds_nyquist(z.shape[axis], after) - _holds_nyquist(z.shape[axis], before)
        if step and basis == "hartley":
            raise ShapeError(
                f"{z.shape[axis]} Hartley modes on a grid of {min(before, after)} points hold its Nyquist "
                f"frequency, which is no mode of {max(before, after)} points. Keep one mode less."
            )
        if step:
            weights = torch.ones(z.shape[axis], dtype=z.dtype, device=z.device)
            weights[-1] = math.sqrt(2.0**step)
            z = z * weights.reshape(-1, *(1,) * (z.dim() - axis - 1))
    return z


def _holds_nyquist(modes: int, n: int) -> bool:
    return modes == n and n % 2 == 0

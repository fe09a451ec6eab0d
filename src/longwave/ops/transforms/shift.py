"""Move periodic fields along their axes, on the grid or, the same, on coefficients."""

# Shapes: B batch, C channels, D axes of the grid, m modes kept of an axis

from __future__ import annotations

import math

import torch
from torch import Tensor

from longwave.errors import ConfigError, ShapeError

__all__ = ["shift", "shift_modes"]

PERIODIC = ("rfft", "hartley")


def shift(x: Tensor, steps: Tensor) -> Tensor:
    """Roll every sample of a batch by its own number of points.

    Parameters
    ----------
    x : Tensor, shape (B, C, N_1, ..., N_D)
    steps : Tensor of int64, shape (B, D)
        Towards higher indices; what leaves at the end enters at the start.

    Returns
    -------
    Tensor, shape (B, C, N_1, ..., N_D)

    Raises
    ------
    ShapeError
        If there is not a number for every sample and axis.
    """
    _check_steps(x, steps)
    for axis, n in enumerate(x.shape[2:], start=2):
        sources = (torch.arange(n, device=x.device) - steps[:, axis - 2 : axis - 1]) % n  # (B, N)
        shape = [len(x), *(1,) * (x.dim() - 1)]
        shape[axis] = n
        x = x.gather(axis, sources.reshape(shape).expand_as(x))
    return x


def shift_modes(z: Tensor, basis: str, shares: Tensor) -> Tensor:
    """Turn the coefficients of periodic fields into those of the moved fields.

    Parameters
    ----------
    z : Tensor, shape (B, C, m_1, ..., m_D)
        An odd number of modes an axis.
    basis : {"rfft", "hartley"}
    shares : Tensor, shape (B, D)
        By how much of the period each sample moves along each axis.

    Returns
    -------
    Tensor, shape (B, C, m_1, ..., m_D)

    Raises
    ------
    ConfigError
        If the basis is not one of periodic fields.
    ShapeError
        If a number of modes is even, or there is not a share for every sample and axis.

    Notes
    -----
    A move by ``s`` turns the pair of frequency ``k`` by the angle ``-2 pi k s``, in either basis, for the
    pairs of Hartley's are the Fourier ones turned by 45 degrees. An even number of modes cuts a pair in two,
    and half a pair cannot turn.

    Examples
    --------
    >>> z = torch.tensor([[[1.0, 3.0, 4.0]]])
    >>> shift_modes(z, "rfft", torch.tensor([[0.5]])).round(decimals=3)
    tensor([[[ 1., -3., -4.]]])
    """
    if basis not in PERIODIC:
        raise ConfigError(f'Fields move in the bases {" and ".join(PERIODIC)}, not in "{basis}".')
    _check_steps(z, shares)
    for axis, m in enumerate(z.shape[2:], start=2):
        if m % 2 == 0:
            raise ShapeError(
                f"{m} modes of an axis cut a pair of frequencies in two, so fields cannot be moved. Keep an "
                "odd number."
            )
        angle = (
            (2 * math.pi) * shares[:, axis - 2, None].double() * torch.arange(1, m // 2 + 1, device=z.device)
        )  # (B, m // 2)
        shape = [len(z), *(1,) * (z.dim() - 2), m // 2]
        cos, sin = (part.to(z.dtype).reshape(shape) for part in (angle.cos(), angle.sin()))
        last = z.movedim(axis, -1)
        re, im = last[..., 1::2], last[..., 2::2]
        pairs = torch.stack([re * cos + im * sin, im * cos - re * sin], -1).flatten(-2)
        z = torch.cat([last[..., :1], pairs], -1).movedim(-1, axis)
    return z


def _check_steps(x: Tensor, steps: Tensor) -> None:
    if steps.shape != (len(x), x.dim() - 2):
        raise ShapeError(
            f"Moves have shape {tuple(steps.shape)}; fields of shape {tuple(x.shape)} need "
            f"{(len(x), x.dim() - 2)}, a number for every sample and axis."
        )

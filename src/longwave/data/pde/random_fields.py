"""Gaussian random fields in one to three dimensions: periodic ones, and ones with Neumann boundaries.

What is unusual about it

* noise is drawn in the order of frequency, so a coarse grid sees the low frequencies of exactly the field
  that a fine grid sees: resolutions agree without a finest grid being named;
* every sample has a random stream of its own, so that sample 7 is the same whatever else is drawn.
"""

# Shapes: B samples, n points an axis, M modes in all; grid of 1 to 3 axes

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from longwave.errors import ConfigError, ShapeError

__all__ = ["Key", "neumann_field", "periodic_field"]

Key = int | tuple[int, ...]  # seeds the stream of one sample
MAX_AXES = 3


def periodic_field(
    keys: Sequence[Key],
    sizes: Sequence[int],
    *,
    alpha: float,
    tau: float,
    scale: float = 1.0,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw fields on the unit torus with covariance ``scale * (-Laplace + tau^2)^-alpha`` and mean zero.

    Parameters
    ----------
    keys : sequence of int or tuple of int
        A seed for every sample, for example ``[(seed, 0), (seed, 1)]``.
    sizes : sequence of int
        Points of each of 1 to 3 axes; point i of n sits at ``i / n``.
    alpha, tau : float
        Smoothness, and inverse length of correlation.
    scale : float
        Factor of the covariance.
    device : device
        Where the sum over modes is taken.

    Returns
    -------
    Tensor, shape (B, *sizes), float64

    Raises
    ------
    ShapeError
        If there are no axes, more than three, or an axis without points.
    ConfigError
        If ``alpha``, ``tau`` or ``scale`` is no positive number.

    Notes
    -----
    ``Re sum_k sqrt(scale) (4 pi^2 |k|^2 + tau^2)^(-alpha/2) (a_k + i b_k) exp(2 pi i k x)`` over all
    ``0 < max |k_d| < n_d / 2`` with independent standard normal ``a_k, b_k``: a grid of even size leaves out
    the frequency that it cannot tell from its negative. A grid with fewer points has the same field without
    its high frequencies.

    References
    ----------
    The periodic fields of arXiv 2010.08895, appendix A.3.
    """
    _check(sizes, alpha=alpha, tau=tau, scale=scale)
    modes, order = _signed_modes(tuple(sizes))
    if not keys:  # the FFT refuses to do nothing
        return torch.zeros(0, *sizes, dtype=torch.float64, device=device)
    noise = _draw(keys, order, 2)
    amplitude = (4 * math.pi**2 * (modes**2).sum(1) + tau**2) ** (-alpha / 2) * math.sqrt(scale)
    amplitude[(modes == 0).all(1)] = 0.0
    spectrum = np.zeros((len(keys), *sizes), dtype=np.complex128)
    places = tuple(modes.T)  # negative ones count from the end, as the FFT has them
    spectrum[(slice(None), *places)] = (noise[..., 0] + 1j * noise[..., 1]) * amplitude
    axes = tuple(range(1, len(sizes) + 1))
    field: Tensor = torch.fft.ifftn(torch.from_numpy(spectrum).to(device), dim=axes, norm="forward")
    return field.real.contiguous()


def neumann_field(
    keys: Sequence[Key],
    sizes: Sequence[int],
    *,
    alpha: float,
    tau: float,
    scale: float = 1.0,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw fields on the unit cube whose normal derivative is zero on its sides; mean zero.

    Parameters
    ----------
    keys, alpha, tau, scale, device
        As in ``periodic_field``; the covariance is ``scale * (-Laplace + tau^2)^-alpha`` up to a factor: see
        the notes.
    sizes : sequence of int
        Points of each of 1 to 3 axes; point i of n sits at ``(i + 1/2) / n``, the middle of its cell.

    Returns
    -------
    Tensor, shape (B, *sizes), float64

    Raises
    ------
    ShapeError, ConfigError
        As in ``periodic_field``.

    Notes
    -----
    ``sum_k sqrt(scale) (pi^2 |k|^2 + tau^2)^(-alpha/2) a_k prod_d c(k_d) cos(pi k_d x_d)`` over all
    ``0 <= k_d < n_d`` but k = 0, with ``c(0) = 1``, otherwise ``sqrt(2)``, and independent standard normal
    ``a_k``. The cosines are summed as one matrix product an axis. A coarse grid has the same field without
    its high frequencies.

    References
    ----------
    The random coefficients of Darcy flow in arXiv 2010.08895, appendix A.2.
    """
    _check(sizes, alpha=alpha, tau=tau, scale=scale)
    modes, order = _unsigned_modes(tuple(sizes))
    amplitude = (math.pi**2 * (modes**2).sum(1) + tau**2) ** (-alpha / 2) * math.sqrt(scale)
    amplitude[(modes == 0).all(1)] = 0.0
    coefficients = np.zeros((len(keys), *sizes))
    coefficients[(slice(None), *tuple(modes.T))] = _draw(keys, order, 1)[..., 0] * amplitude
    field = torch.from_numpy(coefficients).to(device)
    for n in sizes:  # sums over the first axis of modes and puts the points last: after all axes as before
        field = torch.tensordot(field, _cosines(n).to(device), dims=([1], [0]))
    return field


def _check(sizes: Sequence[int], **settings: float) -> None:
    if not 1 <= len(sizes) <= MAX_AXES or min(sizes, default=0) < 1:
        raise ShapeError(
            f"A random field was asked for on a grid of sizes {tuple(sizes)}; accepted are 1 to {MAX_AXES} "
            "axes of at least one point. Change the sizes."
        )
    for name, value in settings.items():
        if not 0 < value < math.inf:
            raise ConfigError(
                f'"{name}" of a random field is {value}; accepted is a number above 0. Change it.'
            )


def _draw(keys: Sequence[Key], order: np.ndarray, width: int) -> np.ndarray:
    """Draw standard normal numbers, shape (B, M, width); ``order`` says which mode is which in the stream."""
    n_drawn = int(order.max()) + 1
    noise = np.empty((len(keys), len(order), width))
    for row, key in enumerate(keys):
        noise[row] = np.random.default_rng(key).standard_normal((n_drawn, width))[order]
    return noise


@lru_cache(maxsize=8)
def _signed_modes(sizes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the modes of a torus, shape (M, axes), and the place of each in the stream of noise, (M,)."""
    highest = max((n - 1) // 2 for n in sizes)
    return _in_order([np.arange(-highest, highest + 1)] * len(sizes), [(n - 1) // 2 for n in sizes])


@lru_cache(maxsize=8)
def _unsigned_modes(sizes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return the modes of a cosine series, likewise."""
    return _in_order([np.arange(max(sizes))] * len(sizes), [n - 1 for n in sizes])


def _in_order(axes: list[np.ndarray], limits: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Order a cube of modes by their largest component, then by place; keep those within the limits.

    A smaller cube is a beginning of a larger one, whence the same noise for the same mode.
    """
    modes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    modes = modes[np.argsort(np.abs(modes).max(axis=1), kind="stable")]
    order = np.flatnonzero((np.abs(modes) <= limits).all(axis=1))
    return modes[order], order


@lru_cache(maxsize=8)
def _cosines(n: int) -> Tensor:
    """Return ``c(k) cos(pi k (i + 1/2) / n)``, shape (modes k, points i)."""
    k, x = np.arange(n)[:, None], (np.arange(n) + 0.5)[None] / n
    return torch.from_numpy(np.where(k == 0, 1.0, math.sqrt(2)) * np.cos(math.pi * k * x))

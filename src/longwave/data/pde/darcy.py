"""Darcy flow: pressure in a square of two kinds of rock, by finite volumes."""

# Shapes: B samples, N cells a side

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import pad

from longwave.data.pde.cells import restrict_cells
from longwave.data.pde.fields import Channel
from longwave.data.pde.random_fields import Key, neumann_field
from longwave.data.pde.symmetries import Symmetries, Symmetry
from longwave.data.synthetic.settings import require
from longwave.errors import ConfigError, DataError, ShapeError

__all__ = ["DarcyConfig", "boundary_flux", "solve_darcy"]

ALPHA, TAU = 2.0, 3.0
CPU_CELLS = 1 << 16  # of a batch, so that an iteration stays in the cache


@dataclass(frozen=True, kw_only=True)
class DarcyConfig:
    """Permeability of two kinds of rock, and the pressure of a uniform source in it.

    Parameters
    ----------
    n_train, n_test : int
        Samples. Asking for more later adds to those there are.
    seed : int
        Seeds the permeabilities.
    resolution : int
        Cells a side of the samples.
    solve_resolution : int, optional
        Cells a side where it is solved; default: ``resolution``. An odd multiple of the resolution needs no
        interpolation.
    low, high : float
        Permeability where the random field is negative, and elsewhere.

    References
    ----------
    Section 5.2 and appendix A.3.2 of arXiv 2010.08895.
    """

    version: ClassVar[int] = 1
    is_periodic: ClassVar[bool] = False

    n_train: int = 1000
    n_test: int = 200
    seed: int = 0
    resolution: int = 85
    solve_resolution: int | None = None
    low: float = 3.0
    high: float = 12.0

    def __post_init__(self) -> None:
        fine = self.solve_cells
        require("resolution", self.resolution, self.resolution >= 2, "2 or more")
        require(
            "solve_resolution", fine, fine >= self.resolution, f"{self.resolution} (the resolution) or more"
        )
        for name, value in (("low", self.low), ("high", self.high)):
            require(name, value, 0 < value < math.inf, "a number above 0")

    @property
    def solve_cells(self) -> int:
        """Cells a side where it is solved."""
        return self.solve_resolution or self.resolution

    @property
    def points(self) -> int:
        """Cells of a sample where it is solved."""
        return self.solve_cells**2

    def channels(self) -> tuple[tuple[Channel, ...], tuple[Channel, ...]]:
        """Name the channels of inputs and targets."""
        return (Channel(name="permeability", is_smooth=False),), (Channel(name="pressure"),)

    def symmetries(self) -> Symmetries:
        """Return those of the square: rocks and pressures are turned and mirrored together."""
        signs = ((1,), (1,))
        return Symmetries(
            moves=(
                Symmetry(name="swap", swaps=True, signs=signs),
                Symmetry(name="mirror-x", mirrors=(0,), signs=signs),
                Symmetry(name="mirror-y", mirrors=(1,), signs=signs),
            )
        )

    def draw(self, keys: Sequence[Key], device: torch.device) -> tuple[Tensor, Tensor]:
        """Solve one sample a key; return permeability and pressure, (B, 1, N, N) each.

        Permeability is that of the same rock at the middles of coarser cells, not an average of fine ones.
        """
        rock = draw_rock(keys, self.solve_cells, low=self.low, high=self.high, device=device)
        pressure = restrict_cells(solve_darcy(rock), (self.resolution,) * 2)
        if self.resolution != self.solve_cells:
            rock = restrict_cells(rock, (self.resolution,) * 2, is_smooth=False)
        return rock[:, None], pressure[:, None]


def draw_rock(
    keys: Sequence[Key], n: int, *, low: float, high: float, device: torch.device | str = "cpu"
) -> Tensor:
    """Draw permeabilities, shape (B, n, n): ``high`` where a random field is positive or 0, else ``low``."""
    field = neumann_field(keys, (n, n), alpha=ALPHA, tau=TAU, scale=TAU ** (2 * ALPHA - 2), device=device)
    return torch.where(field >= 0, high, low).to(torch.float64)


def solve_darcy(
    permeability: Tensor,
    source: Tensor | float = 1.0,
    *,
    tolerance: float = 1e-12,
    max_iterations: int = 1000,
) -> Tensor:
    """Solve ``-div(a grad u) = f`` on the unit square with ``u = 0`` on its sides.

    Parameters
    ----------
    permeability : Tensor, shape (B, N, N)
        One positive value a cell.
    source : Tensor, shape (N, N) or (B, N, N), or float
        Mean of f in each cell.
    tolerance : float
        Of the residual over the source, in the Euclidean norm.
    max_iterations : int

    Returns
    -------
    Tensor, shape (B, N, N)
        u in the middles of the cells, float64.

    Raises
    ------
    ShapeError
        If shapes do not fit.
    DataError
        If a permeability is not a positive number; the message names the first such sample.
    ConfigError
        If the tolerance is not reached.

    Notes
    -----
    Finite volumes: what flows through the face between two cells is their pressure difference times the
    harmonic mean of their permeabilities; a wall is half a cell away. What leaves through the walls is the
    sum of the sources, up to the tolerance. Second order in ``1 / N`` where a is smooth.

    Conjugate gradients, preconditioned with the inverse for a = 1, which sines diagonalise: iterations depend
    on ``max a / min a`` alone, not on N; a ratio of 4 takes about 25. An iteration is four products of N by N
    matrices a sample: 1200 samples at N = 85 take about 10 s on one core.
    """
    a = permeability.to(torch.float64)
    _check(a)
    f = torch.as_tensor(source, dtype=torch.float64, device=a.device)
    try:
        f = f.expand(a.shape)
    except RuntimeError as error:
        raise ShapeError(
            f"The source has shape {tuple(f.shape)} and the permeability {tuple(a.shape)}; accepted is a "
            "number or one value a cell. Put both on the same grid."
        ) from error
    batch = len(a) if a.is_cuda else max(1, CPU_CELLS // a.shape[-1] ** 2)
    parts = [
        _conjugate_gradients(a[start : start + batch], f[start : start + batch], tolerance, max_iterations)
        for start in range(0, len(a), batch)
    ]
    return torch.cat(parts) if parts else a.clone()


def boundary_flux(permeability: Tensor, pressure: Tensor) -> Tensor:
    """Return what flows out through the walls, shape (B,): the integral of the source, if all is right."""
    across, down = _conductances(permeability.to(torch.float64))
    left_right, low_high = (
        across[:, :, [0, -1]] * pressure[:, :, [0, -1]],
        down[:, [0, -1]] * pressure[:, [0, -1]],
    )
    return left_right.sum((1, 2)) + low_high.sum((1, 2))


def _check(a: Tensor) -> None:
    if a.dim() != 3 or a.shape[1] != a.shape[2] or a.shape[1] < 1:
        raise ShapeError(
            f"The permeability has shape {tuple(a.shape)}; accepted is (B, N, N). Give one square field a "
            "sample."
        )
    wrong = torch.nonzero(~((a > 0) & torch.isfinite(a)).flatten(1).all(1)).flatten()
    if len(wrong):
        raise DataError(
            f"Sample {int(wrong[0])} has a permeability that is no positive number ({len(wrong)} samples "
            "have); accepted are numbers above 0. Leave it out or mend it."
        )


def _conductances(a: Tensor) -> tuple[Tensor, Tensor]:
    """Return flow a pressure difference of faces, (B, N, N + 1) and (B, N + 1, N); walls at both ends."""
    inner = 2 * a[:, :, 1:] * a[:, :, :-1] / (a[:, :, 1:] + a[:, :, :-1])
    across = torch.cat([2 * a[:, :, :1], inner, 2 * a[:, :, -1:]], dim=2)
    inner = 2 * a[:, 1:] * a[:, :-1] / (a[:, 1:] + a[:, :-1])
    return across, torch.cat([2 * a[:, :1], inner, 2 * a[:, -1:]], dim=1)


def _apply(across: Tensor, down: Tensor, u: Tensor) -> Tensor:
    """Return what flows out of every cell."""
    over = across * pad(u, (1, 1)).diff(dim=2)
    under = down * pad(u, (0, 0, 1, 1)).diff(dim=1)
    return -(over.diff(dim=2) + under.diff(dim=1))


def _conjugate_gradients(a: Tensor, f: Tensor, tolerance: float, max_iterations: int) -> Tensor:
    across, down = _conductances(a)
    n = a.shape[-1]
    goal = tolerance * _norm(f) / n**2
    u = torch.zeros_like(a)
    residual = f / n**2  # what every cell makes
    direction = along = torch.zeros_like(a)
    before = torch.ones(len(a), 1, 1, dtype=a.dtype, device=a.device)
    for iteration in range(max_iterations + 1):
        if bool((_norm(residual) <= goal).all()):
            return u
        along = _invert_uniform(residual)
        now = _dot(residual, along)
        # a sample that is done has nothing left to divide
        direction = along + torch.where(before > 0, now / before, 0.0) * direction if iteration else along
        image = _apply(across, down, direction)
        curve = _dot(direction, image)
        length = torch.where(curve > 0, now / curve, 0.0)
        u = u + length * direction
        residual, before = residual - length * image, now
    worst = float((_norm(residual) / _norm(f) * n**2).max())
    raise ConfigError(
        f"Darcy flow has a residual of {worst:.1e} after {max_iterations} iterations; accepted is "
        f"{tolerance:.1e}. Allow more iterations, a larger tolerance, or a smaller ratio of permeabilities."
    )


def _invert_uniform(residual: Tensor) -> Tensor:
    """Solve the equation for a = 1: to sines, divide, and back."""
    sines, values = _sines(residual.shape[-1])
    sines, values = sines.to(residual.device), values.to(residual.device)
    return sines.T @ ((sines @ residual @ sines.T) / values) @ sines


@lru_cache(maxsize=8)
def _sines(n: int) -> tuple[Tensor, Tensor]:
    """Return orthonormal ``sin(pi k (i + 1/2) / n)``, (k, i), for k = 1..n, and the eigenvalues, (n, n)."""
    k = torch.arange(1, n + 1, dtype=torch.float64)
    sines = torch.sin(math.pi / n * k[:, None] * (torch.arange(n, dtype=torch.float64) + 0.5)) * math.sqrt(
        2 / n
    )
    sines[-1] /= math.sqrt(2)  # it alternates between 1 and -1
    values = 2 - 2 * torch.cos(math.pi / n * k)
    return sines, values[:, None] + values


def _dot(x: Tensor, y: Tensor) -> Tensor:
    return (x * y).sum((1, 2), keepdim=True)


def _norm(x: Tensor) -> Tensor:
    return x.square().sum((1, 2)).sqrt()

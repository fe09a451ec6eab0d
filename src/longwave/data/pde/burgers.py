"""Burgers' equation on a circle: from the first velocity to the velocity some time later."""

# Shapes: B samples, N points, K highest mode kept, T frames

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from longwave.data.pde.fields import Channel
from longwave.data.pde.marching import IntegratingFactor, count_steps, march
from longwave.data.pde.random_fields import Key, periodic_field
from longwave.data.pde.symmetries import Symmetries, Symmetry
from longwave.data.synthetic.settings import require
from longwave.errors import ShapeError
from longwave.ops.transforms import resample

__all__ = ["BurgersConfig", "solve_burgers"]

SMALLEST = 4  # points, so that there is a mode
CPU_POINTS = 1 << 15  # of a batch, so that a step stays in the cache


@dataclass(frozen=True, kw_only=True)
class BurgersConfig:
    """Velocity on a circle at first and some time later.

    Parameters
    ----------
    n_train, n_test : int
        Samples. Asking for more later adds to those there are.
    seed : int
        Seeds the first velocities.
    resolution : int
        Points of the samples.
    solve_resolution : int, optional
        Points of the simulation; default: ``resolution``.
    viscosity : float
        On a circle of length 1.
    horizon : float
        Time of the target.
    dt : float
        Longest step.

    References
    ----------
    Section 5.1 of arXiv 2010.08895, which has 8192 points.
    """

    version: ClassVar[int] = 1
    is_periodic: ClassVar[bool] = True

    n_train: int = 1000
    n_test: int = 200
    seed: int = 0
    resolution: int = 1024
    solve_resolution: int | None = None
    viscosity: float = 0.1
    horizon: float = 1.0
    dt: float = 2e-3

    def __post_init__(self) -> None:
        fine = self.points
        require("resolution", self.resolution, self.resolution >= SMALLEST, f"{SMALLEST} or more")
        require(
            "solve_resolution", fine, fine >= self.resolution, f"{self.resolution} or more (the resolution)"
        )
        require("viscosity", self.viscosity, self.viscosity > 0, "a number above 0")
        require("horizon", self.horizon, self.horizon > 0, "a time above 0")
        require("dt", self.dt, self.dt > 0, "a time above 0")

    @property
    def points(self) -> int:
        """Points of the simulation."""
        return self.solve_resolution or self.resolution

    def channels(self) -> tuple[tuple[Channel, ...], tuple[Channel, ...]]:
        """Name the channels of inputs and targets."""
        first, last = (Channel(name=f"velocity at t={t:g}", unit="length/time") for t in (0.0, self.horizon))
        return (first,), (last,)

    def symmetries(self) -> Symmetries:
        """Return translations, and the mirror, in which velocities point the other way."""
        mirror = Symmetry(name="mirror-x", mirrors=(0,), signs=((-1,), (-1,)))
        return Symmetries(directions=((1,),), moves=(mirror,))

    def draw(self, keys: Sequence[Key], device: torch.device) -> tuple[Tensor, Tensor]:
        """Simulate one sample a key; return first and last velocity, (B, 1, N) each."""
        first = draw_velocity(keys, self.points, device)
        last = solve_burgers(first, viscosity=self.viscosity, horizon=self.horizon, dt=self.dt)
        if self.points != self.resolution:
            first = draw_velocity(keys, self.resolution, device)
            last = resample(last, self.resolution)
        return first[:, None], last


def draw_velocity(keys: Sequence[Key], n: int, device: torch.device | str = "cpu") -> Tensor:
    """Draw first velocities, shape (B, n): covariance ``625 (-Laplace + 25)^-2``."""
    return periodic_field(keys, (n,), alpha=2.0, tau=5.0, scale=625.0, device=device)


def solve_burgers(
    velocity: Tensor, *, viscosity: float, horizon: float, dt: float, n_frames: int = 1
) -> Tensor:
    """Carry velocities on the unit circle forward in time.

    Parameters
    ----------
    velocity : Tensor, shape (B, N)
        At time 0, points at ``i / N``. Its modes of ``N / 3`` and above are left out.
    viscosity : float
        Above 0: without it shocks form, which no sum of waves can follow.
    horizon : float
        Time of the last frame.
    dt : float
        Longest step; a little less where the time between frames is no multiple.
    n_frames : int
        Equally spaced, the last at the horizon.

    Returns
    -------
    Tensor, shape (B, T, N)
        Velocity at the frames, float64.

    Raises
    ------
    ShapeError
        If the velocity is no batch of at least 4 points.
    ConfigError
        If a setting is out of range, or a sample blows up: take smaller steps.

    Notes
    -----
    ``u_t + (u^2 / 2)_x = viscosity u_xx``. Pseudo-spectral with the 2/3 rule; an integrating factor for
    viscosity, the classical Runge-Kutta method for the rest. Mean velocity is conserved.
    """
    if velocity.dim() != 2 or velocity.shape[1] < SMALLEST:
        raise ShapeError(
            f"The velocity has shape {tuple(velocity.shape)}; accepted is (B, N) with N at least {SMALLEST}. "
            "Give one line a sample."
        )
    require("viscosity", viscosity, 0 < viscosity < math.inf, "a number above 0")
    steps, dt = count_steps(horizon, n_frames, dt)
    n, device = velocity.shape[1], velocity.device
    highest = math.ceil(n / 3) - 1
    frequency = 2 * math.pi * torch.arange(highest + 1, dtype=torch.float64, device=device)
    slope = -0.5j * frequency

    def change(spectrum: Tensor) -> Tensor:
        squares: Tensor = torch.fft.rfft(torch.fft.irfft(spectrum, n=n).square())
        return squares[:, : highest + 1] * slope

    out = torch.empty(len(velocity), n_frames, n, dtype=torch.float64, device=device)
    batch = len(velocity) if device.type == "cuda" else max(1, CPU_POINTS // n)
    for start in range(0, len(velocity), batch):
        rows = slice(start, start + batch)
        state = (torch.fft.rfft(velocity[rows].to(torch.float64))[:, : highest + 1],)
        step = IntegratingFactor(viscosity * frequency**2, dt, change)
        frames = march(step, state, n_frames=n_frames, steps_a_frame=steps, dt=dt, first=start)
        for frame, (spectrum,) in enumerate(frames):
            out[rows, frame] = torch.fft.irfft(spectrum, n=n)
    return out

"""Rising smoke in a closed box: Boussinesq flow in two dimensions, as a sequence of pictures.

What is unusual about it

* velocities live on the faces of cells, and pressure is solved for exactly by cosines: what flows into a cell
  flows out of it up to rounding;
* smoke is carried by limited fluxes: none is lost or made, and none falls below 0 or above what was there.
"""

# Shapes: B samples, N cells a side, T frames; first axis across, second axis up

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from longwave.data.pde.cells import restrict_cells
from longwave.data.pde.fields import Channel
from longwave.data.pde.marching import State, StepLimit, count_steps, march
from longwave.data.pde.random_fields import Key
from longwave.data.pde.symmetries import Symmetries, Symmetry
from longwave.data.synthetic.settings import require
from longwave.errors import ShapeError
from longwave.ops.transforms import basis_matrix

__all__ = ["SmokeConfig", "divergence", "solve_smoke"]

SMALLEST = 4  # cells a side
PUFFS, WAVES = 3, 4  # of the first smoke; of the first swirl, each way
SWIRL = 0.02  # deviation of the first stream function's waves
CPU_CELLS = 1 << 15  # of a batch, so that a step stays in the cache


@dataclass(frozen=True, kw_only=True)
class SmokeConfig:
    """Pictures of smoke that rises in a box, from a source and a few first puffs.

    Parameters
    ----------
    n_train, n_test : int
        Samples. Asking for more later adds to those there are.
    seed : int
        Seeds puffs, swirl and source.
    resolution : int
        Cells a side of the samples.
    solve_resolution : int, optional
        Cells a side of the simulation; default: ``resolution``.
    n_frames, n_context : int
        Frames in all, and how many of them, the first ones, are the input.
    horizon : float
        Time of the last frame; frames are equally spaced, without the beginning.
    has_velocity : bool
        Whether a frame has velocities besides smoke.
    buoyancy : float
        Upward acceleration of smoke of density 1.
    viscosity : float
        Of air and of smoke in it.
    source : float
        Density that comes in a unit of time where the source is strongest.
    courant : float
        Steps are ``courant / solve_resolution`` long; it should be below 0.5 over the largest speed.

    Notes
    -----
    A stand-in for photographs of real plumes, as the data set ScalarFlow has them: two frames are seen, the
    next ones are to be told.
    """

    version: ClassVar[int] = 1
    is_periodic: ClassVar[bool] = False

    n_train: int = 500
    n_test: int = 100
    seed: int = 0
    resolution: int = 64
    solve_resolution: int | None = None
    n_frames: int = 12
    n_context: int = 2
    horizon: float = 3.0
    has_velocity: bool = False
    buoyancy: float = 1.0
    viscosity: float = 5e-4
    source: float = 1.0
    courant: float = 0.32

    def __post_init__(self) -> None:
        fine = self.solve_cells
        require("resolution", self.resolution, self.resolution >= SMALLEST, f"{SMALLEST} or more")
        require(
            "solve_resolution", fine, fine >= self.resolution, f"{self.resolution} or more (the resolution)"
        )
        last = self.n_frames - 1
        require("n_frames", self.n_frames, self.n_frames >= 2, "2 or more")
        require("n_context", self.n_context, 1 <= self.n_context <= last, f"1 to {last} (below n_frames)")
        for name in ("horizon", "courant"):
            require(name, getattr(self, name), getattr(self, name) > 0, "a number above 0")
        for name in ("viscosity", "source"):
            require(name, getattr(self, name), getattr(self, name) >= 0, "0 or more")

    @property
    def solve_cells(self) -> int:
        """Cells a side of the simulation."""
        return self.solve_resolution or self.resolution

    @property
    def points(self) -> int:
        """Cells of a sample where it is simulated."""
        return self.solve_cells**2

    def channels(self) -> tuple[tuple[Channel, ...], tuple[Channel, ...]]:
        """Name the channels of inputs and targets: all of one frame, then all of the next."""
        quantities = [("smoke", "1")]
        if self.has_velocity:
            quantities += [("velocity across", "length/time"), ("velocity up", "length/time")]
        named = [
            [
                Channel(name=f"{name} at t={self.horizon * (frame + 1) / self.n_frames:g}", unit=unit)
                for name, unit in quantities
            ]
            for frame in range(self.n_frames)
        ]
        seen, told = named[: self.n_context], named[self.n_context :]
        return tuple(chain.from_iterable(seen)), tuple(chain.from_iterable(told))

    def symmetries(self) -> Symmetries:
        """Return the mirror from side to side; up and down are not alike."""
        inputs, targets = (
            tuple(-1 if channel.name.startswith("velocity across") else 1 for channel in channels)
            for channels in self.channels()
        )
        mirror = Symmetry(name="mirror-x", mirrors=(0,), signs=(inputs, targets))
        return Symmetries(moves=(mirror,))

    def draw(self, keys: Sequence[Key], device: torch.device) -> tuple[Tensor, Tensor]:
        """Simulate one sample a key; return inputs and targets, (B, C, N, N) each."""
        n = self.solve_cells
        smoke, swirl, source = draw_plume(keys, n, device)
        frames = solve_smoke(
            smoke,
            stream=swirl,
            source=self.source * source,
            buoyancy=self.buoyancy,
            viscosity=self.viscosity,
            horizon=self.horizon,
            dt=self.courant / n,
            n_frames=self.n_frames,
        )
        if not self.has_velocity:
            frames = frames[:, :, :1]
        frames = restrict_cells(frames, (self.resolution,) * 2)
        return frames[:, : self.n_context].flatten(1, 2), frames[:, self.n_context :].flatten(1, 2)


def draw_plume(
    keys: Sequence[Key], n: int, device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw first smoke, (B, n, n), first stream function, (B, n + 1, n + 1), and source, (B, n, n).

    Smoke is a sum of Gaussian puffs in the lower half, at most 1 each; the source is one near the ground; the
    stream function is a sum of sines, 0 at the walls.
    """
    centre, corner = (np.arange(n) + 0.5) / n, np.arange(n + 1) / n
    k = np.arange(1, WAVES + 1)
    sines = np.sin(np.pi * k[:, None] * corner)  # (waves, n + 1)
    fade = SWIRL / (k[:, None] ** 2 + k**2)
    parts = []
    for key in keys:
        rng = np.random.default_rng(key)
        x, y = rng.uniform(0.2, 0.8, PUFFS + 1), rng.uniform(0.1, 0.5, PUFFS + 1)
        width, height = rng.uniform(0.04, 0.1, PUFFS + 1), rng.uniform(0.3, 1.0, PUFFS + 1)
        y[0], height[0] = 0.1, 1.0  # the source
        across, up = (
            np.exp(-((centre - place[:, None]) ** 2) / (2 * width[:, None] ** 2)) for place in (x, y)
        )
        puffs = height[:, None, None] * across[:, :, None] * up[:, None]  # (puffs, n, n)
        waves = fade * rng.standard_normal((WAVES, WAVES))
        parts.append((puffs[1:].sum(0), sines.T @ waves @ sines, puffs[0]))
    smoke, stream, source = (torch.from_numpy(np.stack(part)).to(device) for part in zip(*parts, strict=True))
    return smoke, stream, source


def solve_smoke(
    smoke: Tensor,
    *,
    horizon: float,
    dt: float,
    n_frames: int = 1,
    buoyancy: float = 1.0,
    viscosity: float = 0.0,
    source: Tensor | None = None,
    stream: Tensor | None = None,
) -> Tensor:
    """Let smoke rise in the unit square, whose walls are smooth and closed.

    Parameters
    ----------
    smoke : Tensor, shape (B, N, N)
        Density at time 0, 0 or more.
    horizon : float
        Time of the last frame.
    dt : float
        Longest step; bounds hold while ``dt * N * (|u| + |v|)`` is below 0.5.
    n_frames : int
        Equally spaced, the last at the horizon.
    buoyancy : float
        Upward acceleration of smoke of density 1.
    viscosity : float
        Of air, and of smoke in it; at least 0.
    source : Tensor, shape (B, N, N) or (N, N), optional
        Density that comes in a unit of time.
    stream : Tensor, shape (B, N + 1, N + 1), optional
        Stream function of the first flow at the corners of cells; what it has on walls is taken as 0.

    Returns
    -------
    Tensor, shape (B, T, 3, N, N)
        Smoke and both velocities in the middles of the cells, float64.

    Raises
    ------
    ShapeError
        If shapes do not fit.
    ConfigError
        If a setting is out of range, or a sample blows up: take smaller steps.

    Notes
    -----
    ``u_t + div(u u) = -grad p + viscosity Laplace u + buoyancy s e_y``, ``div u = 0``,
    ``s_t + div(u s) = viscosity Laplace s + source``. Velocities on faces; fluxes with van Leer's limiter;
    two stages of the strong-stability-preserving Runge-Kutta method of second order, each made free of
    divergence. Total smoke grows by the source alone, up to rounding.

    References
    ----------
    Staggered grid: F. Harlow and J. Welch, Physics of Fluids 8 (1965), 2182. Limiter: B. van Leer, J. Comput.
    Phys. 14 (1974), 361. Stages: C.-W. Shu and S. Osher, J. Comput. Phys. 77 (1988), 439.
    """
    _check(smoke, source, stream)
    require("viscosity", viscosity, 0 <= viscosity < math.inf, "0 or more")
    steps, dt = count_steps(horizon, n_frames, dt)
    smoke = smoke.to(torch.float64)
    box = _Box(smoke, buoyancy, viscosity, dt)
    source = torch.zeros_like(smoke) if source is None else source.to(smoke).expand(smoke.shape)
    flow = box.rest(smoke) if stream is None else _from_stream(stream.to(smoke))
    out = torch.empty(len(smoke), n_frames, 3, *smoke.shape[1:], dtype=torch.float64, device=smoke.device)
    batch = len(smoke) if smoke.is_cuda else max(1, CPU_CELLS // smoke.shape[-1] ** 2)
    limit = StepLimit(box.share, dt)
    for start in range(0, len(smoke), batch):
        rows = slice(start, start + batch)
        state = (smoke[rows], flow[0][rows], flow[1][rows], source[rows])
        frames = march(
            box.step, state, n_frames=n_frames, steps_a_frame=steps, dt=dt, first=start, limit=limit
        )
        for frame, now in enumerate(_in_middles(frames)):
            out[rows, frame] = now
    return out


def divergence(across: Tensor, up: Tensor) -> Tensor:
    """Return what flows out of every cell over its area, (B, N, N), from velocities on inner faces.

    Parameters
    ----------
    across : Tensor, shape (B, N - 1, N)
    up : Tensor, shape (B, N, N - 1)
    """
    n = up.shape[1]
    return n * (pad(across, (0, 0, 1, 1)).diff(dim=1) + pad(up, (1, 1)).diff(dim=2))


class _Box:
    """One step; a state is smoke, velocities across and up on inner faces, and the source."""

    def __init__(self, smoke: Tensor, buoyancy: float, viscosity: float, dt: float) -> None:
        n = self.n = smoke.shape[-1]
        self.buoyancy, self.viscosity, self.dt = buoyancy, viscosity, dt
        self.cosines = basis_matrix("dct", n, n, dtype=torch.float64, device=smoke.device)
        value = 2 - 2 * torch.cos(math.pi / n * torch.arange(n, dtype=torch.float64, device=smoke.device))
        values = n * (value[:, None] + value)
        # the mean of pressure is free
        self.inverse = torch.where(values > 0, 1 / values, 0.0)

    def rest(self, smoke: Tensor) -> tuple[Tensor, Tensor]:
        """Return still air."""
        return torch.zeros_like(smoke[:, 1:]), torch.zeros_like(smoke[:, :, 1:])

    def step(self, state: State) -> State:
        """Take one step of two stages."""
        first = self._stage(state)
        second = self._stage(first)
        smoke, across, up = ((old + new) / 2 for old, new in zip(state[:3], second[:3], strict=True))
        return smoke, across, up, state[3]

    def share(self, state: State) -> Tensor:
        """Return what is moved out of the fullest cell in a step, over half of what it may hold, (B,)."""
        _, across, up, _ = state
        speed = pad(across, (0, 0, 1, 1)).abs(), pad(up, (1, 1)).abs()
        out = torch.maximum(speed[0][:, 1:], speed[0][:, :-1]) + torch.maximum(
            speed[1][:, :, 1:], speed[1][:, :, :-1]
        )
        return 2 * self.dt * self.n * (out.flatten(1).amax(1) + 2 * self.viscosity * self.n)

    def _stage(self, state: State) -> State:
        smoke, across, up, source = state
        dt = self.dt
        over = pad(self._flux(smoke, across, 1), (0, 0, 1, 1)).diff(dim=1)
        under = pad(self._flux(smoke, up, 2), (1, 1)).diff(dim=2)
        new_smoke = smoke + dt * (source - self.n * (over + under))
        new_across = across - dt * self._carry(across, up)
        new_up = up - dt * self._carry(up.mT, across.mT).mT
        new_up = new_up + (dt * self.buoyancy / 2) * (smoke[:, :, 1:] + smoke[:, :, :-1])
        return new_smoke, *self._project(new_across, new_up), source

    def _carry(self, across: Tensor, up: Tensor) -> Tensor:
        """Return the loss of momentum across by what flows out of the cells around inner faces."""
        walls = pad(across, (0, 0, 1, 1))
        over = self._flux(walls, (walls[:, 1:] + walls[:, :-1]) / 2, 1).diff(dim=1)
        under = pad(self._flux(across, (up[:, 1:] + up[:, :-1]) / 2, 2), (1, 1)).diff(dim=2)
        return self.n * (over + under)

    def _flux(self, amount: Tensor, velocity: Tensor, axis: int) -> Tensor:
        """Return the flux between neighbours on an axis: carried from upstream, and spread by viscosity."""
        n = amount.shape[axis]
        change = amount.diff(dim=axis)
        before, after = change.narrow(axis, 0, n - 2), change.narrow(axis, 1, n - 2)
        both = before * after
        slope = torch.where(both > 0, both / (before + after), 0.0)  # half of van Leer's
        slope = pad(slope, (0, 0, 1, 1) if axis == 1 else (1, 1))
        lower = amount.narrow(axis, 0, n - 1) + slope.narrow(axis, 0, n - 1)
        upper = amount.narrow(axis, 1, n - 1) - slope.narrow(axis, 1, n - 1)
        carried = torch.where(velocity > 0, lower, upper) * velocity
        return carried if self.viscosity == 0 else carried.sub_(change, alpha=self.viscosity * self.n)

    def _project(self, across: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
        """Take away the gradient that makes a flow diverge."""
        cosines = self.cosines
        pressure = cosines.mT @ ((cosines @ divergence(across, up) @ cosines.mT) * self.inverse) @ cosines
        return across + pressure.diff(dim=1), up + pressure.diff(dim=2)


def _from_stream(stream: Tensor) -> tuple[Tensor, Tensor]:
    """Return velocities on inner faces, free of divergence whatever the stream function."""
    stream = pad(stream[:, 1:-1, 1:-1], (1, 1, 1, 1))
    n = stream.shape[-1] - 1
    return n * stream[:, 1:-1].diff(dim=2), -n * stream[:, :, 1:-1].diff(dim=1)


def _in_middles(frames: Iterator[State]) -> Iterator[Tensor]:
    for smoke, across, up, _ in frames:
        u, v = pad(across, (0, 0, 1, 1)), pad(up, (1, 1))
        yield torch.stack([smoke, (u[:, 1:] + u[:, :-1]) / 2, (v[:, :, 1:] + v[:, :, :-1]) / 2], dim=1)


def _check(smoke: Tensor, source: Tensor | None, stream: Tensor | None) -> None:
    n = smoke.shape[-1] if smoke.dim() else 0
    if smoke.dim() != 3 or smoke.shape[1] != n or n < SMALLEST:
        raise ShapeError(
            f"The smoke has shape {tuple(smoke.shape)}; accepted is (B, N, N) with N at least {SMALLEST}. "
            "Give one square field a sample."
        )
    if source is not None and source.shape not in (smoke.shape, smoke.shape[1:]):
        raise ShapeError(
            f"The source has shape {tuple(source.shape)} and the smoke {tuple(smoke.shape)}; accepted is the "
            "same, or one field for all samples. Put both on the same grid."
        )
    corners = (len(smoke), n + 1, n + 1)
    if stream is not None and stream.shape != corners:
        raise ShapeError(
            f"The stream function has shape {tuple(stream.shape)}; accepted is {corners}, one value a corner "
            "of a cell. Give one more than cells a side."
        )

"""Navier-Stokes flow in two dimensions on a torus: vorticity from random beginnings, stirred by a force.

What is unusual about it

* the state holds only the modes that the 2/3 rule keeps, so transforms along the second axis see a third
  fewer columns;
* advection is a second derivative of two products of velocities: four transforms an evaluation, not five;
* viscosity is exact (integrating factor) and the rest a Runge-Kutta method of fourth order, where published
  data were made with Crank-Nicolson and Heun: steps are longer and their error is a thousandth.
"""

# Shapes: B samples, N points a side, K highest mode kept, T frames

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from longwave.data.pde.fields import Channel
from longwave.data.pde.marching import IntegratingFactor, State, StepLimit, count_steps, march
from longwave.data.pde.random_fields import Key, periodic_field
from longwave.data.pde.symmetries import Symmetries, Symmetry
from longwave.data.synthetic.settings import require
from longwave.errors import ShapeError
from longwave.ops.transforms import resample

__all__ = ["NavierStokesConfig", "diagonal_force", "solve_navier_stokes"]

FORCE = 0.1
SMALLEST = 4  # points a side, so that there is a mode
CPU_POINTS = 1 << 15  # of a batch, so that a step stays in the cache


@dataclass(frozen=True, kw_only=True)
class NavierStokesConfig:
    """Vorticity of a stirred flow at first and some time later.

    Parameters
    ----------
    n_train, n_test : int
        Samples. Asking for more later adds to those there are.
    seed : int
        Seeds the first vorticities.
    resolution : int
        Points a side of the samples.
    solve_resolution : int, optional
        Points a side of the simulation; default: ``resolution``.
    viscosity : float
        On a square of side 1.
    horizon : float
        Time of the last frame.
    n_frames : int
        Equally spaced up to the horizon, without the beginning.
    n_context : int
        0: the input is the first vorticity and the targets are all frames. Otherwise the input is the first
        so many frames and the targets are the others.
    force : float
        Size of the force, see ``diagonal_force``.
    courant : float
        Steps are ``courant / solve_resolution`` long; it should be below 1.3 over the largest speed
        ``|u| + |v|``.

    References
    ----------
    Section 5.3 and appendix A.3.3 of arXiv 2010.08895; the tasks are those of arXiv 2211.14453.
    """

    version: ClassVar[int] = 1
    is_periodic: ClassVar[bool] = True

    n_train: int = 1000
    n_test: int = 200
    seed: int = 0
    resolution: int = 64
    solve_resolution: int | None = None
    viscosity: float = 1e-3
    horizon: float = 50.0
    n_frames: int = 1
    n_context: int = 0
    force: float = FORCE
    courant: float = 2.56

    def __post_init__(self) -> None:
        fine = self.solve_points
        require("resolution", self.resolution, self.resolution >= SMALLEST, f"{SMALLEST} or more")
        require(
            "solve_resolution", fine, fine >= self.resolution, f"{self.resolution} (the resolution) or more"
        )
        require("viscosity", self.viscosity, self.viscosity >= 0, "0 or more")
        require("horizon", self.horizon, self.horizon > 0, "a time above 0")
        require("courant", self.courant, self.courant > 0, "a number above 0")
        require("n_frames", self.n_frames, self.n_frames >= 1, "1 or more")
        last = self.n_frames - 1
        require("n_context", self.n_context, 0 <= self.n_context <= last, f"0 to {last} (below n_frames)")

    @property
    def solve_points(self) -> int:
        """Points a side of the simulation."""
        return self.solve_resolution or self.resolution

    @property
    def points(self) -> int:
        """Points of a sample where it is solved."""
        return self.solve_points**2

    def channels(self) -> tuple[tuple[Channel, ...], tuple[Channel, ...]]:
        """Name the channels of inputs and targets."""
        times = [self.horizon * frame / self.n_frames for frame in range(self.n_frames + 1)]
        named = [Channel(name=f"vorticity at t={time:g}", unit="1/time") for time in times]
        if self.n_context == 0:
            return (named[0],), tuple(named[1:])
        return tuple(named[1 : self.n_context + 1]), tuple(named[self.n_context + 1 :])

    def symmetries(self) -> Symmetries:
        """Return those of the torus that leave the force as it is; without a force, all of them.

        Notes
        -----
        In a mirror vorticity changes its sign, and so must the force, a wave of ``s = x + y``: half a period
        along s does that. Half a turn takes s to -s, which is the same wave a quarter of a period along,
        ``cos(pi/2 - s) + sin(pi/2 - s) = sin s + cos s``.
        """
        inputs, targets = (len(part) for part in self.channels())
        kept, changed = ((1,) * inputs, (1,) * targets), ((-1,) * inputs, (-1,) * targets)
        if self.force == 0:
            return Symmetries(
                directions=((1, 0), (0, 1)),
                moves=(
                    Symmetry(name="swap", swaps=True, signs=changed),
                    Symmetry(name="mirror-x", mirrors=(0,), signs=changed),
                    Symmetry(name="mirror-y", mirrors=(1,), signs=changed),
                ),
            )
        return Symmetries(
            directions=((1, -1),),
            moves=(
                Symmetry(name="swap", swaps=True, share=(0.5, 0.0), signs=changed),
                Symmetry(name="turn", mirrors=(0, 1), share=(0.25, 0.0), signs=kept),
            ),
        )

    def draw(self, keys: Sequence[Key], device: torch.device) -> tuple[Tensor, Tensor]:
        """Simulate one sample a key; return inputs and targets, (B, C, N, N) each."""
        n = self.solve_points
        first = draw_vorticity(keys, n, device)
        frames = solve_navier_stokes(
            first,
            viscosity=self.viscosity,
            horizon=self.horizon,
            dt=self.courant / n,
            n_frames=self.n_frames,
            force=diagonal_force(n, self.force, device=device),
        )
        if n != self.resolution:
            frames = resample(frames, self.resolution)
        if self.n_context:
            return frames[:, : self.n_context], frames[:, self.n_context :]
        return draw_vorticity(keys, self.resolution, device)[:, None], frames


def draw_vorticity(keys: Sequence[Key], n: int, device: torch.device | str = "cpu") -> Tensor:
    """Draw first vorticities, shape (B, n, n): covariance ``2 * 7^3 (-Laplace + 49)^-2.5``, deviation 0.262.

    The text of arXiv 2010.08895 has the factor ``7^(3/2)``; this is what its program draws.
    """
    return periodic_field(keys, (n, n), alpha=2.5, tau=7.0, scale=2 * 7.0**3, device=device)


def diagonal_force(n: int, size: float = FORCE, *, device: torch.device | str = "cpu") -> Tensor:
    """Return ``size * (sin 2 pi (x + y) + cos 2 pi (x + y))``, shape (n, n)."""
    x = torch.arange(n, dtype=torch.float64, device=device) / n
    phase = 2 * math.pi * (x[:, None] + x)
    return size * (torch.sin(phase) + torch.cos(phase))


def solve_navier_stokes(
    vorticity: Tensor,
    *,
    viscosity: float,
    horizon: float,
    dt: float,
    n_frames: int = 1,
    force: Tensor | None = None,
    dtype: torch.dtype = torch.float64,
) -> Tensor:
    """Carry vorticities on the unit torus forward in time.

    Parameters
    ----------
    vorticity : Tensor, shape (B, N, N)
        At time 0; first axis x, second y, points at ``i / N``. Its modes of ``N / 3`` and above are left out.
    viscosity : float
        At least 0.
    horizon : float
        Time of the last frame.
    dt : float
        Longest step; a little less where the time between frames is no multiple. Stable while
        ``dt * N * (|u| + |v|)`` is below about 1.3.
    n_frames : int
        Equally spaced, the last at the horizon.
    force : Tensor, shape (N, N), optional
        Added to the change of vorticity at all times; default none.
    dtype : dtype
        Of the computation. float32 takes 0.7 of the time on a CPU; where the flow is chaotic its error grows,
        from 6e-5 for viscosity 1e-3 and time 50 to 1e-3 for 1e-4 and time 30.

    Returns
    -------
    Tensor, shape (B, T, N, N)
        Vorticity at the frames, float64.

    Raises
    ------
    ShapeError
        If the vorticity is no batch of squares of at least 4 points a side, or the force does not fit.
    ConfigError
        If a setting is out of range, or a sample blows up: take smaller steps.

    Notes
    -----
    ``w_t + u . grad w = viscosity * Laplace w + f`` with ``u = (psi_y, -psi_x)``, ``-Laplace psi = w``.
    Pseudo-spectral with the 2/3 rule; an integrating factor for viscosity, the classical Runge-Kutta method
    for the rest. Mean vorticity is conserved up to the force's. Advection is written
    ``(dxx - dyy) (u v) + dxy (v^2 - u^2)``. Relative error of the steps (N 64): 2e-8 at dt 0.04 for viscosity
    1e-3 and time 50; 7e-8 at dt 0.02 for 1e-4 and time 15. Costs 0.3 ms a sample and step at N = 64 on one
    core.

    References
    ----------
    Equation 7 of arXiv 2010.08895. The form of advection: C. Basdevant, J. Comput. Phys. 50 (1983), 209.
    """
    flow = _Flow(vorticity, viscosity, force, dtype)
    steps, dt = count_steps(horizon, n_frames, dt)
    device, n = vorticity.device, flow.n
    out = torch.empty(len(vorticity), n_frames, n, n, dtype=torch.float64, device=device)
    batch = len(vorticity) if device.type == "cuda" else max(1, CPU_POINTS // n**2)
    limit = StepLimit(lambda now: dt * flow.frequency(now), dt)
    for start in range(0, len(vorticity), batch):
        rows = slice(start, start + batch)
        state = (flow.forward(vorticity[rows].to(dtype)),)
        step = IntegratingFactor(flow.decay, dt, flow.change)
        frames = march(
            step,
            state,
            n_frames=n_frames,
            steps_a_frame=steps,
            dt=dt,
            first=start,
            limit=limit,
        )
        for frame, (spectrum,) in enumerate(frames):
            out[rows, frame] = flow.inverse(spectrum).to(torch.float64)
    return out


class _Flow:
    """Transforms and right-hand side; a spectrum is (B, N, K + 1), K the highest mode kept."""

    def __init__(self, vorticity: Tensor, viscosity: float, force: Tensor | None, dtype: torch.dtype) -> None:
        n = self.n = vorticity.shape[-1] if vorticity.dim() else 0
        if vorticity.dim() != 3 or vorticity.shape[1] != n or n < SMALLEST:
            raise ShapeError(
                f"The vorticity has shape {tuple(vorticity.shape)}; accepted is (B, N, N) with N at least "
                f"{SMALLEST}. Give one square field a sample."
            )
        if force is not None and force.shape != vorticity.shape[1:]:
            raise ShapeError(
                f"The force has shape {tuple(force.shape)} and the vorticity {tuple(vorticity.shape)}; "
                f"accepted is {(n, n)}. Give one field for all samples."
            )
        require("viscosity", viscosity, 0 <= viscosity < math.inf, "0 or more")
        device = vorticity.device
        self.highest = math.ceil(n / 3) - 1
        x = 2 * math.pi * torch.fft.fftfreq(n, 1 / n, dtype=torch.float64, device=device)[:, None]
        y = 2 * math.pi * torch.arange(self.highest + 1, dtype=torch.float64, device=device)
        kept = (x.abs() <= 2 * math.pi * self.highest).to(torch.float64)
        square = x**2 + y**2
        inverse = kept / square.clamp(min=1.0)  # but for the mean, whose flow is none, squares are 39 or more
        self.decay = (viscosity * square).to(dtype)
        self.kept: Tensor = kept.to(dtype)
        # both (2, N, K + 1)
        self.velocity = torch.stack([1j * y * inverse, -1j * x * inverse]).to(_complex(dtype))
        self.products = torch.stack([(x**2 - y**2) * kept, x * y * kept]).to(_complex(dtype))
        self.force = None if force is None else self.forward(force.to(device, dtype))

    def forward(self, field: Tensor) -> Tensor:
        """Transform fields, (..., N, N), and keep what the 2/3 rule keeps."""
        return self._transform(field) * self.kept

    def inverse(self, spectrum: Tensor) -> Tensor:
        """Return the fields of spectra, (..., N, N)."""
        field: Tensor = torch.fft.irfft(torch.fft.ifft(spectrum, dim=-2), n=self.n)
        return field

    def change(self, spectrum: Tensor) -> Tensor:
        """Return what advection and the force change, per unit of time."""
        u, v = self.inverse(spectrum.unsqueeze(1) * self.velocity).unbind(1)
        products = torch.stack([u * v, (v - u) * (v + u)], dim=1)  # (B, 2, N, N)
        spectra = self._transform(products) * self.products
        change = spectra[:, 0] + spectra[:, 1]
        return change if self.force is None else change.add_(self.force)

    def _transform(self, field: Tensor) -> Tensor:
        spectrum: Tensor = torch.fft.fft(torch.fft.rfft(field)[..., : self.highest + 1], dim=-2)
        return spectrum

    def frequency(self, state: State) -> Tensor:
        """Return the fastest oscillation of each sample over what a step of 1 can still follow, (B,)."""
        u, v = self.inverse(state[0].unsqueeze(1) * self.velocity).unbind(1)
        fastest = (u.abs() + v.abs()).flatten(1).amax(1)
        return 2 * math.pi * self.highest * fastest / IntegratingFactor.LIMIT


def _complex(dtype: torch.dtype) -> torch.dtype:
    return torch.complex64 if dtype == torch.float32 else torch.complex128

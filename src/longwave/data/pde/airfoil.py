"""Flow around airfoils without downloads or a flow solver: potential flow around Joukowski's wings.

A stand-in, in closed form, for the turbulent flows of the data set "Deep Flow Prediction": the same inputs
and outputs on the same grid, not periodic, with a body whose edge is sharp. There is no wake and no stall.
"""

# Shapes: B samples, N cells a side

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from longwave.data.pde.fields import Channel
from longwave.data.pde.random_fields import Key
from longwave.data.pde.symmetries import Symmetries, Symmetry
from longwave.data.synthetic.settings import require
from longwave.errors import ShapeError

__all__ = ["AirfoilConfig", "Airfoils", "potential_flow"]

OUTLINE = 512  # points of the outline that the chord is measured on
SPAN = 2.0  # side of the square, in chords


@dataclass(frozen=True, kw_only=True)
class AirfoilConfig:
    """Oncoming flow and shape of an airfoil, and pressure and velocity around it.

    Parameters
    ----------
    n_train, n_test : int
        Samples. Asking for more later adds to those there are.
    seed : int
        Seeds shapes and flows.
    resolution : int
        Cells a side; the square is two chords wide and the airfoil in its middle.
    max_angle : float
        Largest angle of attack, in degrees, either way.
    min_speed, max_speed : float
        Of the oncoming flow.
    max_thickness : float
        How far the circle's centre is moved back, over the distance of the foci: 0.2 makes airfoils about a
        quarter of their chord thick. At least a tenth of it is taken.
    max_camber : float
        How far it is moved up or down at most.

    References
    ----------
    Inputs, outputs and angles follow arXiv 1810.08217.
    """

    version: ClassVar[int] = 1
    is_periodic: ClassVar[bool] = False

    n_train: int = 1000
    n_test: int = 200
    seed: int = 0
    resolution: int = 128
    max_angle: float = 22.5
    min_speed: float = 0.5
    max_speed: float = 1.5
    max_thickness: float = 0.2
    max_camber: float = 0.15

    def __post_init__(self) -> None:
        require("resolution", self.resolution, self.resolution >= 2, "2 or more")
        require("max_angle", self.max_angle, 0 <= self.max_angle <= 45, "0 to 45 (degrees)")
        require("min_speed", self.min_speed, self.min_speed > 0, "a number above 0")
        least = self.min_speed
        require(
            "max_speed", self.max_speed, least <= self.max_speed < math.inf, f"{least} (min_speed) or more"
        )
        require("max_thickness", self.max_thickness, 0 < self.max_thickness <= 0.5, "above 0 and up to 0.5")
        require("max_camber", self.max_camber, 0 <= self.max_camber <= 0.5, "0 to 0.5")

    @property
    def points(self) -> int:
        """Cells of a sample."""
        return self.resolution**2

    def channels(self) -> tuple[tuple[Channel, ...], tuple[Channel, ...]]:
        """Name the channels of inputs and targets."""
        return (
            Channel(name="oncoming velocity, along", unit="length/time", is_smooth=False),
            Channel(name="oncoming velocity, across", unit="length/time", is_smooth=False),
            Channel(name="airfoil", is_smooth=False),
        ), (
            Channel(name="pressure over density", unit="length^2/time^2", is_smooth=False),
            Channel(name="velocity, along", unit="length/time", is_smooth=False),
            Channel(name="velocity, across", unit="length/time", is_smooth=False),
        )

    def symmetries(self) -> Symmetries:
        """Return the mirror that turns airfoil and flow upside down."""
        mirror = Symmetry(name="mirror-y", mirrors=(1,), signs=((1, -1, 1), (1, 1, -1)))
        return Symmetries(moves=(mirror,))

    def draw(self, keys: Sequence[Key], device: torch.device) -> tuple[Tensor, Tensor]:
        """Draw one airfoil a key; return (B, 3, N, N) each, 0 inside the airfoil except for its mask.

        The first axis of the grid is along the chord, the second upward.
        """
        airfoils = self.draw_airfoils(keys, device)
        x = (torch.arange(self.resolution, dtype=torch.float64, device=device) + 0.5) / self.resolution - 0.5
        flow = potential_flow(airfoils, torch.complex(*torch.meshgrid(SPAN * x, SPAN * x, indexing="ij")))
        oncoming = airfoils.oncoming[:, None, None].expand(flow.is_inside.shape)
        outside = ~flow.is_inside
        inputs = torch.stack([oncoming.real * outside, oncoming.imag * outside, flow.is_inside], dim=1)
        return inputs, torch.stack([flow.pressure, flow.velocity.real, flow.velocity.imag], dim=1)

    def draw_airfoils(self, keys: Sequence[Key], device: torch.device | str = "cpu") -> Airfoils:
        """Draw shapes and oncoming flows."""
        draws = np.array([np.random.default_rng(key).random(4) for key in keys]).reshape(len(keys), 4)
        back = self.max_thickness * (0.1 + 0.9 * draws[:, 0])
        up = self.max_camber * (2 * draws[:, 1] - 1)
        speed = self.min_speed + (self.max_speed - self.min_speed) * draws[:, 2]
        angle = math.radians(self.max_angle) * (2 * draws[:, 3] - 1)
        return Airfoils(
            centre=torch.from_numpy(-back + 1j * up).to(device),
            oncoming=torch.from_numpy(speed * np.exp(1j * angle)).to(device),
        )


@dataclass(frozen=True, kw_only=True)
class Airfoils:
    """Joukowski airfoils of chord 1 around the origin, with a flow towards each; y points upward.

    Parameters
    ----------
    centre : Tensor, shape (B,), complex
        Of the circle that becomes the airfoil under ``z = s + 1 / s``; the circle goes through s = 1, which
        becomes the trailing edge. Real part 0 or less (how thick), imaginary part above 0 for an arched back.
    oncoming : Tensor, shape (B,), complex
        Velocity far away, ``u + i v``.

    Raises
    ------
    ShapeError
        If they differ in shape.
    ConfigError
        If a centre is right of 0: such an airfoil is no outline.
    """

    centre: Tensor
    oncoming: Tensor

    def __post_init__(self) -> None:
        if self.centre.dim() != 1 or self.centre.shape != self.oncoming.shape:
            raise ShapeError(
                f"Airfoils have centres of shape {tuple(self.centre.shape)} and oncoming velocities of shape "
                f"{tuple(self.oncoming.shape)}; accepted is (B,) for both. Give one of each a sample."
            )
        right = float(self.centre.real.max()) if len(self.centre) else 0.0
        require("centre.real", right, right <= 0, "0 or less")

    @property
    def radius(self) -> Tensor:
        """Of the circle, shape (B,)."""
        return (1 - self.centre).abs()

    @property
    def circulation(self) -> Tensor:
        """Counterclockwise, shape (B,), so that flow leaves the trailing edge smoothly; lift is minus it."""
        low, high = self._extent()
        tail = 1 - self.centre
        pull = self.oncoming.conj() - self.oncoming * self.radius**2 / tail**2  # at the edge without a vortex
        return (-2j * math.pi * tail * pull).real / (high - low)

    def outline(self, n: int = OUTLINE) -> Tensor:
        """Return points of the outline counterclockwise from the trailing edge, shape (B, n), complex."""
        return self.place(self._circle(n))

    def place(self, s: Tensor) -> Tensor:
        """Map points around the circle to points around the airfoil."""
        low, high = self._extent()
        return (s + 1 / s - (low + high)[:, None] / 2) / (high - low)[:, None]

    def unplace(self, z: Tensor) -> Tensor:
        """Map points around the airfoils, shape (M,), to points around the circles, shape (B, M).

        Of the two points that z comes from, the one farther from the centre.
        """
        low, high = self._extent()
        half = (z * (high - low)[:, None] + (low + high)[:, None] / 2) / 2
        root = torch.sqrt(half - 1) * torch.sqrt(half + 1)
        one, other = half + root, half - root
        centre = self.centre[:, None]
        return torch.where((one - centre).abs() >= (other - centre).abs(), one, other)

    def _circle(self, n: int) -> Tensor:
        turn = torch.exp(2j * math.pi * torch.arange(n, dtype=torch.float64, device=self.centre.device) / n)
        return self.centre[:, None] + (1 - self.centre)[:, None] * turn

    def _extent(self) -> tuple[Tensor, Tensor]:
        """Return the leftmost and rightmost point before scaling, shape (B,) each."""
        s = self._circle(OUTLINE)
        x = (s + 1 / s).real
        return x.amin(1), x.amax(1)


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Flow around airfoils at M points.

    Parameters
    ----------
    velocity : Tensor, shape (B, *points), complex
        ``u + i v``; 0 inside.
    pressure : Tensor, shape (B, *points)
        Over density and above that far away; 0 inside.
    is_inside : Tensor of bool, shape (B, *points)
    """

    velocity: Tensor
    pressure: Tensor
    is_inside: Tensor


def potential_flow(airfoils: Airfoils, points: Tensor) -> Flow:
    """Return the flow around airfoils that leaves their trailing edges smoothly.

    Parameters
    ----------
    airfoils : Airfoils
    points : Tensor, complex, any shape
        ``x + i y`` in chords, the same for all airfoils.

    Notes
    -----
    On the circle's side the velocity is that of a stream, a dipole and a vortex,
    ``U (s - 1) (s - r) / (s - c)^2``, with the vortex such that one zero is at s = 1 (Kutta's condition). The
    derivative of ``s + 1 / s`` has the same zero, which is cancelled by hand: velocity is finite up to the
    edge. Pressure follows from Bernoulli, ``(|U|^2 - |u|^2) / 2``.

    References
    ----------
    Section 6.6 of G. K. Batchelor, An Introduction to Fluid Dynamics, 1967.
    """
    z = points.to(torch.complex128).flatten()
    s = airfoils.unplace(z)  # (B, points)
    centre, oncoming = airfoils.centre[:, None], airfoils.oncoming[:, None]
    radius = airfoils.radius[:, None]
    is_inside = (s - centre).abs() < radius
    other_zero = centre - radius**2 * oncoming.sgn() ** 2 / (1 - centre)
    velocity = (oncoming.conj() * (s - other_zero) * s**2 / ((s - centre) ** 2 * (s + 1))).conj()
    velocity = torch.where(is_inside, 0, velocity)
    pressure = torch.where(is_inside, 0, (oncoming.abs() ** 2 - velocity.abs() ** 2) / 2)
    shape = (len(s), *points.shape)
    return Flow(
        velocity=velocity.reshape(shape), pressure=pressure.reshape(shape), is_inside=is_inside.reshape(shape)
    )

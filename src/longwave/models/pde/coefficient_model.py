"""What models on coefficients share: the way in, the way out, and the lift after the transform."""

# Shapes: B batch, C channels, M modes kept, D axes of the grid

from __future__ import annotations

import functools
import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.errors import ShapeError
from longwave.models.pde.base import FieldConfig, FieldModel
from longwave.models.pde.domain import Placement, grid_coordinates
from longwave.ops.transforms import basis_matrix, crop_modes, inverse, pad_modes, rescale, transform

__all__ = ["CoefficientConfig", "CoefficientLift", "CoefficientModel", "box_places"]

PLACEMENT: dict[str, Placement] = {"dct": "centre", "hartley": "start", "rfft": "start"}


class CoefficientConfig(FieldConfig, Protocol):
    """What the configuration of a model on coefficients tells besides."""

    @property
    def resolution(self) -> tuple[int, ...]:
        """The grid of the training data."""
        ...

    @property
    def box(self) -> tuple[int, ...]:
        """Modes of each axis."""
        ...

    @property
    def basis(self) -> str:
        """Name of the basis."""
        ...

    @property
    def scaling(self) -> str:
        """In what unit the network reads coefficients."""
        ...

    @property
    def coordinates(self) -> bool:
        """Whether the lift gets the place of every point."""
        ...

    @property
    def keep_high(self) -> bool:
        """Whether modes outside the box pass beside the blocks."""
        ...


class CoefficientModel(FieldModel):
    """A model that transforms its input once, works on coefficients, and transforms once back."""

    config: CoefficientConfig

    @abstractmethod
    def network(self, z: Tensor) -> Tensor:
        """Map coefficients to coefficients, shape (B, C_in, *n_modes) to (B, C_out, *n_modes)."""

    def forward(self, x: Tensor, sizes: Sequence[int] | None = None) -> Tensor:
        """Map fields to fields.

        Parameters
        ----------
        x : Tensor, shape (B, C_in, *grid), real
            On any grid with as many points as modes.
        sizes : sequence of int, optional
            Grid of the result; default that of ``x``.

        Returns
        -------
        Tensor, shape (B, C_out, *sizes)

        Raises
        ------
        ShapeError
            If channels or axes differ from the configuration's, or a grid has fewer points than modes.
        """
        return self.decode(self.network(self.encode(x)), x.shape[2:] if sizes is None else sizes)

    def coefficients(self, x: Tensor, sizes: Sequence[int] | None = None) -> Tensor:
        """Compute the coefficients of the output, all that a loss on coefficients needs.

        Parameters
        ----------
        x : Tensor, shape (B, C_in, *grid)
        sizes : sequence of int, optional
            Grid on which the coefficients are meant; default that of ``x``.

        Returns
        -------
        Tensor, shape (B, C_out, *n_modes)
            ``transform(model(x), basis, n_modes)`` without the way there and back; with ``keep_high`` all
            coefficients of the grid of ``x``.

        Raises
        ------
        ShapeError
            As ``forward``.
        """
        z = self.network(self.encode(x)) * unit_of(self.config)
        return rescale(z, self.config.basis, self.config.resolution, x.shape[2:] if sizes is None else sizes)

    def encode(self, x: Tensor) -> Tensor:
        """Transform fields to what ``network`` reads: (B, C_in, *n_modes), in its scale on any grid."""
        self._check(x)
        self._check_grid(x.shape[2:])
        z = transform(x, self.config.basis, x.shape[2:] if self.config.keep_high else self.config.box)
        return rescale(z, self.config.basis, x.shape[2:], self.config.resolution) / unit_of(self.config)

    def decode(self, z: Tensor, sizes: Sequence[int]) -> Tensor:
        """Transform what ``network`` gives to fields on a grid, (B, C_out, *sizes)."""
        self._check_grid(sizes)
        z = rescale(z * unit_of(self.config), self.config.basis, self.config.resolution, sizes)
        return inverse(z, self.config.basis, sizes)

    def _check_grid(self, sizes: Sequence[int]) -> None:
        box = self.config.box
        if len(sizes) != len(box) or any(n < m for n, m in zip(sizes, box, strict=True)):
            raise ShapeError(
                f"A grid of {tuple(sizes)} points cannot show the model's {' x '.join(map(str, box))} modes; "
                "each axis needs as many points as modes. Use a finer grid, or train with fewer modes."
            )


class CoefficientLift(nn.Linear):
    """A linear layer from channels and coordinates to width, applied after the transform.

    Parameters
    ----------
    config : CoefficientConfig
    d_model : int

    Notes
    -----
    ``T(W [x, p] + b) = W [T x, T p] + b T(1)``: a transform is linear and acts on each channel alone. The
    coefficients of coordinates ``p`` and of the constant 1 depend on sizes only. Coordinates are those of the
    training grid, so that another grid sees the same function.
    """

    def __init__(self, config: CoefficientConfig, d_model: int) -> None:
        super().__init__(config.in_channels + (config.n_dims if config.coordinates else 0), d_model)
        self.config = config

    def forward(self, z: Tensor, places: Tensor | None = None) -> Tensor:
        """Map coefficients (B, C_in, *modes) to (M, B, C), all of them or those at some places."""
        channels = self.config.in_channels
        read = z.flatten(2).permute(2, 0, 1)  # (M, B, C_in)
        constants = constant_coefficients(self.config, z.shape[2:], z)
        if places is not None:
            read, constants = read[places], constants[places]
        of_constants = torch.cat([self.weight[:, channels:], self.bias[:, None]], 1)
        return F.linear(read, self.weight[:, :channels]) + F.linear(constants, of_constants)[:, None]


def unit_of(config: CoefficientConfig) -> float:
    """Return the orthonormal coefficient that the network of a model calls 1."""
    return math.sqrt(math.prod(config.resolution)) if config.scaling == "unit" else 1.0


def constant_coefficients(config: CoefficientConfig, modes: Sequence[int], like: Tensor) -> Tensor:
    """Return the coefficients of the coordinates, if asked for, and of the constant 1, shape (M, D + 1)."""
    if torch.compiler.is_compiling():  # no cache in a graph, which has its own ways
        columns = _columns(config.basis, config.resolution, config.coordinates, modes, like.device)
        return columns.to(like.dtype) / unit_of(config)
    sizes = config.resolution, config.coordinates, tuple(modes)
    return _cached_columns(config.basis, *sizes, like.dtype, like.device) / unit_of(config)


@functools.lru_cache(maxsize=32)
def _cached_columns(
    basis: str,
    resolution: tuple[int, ...],
    coordinates: bool,
    modes: tuple[int, ...],
    dtype: torch.dtype,
    device: torch.device,
) -> Tensor:
    with torch.inference_mode(False), torch.no_grad():  # or later training could not use it
        columns = _columns(basis, resolution, coordinates, modes, torch.device("cpu"))
        return columns.to(device=device, dtype=dtype)


def _columns(
    basis: str, resolution: Sequence[int], coordinates: bool, modes: Sequence[int], device: torch.device
) -> Tensor:
    """Build the coefficients as products of one vector an axis."""
    ones, places = [], []
    for n, m in zip(resolution, modes, strict=True):
        matrix = basis_matrix(basis, n, min(n, m), dtype=torch.float64, device=device)
        (axis,) = grid_coordinates((n,), PLACEMENT[basis], dtype=torch.float64, device=device)
        # A finer grid has more modes, about which the coordinates of this one say nothing.
        ones.append(pad_modes(matrix.sum(1), (m,)))
        places.append(pad_modes(matrix @ axis, (m,)))
    fields = (
        [[*ones[:axis], places[axis], *ones[axis + 1 :]] for axis in range(len(modes))] if coordinates else []
    )
    return torch.stack([functools.reduce(_outer, vectors) for vectors in [*fields, ones]], -1)


def _outer(left: Tensor, right: Tensor) -> Tensor:
    return (left[:, None] * right).flatten()


def box_places(sizes: Sequence[int], box: Sequence[int], kept: Tensor | None, device: torch.device) -> Tensor:
    """Return the places of a box of modes, or of those kept in it, among all coefficients row by row."""
    every = torch.arange(math.prod(sizes), device=device).reshape(*sizes)
    places = crop_modes(every, box).flatten()
    return places if kept is None else places[kept]

"""The configuration of a T1, and how its open choices are made from data."""

# Shapes: n samples, C channels, grid 1 to 3 axes

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

from longwave.errors import ConfigError, ShapeError
from longwave.models._checks import check_sizes
from longwave.models.pde.base import MAX_DIMS
from longwave.models.pde.selection import (
    as_box,
    box_of,
    check_fields,
    choose_basis,
    irreducible_loss,
    kept_energy,
    low_pass_box,
    top_modes,
)

__all__ = ["T1Config", "check_box", "resolve"]

Basis = Literal["auto", "dct", "hartley", "rfft"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class T1Config:
    """Sizes and parts of a T1 model.

    Parameters
    ----------
    kind : {"t1"}
        Says in a file which model it is.
    in_channels, out_channels : int
        Of the fields, coordinates not counted.
    resolution : tuple of int
        The grid of the training data, 1 to 3 axes of at least two points. Other grids see the same function.
    n_modes : tuple of int, optional
        Modes of each axis, counted from the lowest, both signs of a frequency apart: 24 cosine modes reach 12
        cycles, as do 24 periodic ones. None leaves the choice to the data.
    energy : float, optional
        Instead of ``n_modes``: the share of the targets' energy that the smallest box of modes must keep.
    top : int, optional
        Instead of ``n_modes``, or within this box: so many modes, those with the most energy of the targets.
    kept : tuple of int, optional
        The modes of the box in use, row by row, when ``top`` has chosen them.
    d_model, n_layers : int
        Width and depth; the defaults are the paper's for Navier-Stokes.
    basis : {"auto", "dct", "hartley", "rfft"}
        Cosines for fields that end at a boundary, ``"rfft"`` or ``"hartley"`` for periodic ones; ``"auto"``
        leaves the choice to the data.
    activation : {"gelu", "relu", "sin", "identity"}
        On coefficients, in the blocks.
    d_head : int
        Inner width of the head, whose activation is the sine.
    scaling : {"unit", "orthonormal"}
        What the network reads. ``"unit"``: coefficients over ``sqrt(N)``, which makes 1 of the field 1 and
        numbers of order one of most fields. ``"orthonormal"``: the paper's, ``sqrt(N)`` times as large.
    coordinates : bool
        Give the lift the place of every point.
    keep_high : bool
        Let modes outside the box pass from lift to head, beside the blocks, instead of dropping them.
    init : {"vp", "vp-data", "fno", "plain"}
        How channel mixings start: see ``channel_std``.
    first_layer_only : bool
        Give the first block alone the factor of ``init``, and the others that of ``"plain"``.
    input_energy : float, optional
        The share of the inputs' energy that the modes keep, for ``"vp-data"``; measured by ``T1.from_data``.
    head_std : float
        Deviation of the head's initial weights.

    Raises
    ------
    ConfigError
        If sizes contradict each other or are out of range.
    """

    kind: Literal["t1"] = "t1"
    in_channels: int
    out_channels: int
    resolution: tuple[int, ...]
    n_modes: tuple[int, ...] | None = None
    energy: float | None = None
    top: int | None = None
    kept: tuple[int, ...] | None = None
    d_model: int = 48
    n_layers: int = 8
    basis: Basis = "auto"
    activation: Literal["gelu", "relu", "sin", "identity"] = "gelu"
    d_head: int = 128
    scaling: Literal["unit", "orthonormal"] = "unit"
    coordinates: bool = True
    keep_high: bool = False
    init: Literal["vp", "vp-data", "fno", "plain"] = "vp"
    first_layer_only: bool = True
    input_energy: float | None = None
    head_std: float = 1e-8

    def __post_init__(self) -> None:
        names = ("in_channels", "out_channels", "d_model", "n_layers", "d_head")
        check_sizes(**{name: getattr(self, name) for name in names}, top=self.top or 1)
        for name in ("resolution", "n_modes", "kept"):  # YAML has lists only
            if getattr(self, name) is not None:
                object.__setattr__(self, name, tuple(getattr(self, name)))
        check_box(self.n_modes, self.resolution)
        if self.n_modes is not None:
            self._check_kept(math.prod(self.n_modes))
        elif self.energy is None and self.top is None:
            raise ConfigError('Say how many modes to keep: give "n_modes", "energy" or "top".')
        if self.energy is not None and (self.n_modes is not None or not 0 < self.energy <= 1):
            raise ConfigError(
                f'"energy" is {self.energy} and "n_modes" is {self.n_modes}; give one of the two, the energy '
                "above 0 and up to 1."
            )
        if self.input_energy is not None and not 0 < self.input_energy <= 1:
            raise ConfigError(f'"input_energy" is {self.input_energy}; a share is above 0 and up to 1.')

    @property
    def n_dims(self) -> int:
        """Axes of the grid."""
        return len(self.resolution)

    @property
    def box(self) -> tuple[int, ...]:
        """Modes of each axis.

        Raises
        ------
        ConfigError
            If the choice is still open.
        """
        open_choices = [f'"{name}"' for name in ("energy", "top") if getattr(self, name) is not None]
        open_choices += ['"basis"'] if self.basis == "auto" else []
        open_choices += ['"input_energy"'] if self.init == "vp-data" and self.input_energy is None else []
        if open_choices or self.n_modes is None:
            raise ConfigError(
                f"{' and '.join(open_choices)} must be settled by data before a model is built. "
                "Use T1.from_data(config, inputs, targets), or name the basis and the modes."
            )
        return self.n_modes

    @property
    def mode_count(self) -> int:
        """Modes that the blocks act on."""
        return math.prod(self.box) if self.kept is None else len(self.kept)

    def _check_kept(self, box_size: int) -> None:
        places = self.kept
        if places is None:
            return
        is_ascending = list(places) == sorted(set(places))
        if not places or not is_ascending or not 0 <= places[0] <= places[-1] < box_size:
            raise ConfigError(
                f'"kept" names {len(places)} modes of a box of {box_size}; give different places from 0 to '
                f"{box_size - 1} in ascending order, as T1.from_data does."
            )


def check_box(n_modes: Sequence[int] | None, resolution: Sequence[int]) -> None:
    """Refuse a grid with an axis of one point, and more modes than points.

    Raises
    ------
    ConfigError
        Naming both.
    """
    if not 1 <= len(resolution) <= MAX_DIMS or min(resolution) < 2:
        raise ConfigError(
            f'"resolution" is {list(resolution)}; give 1 to {MAX_DIMS} axes of at least 2 points. Leave out '
            "an axis of one point."
        )
    if n_modes is None:
        return
    if len(n_modes) != len(resolution) or any(
        not 1 <= m <= n for m, n in zip(n_modes, resolution, strict=True)
    ):
        raise ConfigError(
            f'"n_modes" is {list(n_modes)} on a grid of {list(resolution)} points; each axis has 1 up to as '
            "many modes as points. Keep fewer, or name a finer grid."
        )


def resolve(config: T1Config, inputs: Tensor, targets: Tensor) -> T1Config:
    """Settle by data what a configuration leaves open: the basis, the modes and the start of ``"vp-data"``.

    Parameters
    ----------
    config : T1Config
    inputs, targets : Tensor, shape (n, C, *grid)
        The training data; targets decide the basis and the modes, inputs the start.

    Returns
    -------
    T1Config
        With nothing open.

    Raises
    ------
    ShapeError
        If the data have other channels or another grid than the configuration.
    DataError
        If a sample holds something else than numbers.
    """
    for name, fields, channels in (
        ("inputs", inputs, config.in_channels),
        ("targets", targets, config.out_channels),
    ):
        if fields.shape[1:] != (channels, *config.resolution):
            raise ShapeError(
                f"{name} have shape {tuple(fields.shape)}, but the configuration names {channels} channels "
                f"on a grid of {config.resolution}. Change one of the two."
            )
        check_fields(fields, name)
    basis: Basis = config.basis
    if basis == "auto":
        basis = choose_basis(targets, config.n_modes, energy=config.energy)
    box, kept = _chosen_modes(config, targets, basis)
    share = config.input_energy
    if config.init == "vp-data" and share is None:
        share = kept_energy(inputs, box, basis, kept=kept)
    loss = irreducible_loss(targets, box, basis, kept=kept)
    logger.info(
        'T1 keeps %d modes of the basis "%s", in a box of %s of %s; no such model gets below %.3g (L2)',
        math.prod(box) if kept is None else len(kept), basis, box, config.resolution, loss,
    )  # fmt: skip
    return replace(config, basis=basis, n_modes=box, kept=kept, energy=None, top=None, input_energy=share)


def _chosen_modes(
    config: T1Config, targets: Tensor, basis: str
) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Return the box of modes and, when not all of them are kept, the places of those that are."""
    modes = config.n_modes
    if config.energy is not None:
        modes = low_pass_box(targets, basis, config.energy)
    if config.top is not None:
        return box_of(top_modes(targets, config.top, basis, within=modes), config.resolution)
    return as_box(modes or config.resolution, config.resolution), config.kept

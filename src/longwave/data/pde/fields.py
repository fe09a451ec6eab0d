"""Pairs of fields that an operator is learned from: what goes in, what should come out, and their names."""

# Shapes: n samples, C channels, grid of 1 to 3 axes

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from longwave.data.pde.cells import restrict_cells
from longwave.errors import DataError, ShapeError
from longwave.ops.transforms import resample

__all__ = ["Channel", "FieldPairs", "PDEDataSet"]


@dataclass(frozen=True, kw_only=True)
class Channel:
    """What a channel holds.

    Parameters
    ----------
    name : str
    unit : str
        "1" for a pure number; others as in "1/time", where nothing has metres or seconds.
    is_smooth : bool
        Whether values between points may be interpolated; not those of a mask or of pieces.
    """

    name: str
    unit: str = "1"
    is_smooth: bool = True


@dataclass(frozen=True, kw_only=True)
class FieldPairs:
    """Inputs and targets of one split.

    Parameters
    ----------
    inputs : Tensor, shape (n, C_in, *grid)
    targets : Tensor, shape (n, C_out, *grid)

    Raises
    ------
    ShapeError
        If they differ in samples or grid, or the grid has no or more than three axes.
    DataError
        If a number is not finite; the message names the first such sample.
    """

    inputs: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        one, other = self.inputs.shape, self.targets.shape
        if one[:1] + one[2:] != other[:1] + other[2:] or not 3 <= len(one) <= 5:
            raise ShapeError(
                f"Inputs have shape {tuple(one)} and targets {tuple(other)}; accepted are (n, C, *grid) with "
                "the same n and the same grid of 1 to 3 axes. Put samples first and channels second."
            )
        for name, tensor in (("inputs", self.inputs), ("targets", self.targets)):
            lost = torch.nonzero(~torch.isfinite(tensor).flatten(1).all(1)).flatten()
            if len(lost):
                raise DataError(
                    f"{len(lost)} of {len(tensor)} samples have {name} that are not finite, the first is "
                    f"sample {int(lost[0])}. Leave them out or make them again."
                )

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Points of each axis."""
        return tuple(self.inputs.shape[2:])


@dataclass(frozen=True, kw_only=True)
class PDEDataSet:
    """Fields for training and for testing.

    Parameters
    ----------
    name : str
    train, test : FieldPairs
        On the same grid.
    input_channels, target_channels : tuple of Channel
    is_periodic : bool
        Whether points sit at ``i / n`` on a torus; otherwise they are the middles of cells,
        ``(i + 1/2) / n``.
    hash : str
        Equal hashes mean equal data.
    constants : mapping of str to float
        Of the equation, as far as a file tells them; a data set made here has them in its configuration.

    Raises
    ------
    ShapeError
        If channels are not as many as their names, or train and test have different grids or channels.
    """

    name: str
    train: FieldPairs
    test: FieldPairs
    input_channels: tuple[Channel, ...]
    target_channels: tuple[Channel, ...]
    is_periodic: bool
    hash: str
    constants: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        expected = (len(self.input_channels), len(self.target_channels), self.train.sizes)
        for name, pairs in (("train", self.train), ("test", self.test)):
            found = (pairs.inputs.shape[1], pairs.targets.shape[1], pairs.sizes)
            if found != expected:
                raise ShapeError(
                    f'"{name}" of "{self.name}" has {found[0]} channels in, {found[1]} out and grid '
                    f"{found[2]}; accepted is what the names of channels and the training grid say: "
                    f"{expected[0]}, {expected[1]}, {expected[2]}. Give both splits alike."
                )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Points of each axis."""
        return self.train.sizes

    def at_resolution(self, sizes: int | Sequence[int]) -> PDEDataSet:
        """Return the same samples on a coarser grid, to test a model at resolutions it was not trained at.

        Parameters
        ----------
        sizes : int or sequence of int
            Points of each axis; a number stands for the first axis, the others shrink in proportion.

        Raises
        ------
        ShapeError
            If an axis would be finer than it is, or its proportional size is no whole number.

        Notes
        -----
        On a torus exact: frequencies are left out. Elsewhere smooth channels are interpolated linearly and
        others take the value of the cell they fall into; both are exact where the resolution shrinks by an
        odd factor, as from 255 to 85.
        """
        new = self._proportional(sizes) if isinstance(sizes, int) else tuple(sizes)
        if len(new) != len(self.sizes) or any(
            not 1 <= n <= old for n, old in zip(new, self.sizes, strict=True)
        ):
            raise ShapeError(
                f'"{self.name}" has a grid of {self.sizes} and not the points for {new}; accepted are 1 to '
                "as many an axis as there are. Make the data at a finer resolution."
            )
        if new == self.sizes:
            return self
        pairs = [
            FieldPairs(
                inputs=self._restrict(split.inputs, self.input_channels, new),
                targets=self._restrict(split.targets, self.target_channels, new),
            )
            for split in (self.train, self.test)
        ]
        digest = f"{self.hash}@{'x'.join(map(str, new))}"
        return dataclasses.replace(self, train=pairs[0], test=pairs[1], hash=digest)

    def _proportional(self, first: int) -> tuple[int, ...]:
        products = [first * n for n in self.sizes]
        if any(product % self.sizes[0] for product in products):
            raise ShapeError(
                f"A grid of {self.sizes} has no whole number of points in proportion to {first} on the first "
                "axis. Give the points of every axis."
            )
        return tuple(product // self.sizes[0] for product in products)

    def _restrict(self, tensor: Tensor, channels: tuple[Channel, ...], sizes: tuple[int, ...]) -> Tensor:
        if self.is_periodic:
            return resample(tensor, sizes)
        parts = [
            restrict_cells(tensor[:, place : place + 1], sizes, is_smooth=channel.is_smooth)
            for place, channel in enumerate(channels)
        ]
        return torch.cat(parts, dim=1)

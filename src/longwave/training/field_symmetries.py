"""Training samples seen as a symmetry of their equation would show them: swapped, mirrored, moved along."""

# Shapes: B samples of a process, G moves, C channels, D axes of the grid

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from longwave.data.pde import PDEDataSet, Symmetries, Symmetry
from longwave.errors import ConfigError
from longwave.models.pde import T1Config, T1PlusConfig
from longwave.ops.transforms.mirror import Placement
from longwave.training.distributed import Workers
from longwave.training.models import FieldModelConfig

__all__ = ["FieldSymmetries", "check_symmetries", "odd_channels"]

STREAM = 1  # of random numbers; translations have the one without a number


class FieldSymmetries:
    """Random moves of samples, a function of seed and step alone, however many processes share a batch.

    Parameters
    ----------
    moves : sequence of Symmetry
        ``check_symmetries`` has no complaint.
    sizes : tuple of int
        Grid of the data.
    is_periodic : bool
    basis : str, optional
        Of the coefficients that are moved; default: fields are moved.
    seed : int

    Notes
    -----
    Each move is done to half of the samples, independently of the others: all their products are equally
    likely.
    """

    def __init__(
        self,
        moves: Sequence[Symmetry],
        sizes: tuple[int, ...],
        *,
        is_periodic: bool,
        basis: str | None,
        seed: int,
    ) -> None:
        self.moves, self.sizes, self.basis, self.seed = tuple(moves), sizes, basis, seed
        self.placement: Placement = "start" if is_periodic else "centre"

    def draw(self, step: int, batch_size: int, workers: Workers) -> Tensor:
        """Return which moves are done to each of this process's samples in a step, (B, G) bool."""
        rng = np.random.default_rng((self.seed, step, STREAM))
        chosen = rng.integers(2, size=(batch_size, len(self.moves))).astype(bool)
        share = batch_size // workers.world
        return torch.from_numpy(chosen[workers.rank * share : (workers.rank + 1) * share]).to(workers.device)

    def move(self, samples: Tensor, chosen: Tensor) -> Tensor:
        """Move fields, or coefficients of fields, with the channels of inputs before those of targets."""
        for place, symmetry in enumerate(self.moves):
            is_moved = chosen[:, place].reshape(-1, *(1,) * (samples.dim() - 1))
            if self.basis is None:
                moved = symmetry.move(samples, self.placement)
            else:
                moved = symmetry.move_modes(samples, self.placement, self.basis, self.sizes)
            samples = torch.where(is_moved, moved, samples)
        return samples


def odd_channels(symmetries: Symmetries) -> tuple[frozenset[int], frozenset[int]]:
    """Return the channels of inputs and of targets whose sign some move changes: their true mean is 0."""
    inputs, targets = (
        frozenset(
            channel for move in symmetries.moves for channel, sign in enumerate(move.signs[side]) if sign < 0
        )
        for side in (0, 1)
    )
    return inputs, targets


def check_symmetries(moves: Sequence[Symmetry], model: FieldModelConfig, data: PDEDataSet) -> None:
    """Refuse what cannot be moved.

    Raises
    ------
    ConfigError
        If the grid or the modes differ between axes that change places, a share of the period is no whole
        number of points, or the model's modes cannot be mirrored or moved along.
    """
    for symmetry in moves:
        if isinstance(model, T1Config | T1PlusConfig):
            _check_modes(symmetry, model, data)
        else:
            _check_grid(symmetry, data)


def _check_grid(symmetry: Symmetry, data: PDEDataSet) -> None:
    sizes = data.sizes
    if symmetry.swaps and sizes[0] != sizes[1]:
        raise ConfigError(
            f'The symmetry "{symmetry.name}" lets axes change places, but the grid of "{data.name}" is '
            f"{list(sizes)}. Take a square grid, or leave it out of data.symmetries."
        )
    if any((part * n) % 1 for part, n in zip(symmetry.share, sizes, strict=False)):
        raise ConfigError(
            f'The symmetry "{symmetry.name}" moves "{data.name}" along by {list(symmetry.share)} of its '
            f"period, which is no whole number of points on a grid of {list(sizes)}. Make the data on a grid "
            "of a multiple of 4, or leave it out of data.symmetries."
        )


def _check_modes(symmetry: Symmetry, model: T1Config | T1PlusConfig, data: PDEDataSet) -> None:
    modes = data.sizes if model.keep_high else model.box
    if symmetry.swaps and (modes[0] != modes[1] or data.sizes[0] != data.sizes[1]):
        raise ConfigError(
            f'The symmetry "{symmetry.name}" lets axes change places, but the model keeps '
            f"{' x '.join(map(str, modes))} modes on a grid of {list(data.sizes)}. Keep as many of both "
            "axes, or leave it out of data.symmetries."
        )
    turns = any(symmetry.share) or (bool(symmetry.mirrors) and model.basis != "dct")
    if data.is_periodic and model.basis == "dct" and (turns or symmetry.mirrors):
        raise ConfigError(
            f'The symmetry "{symmetry.name}" moves "{data.name}" on a torus, where cosines do not stay '
            "cosines. Set model.basis=rfft, or leave it out of data.symmetries."
        )
    if turns and any(m % 2 == 0 for m in modes):
        cosines = "" if data.is_periodic else "model.basis=dct or "
        raise ConfigError(
            f'The symmetry "{symmetry.name}" turns pairs of frequencies, of which '
            f"{' x '.join(map(str, modes))} modes cut one in two. Set "
            f"{cosines}model.n_modes={[m - 1 + m % 2 for m in modes]}, or leave it out of data.symmetries."
        )

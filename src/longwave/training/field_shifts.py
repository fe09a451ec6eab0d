"""Move training samples where the equation is the same everywhere: more data, from a symmetry."""

# Shapes: B samples of a process, S directions, D axes of the grid

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from longwave.data.pde import PDEDataSet
from longwave.errors import ConfigError
from longwave.models.pde import T1Config, T1PlusConfig
from longwave.ops.transforms import shift, shift_modes
from longwave.training.distributed import Workers
from longwave.training.models import FieldModelConfig

__all__ = ["FieldShifts", "check_shifts"]

Directions = Sequence[Sequence[int]]


class FieldShifts:
    """Random moves of samples, a function of seed and step alone, however many processes share a batch.

    Parameters
    ----------
    directions : sequence of sequence of int
        Of the translations under which the equation is the same; ``check_shifts`` has no complaint.
    sizes : tuple of int
        Grid of the data.
    basis : str, optional
        Of the coefficients that are moved; default: fields are moved.
    seed : int
    """

    def __init__(
        self, directions: Directions, sizes: tuple[int, ...], *, basis: str | None, seed: int
    ) -> None:
        self.directions = np.array(directions, dtype=np.int64)  # (S, D)
        self.sizes, self.basis, self.seed = sizes, basis, seed

    def draw(self, step: int, batch_size: int, workers: Workers) -> Tensor:
        """Return by how many points each of this process's samples moves in a step, (B, D)."""
        rng = np.random.default_rng((self.seed, step))
        lengths = rng.integers(math.lcm(*self.sizes), size=(batch_size, len(self.directions)))
        share = batch_size // workers.world
        mine = lengths[workers.rank * share : (workers.rank + 1) * share]
        return torch.from_numpy(mine @ self.directions).to(workers.device)

    def move(self, samples: Tensor, steps: Tensor) -> Tensor:
        """Move fields, or coefficients of fields, (B, C, *grid)."""
        if self.basis is None:
            return shift(samples, steps)
        return shift_modes(
            samples, self.basis, steps / torch.tensor(self.sizes, device=steps.device).double()
        )


def check_shifts(directions: Directions, model: FieldModelConfig, data: PDEDataSet) -> None:
    """Refuse what cannot be moved.

    Raises
    ------
    ConfigError
        If the fields are not periodic, a direction does not fit the grid, or a model on coefficients has
        cosines, or a number of modes that cuts a pair in two.
    """
    if not directions:
        return
    if not data.is_periodic:
        raise ConfigError(
            f'data.shifts is set, but "{data.name}" is not periodic: what leaves at one end does not enter '
            "at the other. Leave data.shifts out."
        )
    for direction in directions:
        if len(direction) != len(data.sizes) or not any(direction):
            raise ConfigError(
                f'data.shifts has the direction {list(direction)}; on the grid of "{data.name}" a direction '
                f"has {len(data.sizes)} whole numbers, not all 0, such as "
                f"{[1, *(0 for _ in data.sizes[1:])]}. Change it."
            )
    if not isinstance(model, T1Config | T1PlusConfig):
        return
    modes = data.sizes if model.keep_high else model.box
    if model.basis == "dct" or any(m % 2 == 0 for m in modes):
        raise ConfigError(
            f'Samples of a model with {" x ".join(map(str, modes))} modes in the basis "{model.basis}" are '
            'to be moved along; that takes an odd number of "rfft" or "hartley" modes an axis. Set '
            f"model.basis=rfft and model.n_modes={[m - 1 + m % 2 for m in modes]}, or leave data.shifts, and "
            '"shift" of data.symmetries, out.'
        )

"""Random numbers that are functions of a seed and a step, for the changes of training images."""

# Shapes: rows of a batch

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from longwave.errors import ConfigError

__all__ = ["AFFINE", "BOX", "CHOICE", "CROP", "CUTMIX", "ERASE", "FLIP", "MIXUP", "Draw"]

# One stream of numbers each, so that switching one change on leaves the others as they were. Not 0: numpy
# takes the seed (seed, step, 0) for (seed, step), which samplers use.
AFFINE, CROP, FLIP, ERASE, MIXUP, CUTMIX, BOX, CHOICE = range(1, 9)


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Which random numbers: those of a step, or of a process's share of its batch.

    Parameters
    ----------
    seed, step : int
        0 or more.
    rank, world : int
        Number of this process, and of all. Image changes are the same for any number of processes; ``mixup``
        and ``cutmix`` find partners within the share.

    Raises
    ------
    ConfigError
        If a number is out of range.
    """

    seed: int
    step: int
    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        if min(self.seed, self.step) < 0 or not 0 <= self.rank < self.world:
            raise ConfigError(
                f"Seed {self.seed}, step {self.step}, rank {self.rank} of {self.world}; accepted are 0 or "
                "more, and a rank below the number of processes. Count from 0."
            )

    def uniform(self, stream: int, rows: int, columns: int) -> Tensor:
        """Return numbers from [0, 1) for this share of the batch, shape (rows, columns), float32."""
        rng = np.random.default_rng((self.seed, self.step, stream))
        share = slice(self.rank * rows, (self.rank + 1) * rows)
        return torch.from_numpy(rng.random((rows * self.world, columns), dtype=np.float32)[share])

    def partners(self, stream: int, rows: int) -> Tensor:
        """Return a permutation of the share."""
        rng = np.random.default_rng((self.seed, self.step, stream, 1 + self.rank))
        return torch.from_numpy(rng.permutation(rows))

    def beta(self, stream: int, rows: int, alpha: float) -> Tensor:
        """Return numbers from Beta(alpha, alpha), shape (rows,), float32."""
        rng = np.random.default_rng((self.seed, self.step, stream))
        drawn = rng.beta(alpha, alpha, rows * self.world)[self.rank * rows : (self.rank + 1) * rows]
        return torch.from_numpy(drawn.astype(np.float32))

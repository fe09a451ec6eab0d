"""What a training run needs of its data: batches, and how to judge the model on what was held out."""

# Shapes: B batch, L length

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from longwave.training.distributed import Workers
from longwave.training.writers import Row

__all__ = ["IGNORED", "Batch", "Setting", "TrainingData"]

IGNORED = -100  # a target that does not count


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one process reads in a step, on its device.

    Parameters
    ----------
    inputs : Tensor, shape (B, L), int64
    targets : Tensor, shape (B, L), int64
        The tokens that follow; -100 where the prediction does not count. Every row has the same number of
        targets that count.
    """

    inputs: Tensor
    targets: Tensor

    def split(self, parts: int) -> list[Batch]:
        """Cut into micro-batches of equal size."""
        pieces = zip(self.inputs.chunk(parts), self.targets.chunk(parts), strict=True)
        return [Batch(inputs=inputs, targets=targets) for inputs, targets in pieces]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Where and how a model is judged.

    Parameters
    ----------
    workers : Workers
    autocast : torch.autocast
    batch_size : int
        Sequences at a time, per process.
    """

    workers: Workers
    autocast: torch.autocast
    batch_size: int


class TrainingData(Protocol):
    """Text, a task, or anything else a language model learns from."""

    @property
    def hash(self) -> str:
        """Equal hashes mean equal data."""
        ...

    def batch(self, step: int, batch_size: int, workers: Workers) -> Batch:
        """Return this process's share of the batch of a step (from 0): a function of the arguments alone."""
        ...

    def measure(self, nats: float, targets: Tensor, workers: Workers) -> Row:
        """Return the loss of an update and what follows from it, over all processes.

        Parameters
        ----------
        nats : float
            Mean loss per target that counts, of this process.
        targets : Tensor, shape (B, L)
        workers : Workers
        """
        ...

    def evaluate(self, model: nn.Module, setting: Setting) -> Row:
        """Judge the model on what was held out; empty when nothing was. The model comes back training."""
        ...

    def save(self, folder: Path) -> None:
        """Write beside an exported model what is needed to use it."""
        ...

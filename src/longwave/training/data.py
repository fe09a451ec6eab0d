"""What a training run needs of its data: batches, their loss, and a judgement on what was held out."""

# Shapes: B batch, L length

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from longwave.training.distributed import Workers
from longwave.training.models import Model, ModelConfig
from longwave.training.writers import Row

__all__ = ["IGNORED", "Z_95", "Batch", "Setting", "TrainingData"]

IGNORED = -100  # a target that does not count
Z_95 = 1.959963984540054  # quantile of the normal distribution, of every 95 % interval


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one process reads in a step, on its device.

    Parameters
    ----------
    inputs : Tensor, shape (B, ...)
        What the model reads, for example token ids (B, L).
    targets : Tensor, shape (B, ...)
        What it is to say, for example the tokens that follow; of ids, -100 does not count. Every row has the
        same number of targets that count, so that micro-batches weigh alike.
    rest : tuple of Tensor, each of shape (B, ...)
        What else the loss needs.
    """

    inputs: Tensor
    targets: Tensor
    rest: tuple[Tensor, ...] = ()

    def split(self, parts: int) -> list[Batch]:
        """Cut into micro-batches of equal size."""
        pieces = zip(*(each.chunk(parts) for each in (self.inputs, self.targets, *self.rest)), strict=True)
        return [Batch(inputs=inputs, targets=targets, rest=tuple(rest)) for inputs, targets, *rest in pieces]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Where and how a model is judged.

    Parameters
    ----------
    workers : Workers
    autocast : torch.autocast
    batch_size : int
        Rows at a time, per process.
    """

    workers: Workers
    autocast: torch.autocast
    batch_size: int


class TrainingData(Protocol):
    """Text, a task, fields, images, or anything else a model learns from."""

    @property
    def hash(self) -> str:
        """Equal hashes mean equal data."""
        ...

    @property
    def model(self) -> ModelConfig:
        """The model to train, with everything settled that it left open to the data."""
        ...

    @property
    def unit(self) -> str:
        """What a run counts, as rows of metrics call it: ``"tokens"`` or ``"samples"``."""
        ...

    @property
    def units_per_step(self) -> int:
        """How many of them an update learns from, over all processes."""
        ...

    def learner(self, model: Model) -> nn.Module:
        """Return what ``loss`` calls: the model, or a module around it with the same weights."""
        ...

    def start_step(self, step: int, model: Model) -> None:
        """Change what the run changes at a step (from 0), such as the resolution, in data and model.

        Called before every update with what ``learner`` was given, after a resume with its first step.
        """
        ...

    def batch(self, step: int, batch_size: int, workers: Workers) -> Batch:
        """Return this process's share of the batch of a step (from 0): a function of the arguments alone."""
        ...

    def loss(self, learner: nn.Module, batch: Batch) -> Tensor:
        """Return what an update lowers, a mean over the rows of a batch.

        Parameters
        ----------
        learner : nn.Module
            What the method ``learner`` returned, perhaps compiled or wrapped for many processes.
        batch : Batch
        """
        ...

    def measure(self, loss: float, batch: Batch, workers: Workers) -> Row:
        """Return the row of an update, with ``loss`` first, over all processes.

        Parameters
        ----------
        loss : float
            Of this process.
        batch : Batch
        workers : Workers
        """
        ...

    def evaluate(self, model: Model, setting: Setting) -> Row:
        """Judge the model on what was held out; empty when nothing was. The model comes back training."""
        ...

    def save(self, folder: Path) -> None:
        """Write beside an exported model what is needed to use it."""
        ...

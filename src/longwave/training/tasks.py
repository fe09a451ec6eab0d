"""A task as training data: sequences gone through in epochs, judged by accuracy on unseen ones."""

# Shapes: n sequences, B batch, L length, M scored places of a sequence, V vocabulary

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.data import Examples, ExampleSampler, TaskData, prepare_task
from longwave.errors import ConfigError
from longwave.training.config import TrainConfig
from longwave.training.data import IGNORED, Z_95, Batch, Setting
from longwave.training.distributed import Workers
from longwave.training.models import Model
from longwave.training.validation import next_token_loss
from longwave.training.writers import Row

__all__ = ["TaskTraining", "answer_examples", "open_task", "wilson_bounds"]


def open_task(config: TrainConfig) -> TaskTraining:
    """Draw the sequences, in every process the same. Check that the model fits them.

    Raises
    ------
    UnknownName, ConfigError
        If the task or an option is wrong, or the model has too few token ids or is too short.
    """
    task = config.task.build()
    for key, needed in (("vocab_size", task.vocab_size), ("max_length", task.seq_len)):
        value = getattr(config.language_model, key)
        if value < needed:
            raise ConfigError(
                f'model.{key} is {value}, but the task "{config.task.task}" needs {needed}. '
                f"Set it to {needed} or more."
            )
    return TaskTraining(config, prepare_task(config.task))


class TaskTraining:
    """Training data from a task.

    Parameters
    ----------
    config : TrainConfig
    data : TaskData
    """

    unit = "tokens"

    def __init__(self, config: TrainConfig, data: TaskData) -> None:
        self.data, self.model = data, config.model
        self.hash = data.hash
        self.units_per_step = config.tokens_per_step
        self.sampler = ExampleSampler(len(data.train), config.seed)

    def start_step(self, step: int, model: Model) -> None:
        """Change nothing: all steps are alike."""

    def batch(self, step: int, batch_size: int, workers: Workers) -> Batch:
        """Return this process's sequences of a step."""
        rows = self.sampler.rows(step, batch_size, workers.rank, workers.world)
        drawn = self.data.train.take(rows)
        inputs = torch.from_numpy(drawn.inputs.astype(np.int64))
        targets = torch.from_numpy(np.where(drawn.trained, drawn.targets, np.int64(IGNORED)))
        return Batch(inputs=inputs.to(workers.device), targets=targets.to(workers.device))

    def learner(self, model: Model) -> nn.Module:
        """Return the model."""
        return model

    def loss(self, learner: nn.Module, batch: Batch) -> Tensor:
        """Return the mean cross-entropy of the trained tokens."""
        return next_token_loss(learner, batch.inputs, batch.targets)

    def measure(self, loss: float, batch: Batch, workers: Workers) -> Row:
        """Return ``loss`` in nats per trained token."""
        count = int((batch.targets != IGNORED).sum())
        nats, total = workers.sum(loss * count, count)
        return {"loss": nats / total}

    def evaluate(self, model: Model, setting: Setting) -> Row:
        """Return accuracies on unseen and on as many seen sequences, with the floors beside them.

        Accuracies and floors are shares of scored tokens, ``test_exact_match`` one of sequences without a
        mistake. The 95 % Wilson interval takes the number of sequences for n, since the tokens of one are not
        independent.
        """
        test = self._score(model, self.data.test, setting)
        train = self._score(model, self.data.train.take(slice(len(self.data.test))), setting)
        low, high = wilson_bounds(test["accuracy"], len(self.data.test))
        return {
            **{f"test_{name}": value for name, value in test.items()},
            "test_accuracy_low": low,
            "test_accuracy_high": high,
            "train_accuracy": train["accuracy"],
            **{f"floor_{name}": value for name, value in self.data.floors.items()},
        }

    def save(self, folder: Path) -> None:
        """Write nothing: the configuration of the run says what the tokens are."""

    def _score(self, model: nn.Module, examples: Examples, setting: Setting) -> Row:
        workers = setting.workers
        # Shards of a model must be called equally often everywhere: the last process may repeat a sequence,
        # with weight 0.
        rounds = -(-len(examples) // workers.world)
        mine: np.ndarray = np.arange(rounds) * workers.world + workers.rank
        counts: np.ndarray = mine < len(examples)
        rows = np.minimum(mine, len(examples) - 1)
        held = examples.take(rows)
        predicted, nats = answer_examples(
            model,
            held,
            batch_size=setting.batch_size,
            device=workers.device,
            autocast=setting.autocast,
        )
        right = predicted == held.answers
        sequences, tokens, total, count = workers.sum(
            float(right.all(axis=1)[counts].sum()),
            float(right[counts].sum()),
            float(nats[counts].sum()),
            float(right[counts].size),
        )
        return {"loss": total / count, "accuracy": tokens / count, "exact_match": sequences / len(examples)}


def answer_examples(
    model: nn.Module,
    examples: Examples,
    *,
    batch_size: int,
    device: torch.device,
    autocast: torch.autocast,
) -> tuple[np.ndarray, np.ndarray]:
    """Let a model predict the scored tokens of sequences, each given the true tokens before it.

    Parameters
    ----------
    model : nn.Module
        Maps ids (B, L) to logits (B, L, V); comes back in training mode.
    examples : Examples
    batch_size : int
        Sequences at a time.
    device : torch.device
        Where the model is.
    autocast : torch.autocast

    Returns
    -------
    predicted : ndarray of int64, shape (n, M)
        The likeliest tokens.
    nats : ndarray of float64, shape (n, M)
        Cross-entropy of the true one.
    """
    answers = examples.answers.astype(np.int64)  # (n, M)
    predicted, nats = np.zeros_like(answers), np.zeros(answers.shape)
    model.eval()
    with torch.no_grad(), autocast:
        for start in range(0, len(examples), batch_size):
            rows = slice(start, start + batch_size)
            part = examples.take(rows)
            logits = model(torch.from_numpy(part.inputs.astype(np.int64)).to(device))  # (B, L, V)
            mask = torch.from_numpy(np.broadcast_to(part.scored, part.inputs.shape).copy()).to(device)
            scored = logits[mask].float()  # (B M, V)
            truth = torch.from_numpy(answers[rows]).to(device).flatten()
            predicted[rows] = scored.argmax(dim=1).cpu().numpy().reshape(len(part), -1)
            losses = F.cross_entropy(scored, truth, reduction="none").double().cpu().numpy()
            nats[rows] = losses.reshape(len(part), -1)
    model.train()
    return predicted, nats


def wilson_bounds(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % Wilson score interval of a share of n.

    The report has the same interval; training does without its tables.
    """
    centre = (share + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
    half = Z_95 / (1 + Z_95**2 / n) * math.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)

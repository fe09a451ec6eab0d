"""Text as training data: windows of tokens, judged in nats per token and bits per byte."""

# Shapes: B batch, L length, V vocabulary

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from longwave.data import TextData, WindowSampler, prepare_text, spread_windows
from longwave.errors import ConfigError
from longwave.training.config import TrainConfig
from longwave.training.data import Batch, Setting
from longwave.training.distributed import Workers
from longwave.training.models import Model
from longwave.training.validation import bits_per_byte, next_token_loss, validate
from longwave.training.writers import Row

__all__ = ["TextTraining", "open_text"]


def open_text(config: TrainConfig, out: Path, workers: Workers) -> TextTraining:
    """Tokenise the text, in the first process; the others wait and read. Check that the model fits it.

    Raises
    ------
    ConfigError
        If the model has too few token ids.
    DataError
        If training or validation text is shorter than one window.
    """
    source = config.text
    made = prepare_text(source, out) if workers.is_first else None
    workers.wait()
    data = made or prepare_text(source, out)
    if data.tokenizer.vocab_size > config.language_model.vocab_size:
        raise ConfigError(
            f"model.vocab_size is {config.language_model.vocab_size}, but the tokenizer has "
            f"{data.tokenizer.vocab_size} tokens. Set it to {data.tokenizer.vocab_size} or more."
        )
    if data.validation is not None:
        spread_windows(len(data.validation), config.seq_len)
    return TextTraining(config, data, workers.device)


class TextTraining:
    """Training data from text.

    Parameters
    ----------
    config : TrainConfig
    text : TextData
    device : torch.device
    """

    unit = "tokens"

    def __init__(self, config: TrainConfig, text: TextData, device: torch.device) -> None:
        self.text, self.model = text, config.model
        self.hash = text.hash
        self.seq_len = config.seq_len
        self.units_per_step = config.tokens_per_step
        self.max_windows = config.validation_windows
        self.sampler = WindowSampler(text.train, self.seq_len, config.seed)
        self.byte_lengths = torch.from_numpy(text.tokenizer.byte_lengths).to(device)  # (V,)

    def start_step(self, step: int, model: Model) -> None:
        """Change nothing: all steps are alike."""

    def batch(self, step: int, batch_size: int, workers: Workers) -> Batch:
        """Return this process's windows of a step."""
        drawn = self.sampler.batch(step, batch_size, workers.rank, workers.world)
        windows = torch.from_numpy(drawn).to(workers.device)  # (B, L + 1)
        return Batch(inputs=windows[:, :-1], targets=windows[:, 1:])

    def learner(self, model: Model) -> nn.Module:
        """Return the model."""
        return model

    def loss(self, learner: nn.Module, batch: Batch) -> Tensor:
        """Return the mean cross-entropy of the next tokens."""
        return next_token_loss(learner, batch.inputs, batch.targets)

    def measure(self, loss: float, batch: Batch, workers: Workers) -> Row:
        """Return ``loss`` in nats per token, and ``bits_per_byte``."""
        n_bytes = float(self.byte_lengths[batch.targets].sum())
        count = batch.targets.numel()
        nats, total, n_bytes = workers.sum(loss * count, count, n_bytes)
        return {"loss": nats / total, "bits_per_byte": bits_per_byte(nats, n_bytes)}

    def evaluate(self, model: Model, setting: Setting) -> Row:
        """Return ``validation_loss`` and ``validation_bits_per_byte``; nothing without validation text."""
        if self.text.validation is None:
            return {}
        loss, bits = validate(
            model,
            self.text.validation,
            self.byte_lengths,
            seq_len=self.seq_len,
            max_windows=self.max_windows,
            batch_size=setting.batch_size,
            workers=setting.workers,
            autocast=setting.autocast,
        )
        return {"validation_loss": loss, "validation_bits_per_byte": bits}

    def save(self, folder: Path) -> None:
        """Write the tokenizer."""
        self.text.tokenizer.save(folder)

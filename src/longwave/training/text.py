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
from longwave.training.validation import bits_per_byte, validate
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
    if data.tokenizer.vocab_size > config.model.vocab_size:
        raise ConfigError(
            f"model.vocab_size is {config.model.vocab_size}, but the tokenizer has "
            f"{data.tokenizer.vocab_size} tokens. Set it to {data.tokenizer.vocab_size} or more."
        )
    if data.validation is not None:
        spread_windows(len(data.validation), config.model.max_length)
    return TextTraining(config, data, workers.device)


class TextTraining:
    """Training data from text.

    Parameters
    ----------
    config : TrainConfig
    text : TextData
    device : torch.device
    """

    def __init__(self, config: TrainConfig, text: TextData, device: torch.device) -> None:
        self.text = text
        self.hash = text.hash
        self.seq_len = config.model.max_length
        self.max_windows = config.validation_windows
        self.sampler = WindowSampler(text.train, self.seq_len, config.seed)
        self.byte_lengths = torch.from_numpy(text.tokenizer.byte_lengths).to(device)  # (V,)

    def batch(self, step: int, batch_size: int, workers: Workers) -> Batch:
        """Return this process's windows of a step."""
        drawn = self.sampler.batch(step, batch_size, workers.rank, workers.world)
        windows = torch.from_numpy(drawn).to(workers.device)  # (B, L + 1)
        return Batch(inputs=windows[:, :-1], targets=windows[:, 1:])

    def measure(self, nats: float, targets: Tensor, workers: Workers) -> Row:
        """Return ``loss`` in nats per token, and ``bits_per_byte``."""
        n_bytes = float(self.byte_lengths[targets].sum())
        count = targets.numel()
        nats, total, n_bytes = workers.sum(nats * count, count, n_bytes)
        return {"loss": nats / total, "bits_per_byte": bits_per_byte(nats, n_bytes)}

    def evaluate(self, model: nn.Module, setting: Setting) -> Row:
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

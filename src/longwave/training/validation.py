"""Loss and bits per byte, in training and on held-out text."""

# Shapes: B batch, L length, V vocabulary

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longwave.data import TokenFile, spread_windows, take_windows
from longwave.training.distributed import Workers

__all__ = ["bits_per_byte", "next_token_loss", "validate"]


def next_token_loss(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """Return the mean cross-entropy in nats per target that counts, in float32.

    Parameters
    ----------
    model : nn.Module
    inputs, targets : Tensor, shape (B, L), int64
        A target of -100 does not count.
    """
    logits = model(inputs)  # (B, L, V)
    return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


def bits_per_byte(nats: float, n_bytes: float) -> float:
    """Turn a summed loss in nats into bits per byte of the text that was predicted.

    It does not depend on the tokenizer. End tokens cost nats and count no bytes.
    """
    return nats / math.log(2) / n_bytes


def validate(
    model: nn.Module,
    tokens: TokenFile,
    byte_lengths: Tensor,
    *,
    seq_len: int,
    max_windows: int,
    batch_size: int,
    workers: Workers,
    autocast: torch.autocast,
) -> tuple[float, float]:
    """Measure a model on windows spread evenly over a text.

    Parameters
    ----------
    model : nn.Module
        Comes back in training mode.
    tokens : TokenFile
    byte_lengths : Tensor, shape (V,)
        Bytes per token, on the model's device.
    seq_len, max_windows : int
    batch_size : int
        Windows at a time, per process.
    workers : Workers
    autocast : torch.autocast

    Returns
    -------
    loss : float
        Mean in nats per token.
    bits : float
        Bits per byte.
    """
    starts = spread_windows(len(tokens), seq_len, max_windows)
    # Shards of a model must be called equally often everywhere: the last process may repeat a window, with
    # weight 0.
    rounds = -(-len(starts) // workers.world)
    mine = np.arange(rounds) * workers.world + workers.rank
    weights = torch.from_numpy((mine < len(starts)).astype(np.float64)).to(workers.device)
    held = take_windows(tokens.tokens, starts[np.minimum(mine, len(starts) - 1)], seq_len)
    windows = torch.from_numpy(held)  # (windows, L + 1)
    model.eval()
    nats = n_bytes = 0.0
    with torch.no_grad(), autocast:
        for rows, weight in zip(
            torch.split(windows, batch_size), torch.split(weights, batch_size), strict=True
        ):
            batch = rows.to(workers.device)
            targets = batch[:, 1:]
            losses = F.cross_entropy(model(batch[:, :-1]).transpose(1, 2).float(), targets, reduction="none")
            nats += float((losses.sum(dim=1, dtype=torch.float64) * weight).sum())
            n_bytes += float((byte_lengths[targets].sum(dim=1) * weight).sum())
    model.train()
    nats, n_bytes = workers.sum(nats, n_bytes)
    return nats / (len(starts) * seq_len), bits_per_byte(nats, n_bytes)

"""Start the weights of a language model as GPT-2 does, but leave implicit filters alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from longwave.mixers import H3, Attention, Hyena, Mixer, State

__all__ = ["STD", "initialise_linear", "initialise_mixer", "residual_std", "seeded"]

STD = 0.02


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw initial weights from a seed of their own and give the global random state back."""
    device = torch.get_default_device()
    on_gpu = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            torch.cuda.manual_seed(seed)
        yield


def residual_std(n_layers: int) -> float:
    """Return the deviation of layers that write into the residual stream, the sum of ``2 * n_layers``."""
    return STD / math.sqrt(2 * n_layers)


def initialise_linear(linear: nn.Linear, std: float = STD) -> None:
    """Start from N(0, std²) and bias 0."""
    nn.init.normal_(linear.weight, 0.0, std)
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)


def initialise_mixer(mixer: Mixer[State], output_std: float) -> None:
    """Start the projections of a mixer.

    Implicit filters hold no ``nn.Linear`` and have chosen their own start (``init`` of ``FilterConfig``).
    Which layer writes into the residual stream is known per class; a mixer of a third party, and one whose
    output passes a gated linear unit (LongConv, S4D), keeps the usual deviation there.
    """
    for linear in mixer.modules():
        if isinstance(linear, nn.Linear):
            initialise_linear(linear)
    if isinstance(mixer, Attention | H3 | Hyena):
        initialise_linear(mixer.out_proj, output_std)

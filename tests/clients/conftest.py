"""A tiny language model behind the local client."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from longwave.clients import LocalClient


@pytest.fixture(scope="session")
def open_tiny() -> Callable[..., LocalClient]:
    """Return a function that opens a tiny untrained model; options go to the client."""
    from longwave.data import ByteTokenizer
    from longwave.models import LanguageModel, LanguageModelConfig

    @cache
    def build(mixer: str, seed: int) -> LanguageModel:
        config = LanguageModelConfig(vocab_size=257, d_model=16, n_layers=2, max_length=48, mixer=mixer)
        model = LanguageModel(config, seed=seed)
        model.embedding.weight.data.mul_(20.0)  # far from uniform, so that differences show
        return model

    def make(mixer: str = "attention", seed: int = 0, **options: object) -> LocalClient:
        return LocalClient(build(mixer, seed), ByteTokenizer(), name="tiny", **options)

    return make


@pytest.fixture(scope="session")
def open_bigram() -> Callable[..., LocalClient]:
    """Return a function that opens a model that remembers two tokens; its greedy text is varied."""
    import torch
    from torch import nn

    from longwave.data import ByteTokenizer

    class Bigram(nn.Module):
        def __init__(self, alphabet: str, seed: int) -> None:
            super().__init__()
            self.max_length = 48
            self.device = torch.device("cpu")
            drawn = 3.0 * torch.randn(2, 257, 257, generator=torch.Generator().manual_seed(seed))
            allowed = torch.full((257,), -50.0)
            allowed[sorted(set(alphabet.encode()))] = 0.0
            self.register_buffer("table", drawn + allowed)

        def forward(self, ids):
            before = torch.cat([torch.full_like(ids[:, :1], 256), ids[:, :-1]], dim=1)
            return self.table[0][ids] + self.table[1][before]

        def init_state(self, batch, max_length=None):
            del max_length
            return torch.full((batch,), 256)

        def prefill(self, ids, state, *, last_only=False):
            del state
            logits = self(ids)
            return (logits[:, -1:] if last_only else logits), ids[:, -1]

        def step(self, ids, state):
            return self.table[0][ids] + self.table[1][state], ids

    def make(alphabet: str = "abcdefghijklmnopqrstuvwxyz", seed: int = 0, **options: object) -> LocalClient:
        return LocalClient(Bigram(alphabet, seed), ByteTokenizer(), name="bigram", **options)

    return make

"""Tiny language models of every kind, with weights large enough that their logits say something."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from longwave.models import LanguageModel, LanguageModelConfig

HEADS = {"n_heads": 2}
KINDS: dict[str, dict[str, object]] = {
    "hyena": {"mixer": "hyena"},
    "attention": {"mixer": "attention", "mixer_options": HEADS},
    "hybrid": {"mixer": "hyena", "attention_layers": (1,), "attention_options": HEADS},
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Return one kind of model after the other."""
    return request.param


@pytest.fixture
def tiny() -> Callable[..., LanguageModelConfig]:
    """Return a function that makes a tiny configuration of a kind; keywords change it."""

    def make(kind: str = "hybrid", **changes: object) -> LanguageModelConfig:
        sizes = {"vocab_size": 37, "d_model": 16, "n_layers": 2, "max_length": 96}
        return LanguageModelConfig(**(sizes | KINDS[kind] | changes))

    return make


@pytest.fixture
def lively(tiny: Callable[..., LanguageModelConfig], seed: int) -> Callable[..., LanguageModel]:
    """Return a function that makes a model whose layers outweigh its embedding, in evaluation mode."""

    def make(
        kind: str = "hybrid", dtype: torch.dtype = torch.float32, gain: float = 1.5, **changes: object
    ) -> LanguageModel:
        model = LanguageModel(tiny(kind, **changes), seed=seed).to(dtype).eval()
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for block in model.blocks:
                for linear in (m for m in block.modules() if isinstance(m, nn.Linear)):
                    std = gain * linear.in_features**-0.5
                    linear.weight.normal_(0, std, generator=generator)
        return model

    return make


@pytest.fixture
def ids(generator: torch.Generator) -> torch.Tensor:
    """Return three sequences of an odd length."""
    return torch.randint(37, (3, 31), generator=generator)

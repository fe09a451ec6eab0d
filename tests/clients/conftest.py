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

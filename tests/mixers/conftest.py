"""Fixtures of the mixers' tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

Draw = Callable[..., torch.Tensor]


@pytest.fixture(autouse=True)
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch's global generator, which initialises modules, and restore it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


@pytest.fixture
def draw(generator: torch.Generator) -> Draw:
    """Return a function that draws a seeded tensor from N(0, 1)."""

    def of(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    return of

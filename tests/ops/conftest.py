"""Fixtures of the operators' tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

Draw = Callable[..., torch.Tensor]


@pytest.fixture
def draw(generator: torch.Generator) -> Draw:
    """Return a function that draws a seeded leaf tensor from N(0, 1)."""

    def of(*shape: int, dtype: torch.dtype = torch.float64, requires_grad: bool = True) -> torch.Tensor:
        values = torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
        return values.requires_grad_(requires_grad)

    return of

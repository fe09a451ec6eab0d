"""Random state spaces that are stable and oscillate."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch

Draw = Callable[..., torch.Tensor]


class System(NamedTuple):
    """A diagonal system; all leaves."""

    A: torch.Tensor
    B: torch.Tensor
    C: torch.Tensor
    dt: torch.Tensor


@pytest.fixture
def complex_draw(draw: Draw) -> Draw:
    """Return a function that draws a seeded complex leaf."""

    def of(*shape: int, dtype: torch.dtype = torch.complex128) -> torch.Tensor:
        real = draw(*shape, dtype=dtype.to_real(), requires_grad=False)
        imaginary = draw(*shape, dtype=dtype.to_real(), requires_grad=False)
        return torch.complex(real, imaginary).requires_grad_()

    return of


@pytest.fixture
def draw_system(draw: Draw, complex_draw: Draw) -> Callable[..., System]:
    """Return a function that draws a system of H channels with N stored modes."""

    def of(H: int, N: int, dtype: torch.dtype = torch.complex128) -> System:
        real = -0.1 - draw(H, N, requires_grad=False).abs()
        modes = torch.complex(real, 8 * draw(H, N, requires_grad=False)).to(dtype)
        dt = torch.exp(draw(H, requires_grad=False).clamp(-2, 1) - 2.5).to(dtype.to_real())
        B, C = complex_draw(H, N, dtype=dtype), complex_draw(H, N, dtype=dtype)
        return System(modes.requires_grad_(), B, C, dt.requires_grad_())

    return of

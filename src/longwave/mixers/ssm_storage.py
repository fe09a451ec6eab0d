"""How modules store state spaces: complex numbers as pairs of reals, lengths of steps as logarithms."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["as_pairs", "from_pairs", "log_steps"]


def as_pairs(x: Tensor) -> Tensor:
    """Return complex numbers as pairs of float32, (..., 2), which any cast and any optimiser understands."""
    return torch.view_as_real(x.to(torch.complex64)).clone()


def from_pairs(x: Tensor, dtype: torch.dtype) -> Tensor:
    """Return pairs as complex numbers whose parts have a type."""
    return torch.view_as_complex(x.to(dtype).contiguous())


def log_steps(spread: Tensor, dt_min: float, dt_max: float) -> Tensor:
    """Return logarithms of steps from ``dt_min``, where ``spread`` is 0, to ``dt_max``, where it is 1."""
    low, high = math.log(dt_min), math.log(dt_max)
    return low + (high - low) * spread

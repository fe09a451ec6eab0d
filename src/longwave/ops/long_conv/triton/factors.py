"""DFT matrices and twiddles of the GPU kernels, computed in float64, kept per device.

The shift by a quarter. Multiply a real sequence x of P points by exp(-2 pi i n / 4P) and transform: the
result is its spectrum at the frequencies k + 1/4. There z**P = -i, so a product of two such spectra belongs
to the product of two polynomials modulo z**P + i: the real part of what comes back is the causal convolution,
and minus the imaginary part is the tail that would follow it. A causal convolution of P real points therefore
costs one complex transform of P points, without a zero of padding. The shift itself is free: it is a factor
of the first matrix and of its twiddles.

The scale. Unitary matrices keep every intermediate within fp16, but 1/sqrt(32) has no short mantissa:
rounding it is a gain that all products share. The scale here is the power of two at or below 1/sqrt(N); what
is missing is multiplied on at the end (``gain``): a power of two where N is one.
"""

# Shapes: N1, N2 factors of P = N1 N2 points, N0 rows of P columns

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor
from torch.nn.functional import pad

__all__ = ["gain", "inner_factors", "outer_factors", "shifted_factors"]

QUARTER = 0.25


@functools.lru_cache(maxsize=64)
def shifted_factors(N1: int, N2: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return F1 (3, N1, N1), F2 (3, N2, N2), T1 (2, N1, N2) for real sequences, with the quarter shift."""
    return _dft(N1, QUARTER, device), _dft(N2, 0.0, device), _twiddles(N1, N2, QUARTER, device, torch.float16)


@functools.lru_cache(maxsize=64)
def inner_factors(N1: int, N2: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return F1, F2, T1 as ``shifted_factors`` does, for complex sequences, without a shift."""
    return _dft(N1, 0.0, device), _dft(N2, 0.0, device), _twiddles(N1, N2, 0.0, device, torch.float16)


@functools.lru_cache(maxsize=32)
def outer_factors(N0: int, P: int, R: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return F0 (3, N, N) in fp16 and T0 (2, N, P) in fp32, with the quarter shift.

    N is N0 rounded up to a multiple of R; what stands beyond row or column N0 is zero.
    """
    more = -N0 % R
    F0, T0 = _dft(N0, QUARTER, device), _twiddles(N0, P, QUARTER, device, torch.float32)
    return pad(F0, (0, more, 0, more)), pad(T0, (0, 0, 0, more))


def gain(*sizes: int) -> float:
    """Return what a convolution by transforms of these factors must be multiplied by.

    Two transforms forward and one back each carry ``scale(N)``, the inverse should carry ``1 / N``.
    """
    return math.prod(1 / (_scale(n) ** 3 * n) for n in sizes)


def _scale(n: int) -> float:
    return 2.0 ** -math.ceil(math.log2(n) / 2)


def _dft(n: int, shift: float, device: torch.device) -> Tensor:
    """Return ``scale(n) exp(-2 pi i j (k + shift) / n)`` at [k, j]: real, imaginary, minus imaginary part."""
    index = torch.arange(n, dtype=torch.float64)
    angle = -2 * math.pi * ((index[None] * (index[:, None] + shift)) % n) / n
    parts = torch.stack([angle.cos(), angle.sin(), -angle.sin()]) * _scale(n)
    return parts.half().contiguous().to(device)


def _twiddles(rows: int, columns: int, shift: float, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return ``exp(-2 pi i m (k + shift) / (rows columns))`` at [k, m]: real and imaginary part."""
    k, m = torch.arange(rows, dtype=torch.float64), torch.arange(columns, dtype=torch.float64)
    angle = -2 * math.pi * m[None] * (k[:, None] + shift) / (rows * columns)
    return torch.stack([angle.cos(), angle.sin()]).to(dtype).contiguous().to(device)

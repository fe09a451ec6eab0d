"""All coefficients of an axis by FFT, in O(N log N); the axis is the last one.

The cosine transform is an FFT of as many points: the even samples in order, then the odd ones backwards, and
a turn of each frequency by a quarter of its step.
"""

# Shapes: N points or coefficients, F = N // 2 + 1 frequencies; ... any axes before

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["fft_inverse", "fft_transform"]


def fft_transform(x: Tensor, kind: str) -> Tensor:
    """Return all coefficients, ``basis_matrix(kind, N) @ x``, shape (..., N)."""
    return {"dct": _dct, "hartley": _hartley, "rfft": _packed}[kind](x)


def fft_inverse(z: Tensor, kind: str) -> Tensor:
    """Return the signal of all coefficients, shape (..., N)."""
    return {"dct": _idct, "hartley": _inverse_hartley, "rfft": _unpacked}[kind](z)


def _dct(x: Tensor) -> Tensor:
    n = x.shape[-1]
    spectrum = torch.fft.rfft(torch.cat([x[..., ::2], x[..., 1::2].flip(-1)], -1))  # (..., F)
    turned = spectrum * _turns(n, x, -1)
    # Coefficient k is the real part, and coefficient N - k the negative imaginary part, of frequency k.
    z = torch.cat([turned.real, -turned.imag[..., 1 : (n + 1) // 2].flip(-1)], -1)
    return z * _cosine_norms(n, x)


def _idct(z: Tensor) -> Tensor:
    n = z.shape[-1]
    z = z / _cosine_norms(n, z)
    mirrored = torch.cat([torch.zeros_like(z[..., :1]), z[..., 1:].flip(-1)], -1)[..., : n // 2 + 1]
    spectrum = torch.complex(z[..., : n // 2 + 1], -mirrored) * _turns(n, z, 1)
    sorted_x = torch.fft.irfft(spectrum, n=n)
    even, odd = sorted_x[..., : (n + 1) // 2], sorted_x[..., (n + 1) // 2 :].flip(-1)
    pairs = torch.stack([even[..., : n // 2], odd], -1).flatten(-2)
    return torch.cat([pairs, even[..., n // 2 :]], -1)


def _turns(n: int, like: Tensor, sign: int) -> Tensor:
    angle = torch.arange(n // 2 + 1, dtype=torch.float64, device=like.device) * (sign * math.pi / (2 * n))
    return torch.complex(torch.cos(angle).to(like.dtype), torch.sin(angle).to(like.dtype))


def _cosine_norms(n: int, like: Tensor) -> Tensor:
    is_oscillating = torch.arange(n, device=like.device) > 0
    return ((1 + is_oscillating.double()) / n).sqrt().to(like.dtype)


def _packed(x: Tensor) -> Tensor:
    n = x.shape[-1]
    parts = torch.view_as_real(torch.fft.rfft(x)).flatten(-2)  # (..., 2F), zeros among them
    return torch.cat([parts[..., :1], parts[..., 2 : n + 1]], -1) * _pair_norms(n, x)


def _unpacked(z: Tensor) -> Tensor:
    n = z.shape[-1]
    z = z / _pair_norms(n, z)
    zero = torch.zeros_like(z[..., :1])
    parts = torch.cat([z[..., :1], zero, z[..., 1:], *([zero] if n % 2 == 0 else [])], -1)  # (..., 2F)
    x: Tensor = torch.fft.irfft(torch.view_as_complex(parts.reshape(*z.shape[:-1], -1, 2)), n=n)
    return x


def _pair_norms(n: int, like: Tensor) -> Tensor:
    index = torch.arange(n, device=like.device)
    is_pair = (index > 0) & ((index + 1 < n) | (n % 2 == 1))
    return ((1 + is_pair.double()) / n).sqrt().to(like.dtype)


def _hartley(x: Tensor) -> Tensor:
    return _turn_pairs(_packed(x), 1)


def _inverse_hartley(z: Tensor) -> Tensor:
    return _unpacked(_turn_pairs(z, -1))


def _turn_pairs(z: Tensor, sign: int) -> Tensor:
    """Turn the pair of each frequency by 45 degrees: (re, im) to (re - im, re + im) / sqrt 2, or back."""
    n = z.shape[-1]
    ends = n - (n - 1) % 2  # where the pairs end: the last mode of an even N stands alone
    first, second = z[..., 1:ends:2], sign * z[..., 2:ends:2]
    turned = torch.stack([first - second, sign * first + sign * second], -1).flatten(-2) * math.sqrt(0.5)
    return torch.cat([z[..., :1], turned, z[..., ends:]], -1)

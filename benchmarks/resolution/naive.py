"""The layer as its formula is first written down: complex kernels, and complex transforms of padded axes."""

# Shapes: B batch, H width, N stored modes, L points of an axis

from __future__ import annotations

import torch
from torch import Tensor

from longwave.mixers import S4ND
from longwave.mixers.s4nd_axis import AxisKernel
from longwave.mixers.ssm_storage import from_pairs

AXES = (-2, -1)


def naive_forward(layer: S4ND, u: Tensor) -> Tensor:
    """Compute what ``layer(u)`` does, for two axes that look both ways and one piece."""
    sizes = u.shape[2:]
    taps = [naive_taps(axis, n) for axis, n in zip(layer.axes, sizes, strict=True)]
    spectra = [torch.fft.fft(k) for k in taps]  # (H, 2 L) each
    whole = spectra[0][:, :, None] * spectra[1][:, None, :]
    rings = [2 * n for n in sizes]
    y = torch.fft.ifftn(torch.fft.fftn(u, s=rings, dim=AXES) * whole, dim=AXES).real
    return y[..., : sizes[0], : sizes[1]] + layer.skip[:, None, None] * u


def naive_taps(kernel: AxisKernel, n: int) -> Tensor:
    """Return taps (H, 2 L) on a ring: lags 0 to L - 1, then -L to -1; all powers are written out."""
    A = torch.complex(-torch.exp(kernel.log_A_real), kernel.A_imag)  # (1, N)
    dt = torch.exp(kernel.log_dt)[:, None]
    B, C = from_pairs(kernel.B, dt.dtype), from_pairs(kernel.C, dt.dtype)
    dB = (torch.exp(dt * A) - 1) / A * B  # (H, N)
    powers = torch.exp((dt * A)[..., None] * torch.arange(n, device=dt.device))  # (H, N, L)
    both = 2 * torch.einsum("dhn,hnl->dhl", C[:, 0] * dB, powers).real
    return torch.cat([both[0], both[1].flip(-1)], dim=-1)

"""Diagonal plus rank one (S4): ``A = diag(Lambda) - P P*``, under the bilinear rule.

One of each conjugate pair is stored. With both, ``P* x`` is real: it is ``2 Re sum_n conj(P_n) x_n``.
"""

# Shapes: H channels, N stored modes, M = 2N real state, F = L // 2 + 1 frequencies

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from longwave.errors import ConfigError, ShapeError
from longwave.ops.ssm.discretize import check_modes

__all__ = [
    "DPLRStep",
    "complex_state",
    "dplr_dense",
    "dplr_discretize",
    "dplr_kernel",
    "dplr_step",
    "lengthen_readout",
    "real_readout",
    "real_state",
    "truncate_readout",
]

BLOCK = 2**21  # entries of one block of a Cauchy matrix: 32 MB in complex128


class DPLRStep(NamedTuple):
    """What ``dplr_step`` needs, all of shape (H, N) and complex.

    In its formula: ``D (2/dt + Lambda)``, ``2 D B``, ``P``, ``D P`` and ``D P / (1 + P* D P)``.
    """

    diagonal: Tensor
    entry: Tensor
    P: Tensor
    damped: Tensor
    gain: Tensor


def dplr_discretize(A: Tensor, P: Tensor, B: Tensor, dt: Tensor) -> DPLRStep:
    """Discretise by the bilinear rule.

    Parameters
    ----------
    A, P, B : Tensor, shape (H, N)
        Complex.
    dt : Tensor, shape (H,)

    Raises
    ------
    ShapeError
        If shapes do not fit together or a system is real.
    """
    _check(A, P, B, dt)
    rate = 2 / dt[:, None]
    damping = 1 / (rate - A)
    damped = damping * P
    gain = damped / (1 + inner(P, damped))[..., None]
    return DPLRStep((rate + A) * damping, 2 * damping * B, P, damped, gain)


def dplr_dense(system: DPLRStep) -> tuple[Tensor, Tensor]:
    """Write a discrete system as dense real matrices, by one step from every unit state.

    Returns
    -------
    dA : Tensor, shape (H, M, M)
        Acts on states ``real_state(x)``.
    dB : Tensor, shape (H, M)
    """
    n_modes, kind = system.P.shape[-1], system.P.real
    basis = complex_state(torch.eye(2 * n_modes, dtype=kind.dtype, device=kind.device))
    images = _advance(basis[:, None], system)  # (M, H, N)
    entry = system.entry - system.gain * inner(system.P, system.entry)[..., None]
    return real_state(images).permute(1, 2, 0), real_state(entry)


def dplr_step(x: Tensor, u_t: Tensor, system: DPLRStep, C: Tensor) -> tuple[Tensor, Tensor]:
    """Take one step of the recurrence in O(N), without a dense matrix.

    Parameters
    ----------
    x : Tensor, shape (..., H, N)
        Complex state before the step.
    u_t : Tensor, shape (..., H)
        Input of the step, real.
    system : DPLRStep
        Of ``dplr_discretize``.
    C : Tensor, shape (H, N)
        Complex read-out.

    Returns
    -------
    y_t : Tensor, shape (..., H)
        ``2 Re sum_n C_n x_n`` of the new state.
    x : Tensor, shape (..., H, N)

    Notes
    -----
    ``(2/dt - A) x' = (2/dt + A) x + 2 B u``, where the inverse of a diagonal plus rank one is again one
    (Woodbury): ``w = D (2/dt + Lambda) x - D P (P* x) + 2 D B u`` and ``x' = w - D P (P* w) / (1 + P* D P)``
    with ``D = 1 / (2/dt - Lambda)``.

    References
    ----------
    Appendix C.2 of arXiv 2111.00396.
    """
    x = _advance(x, system, system.entry * u_t[..., None])
    return inner(C.conj(), x), x


def dplr_kernel(A: Tensor, P: Tensor, B: Tensor, C: Tensor, dt: Tensor, seq_len: int) -> Tensor:
    """Return the kernel from its generating function at the roots of unity.

    Parameters
    ----------
    A, P, B : Tensor, shape (H, N)
        Complex.
    C : Tensor, shape (R, H, N)
        Truncated read-outs ``C (I - dA^L)`` of exactly this length: see ``truncate_readout``.
    dt : Tensor, shape (H,)
    seq_len : int
        Taps, L.

    Returns
    -------
    Tensor, shape (R, H, L)
        Real, in the real type of ``C``.

    Raises
    ------
    ShapeError
        If shapes do not fit together or a system is real.
    ConfigError
        If the length is negative.

    Notes
    -----
    With ``W_n(z) = 2 / ((2/dt) (1 - z) - Lambda_n (1 + z))`` and ``c = (1 + z) / 2`` the transform of the
    kernel is ``C W B - C W P (c P* W B) / (1 + c P* W P)``. That is the paper's formula times out: where its
    ``2/(1+z)`` and ``(1-z)/(1+z)`` are infinite, at ``z = -1`` of an even length, this is ``dt/2 C B`` as it
    should be. Cauchy products take O(H N L) time in complex128; blocks of frequencies are made again in the
    backward pass, so memory does not grow with N L.

    References
    ----------
    Algorithm 1 and appendix C.3 of arXiv 2111.00396.
    """
    _check(A, P, B, dt)
    if C.dim() != 3 or C.shape[1:] != A.shape or not C.is_complex():
        raise ShapeError(
            f"C is complex of shape (R, {A.shape[0]}, {A.shape[1]}), not {C.dtype} of {tuple(C.shape)}. "
            f"Add an axis for a single read-out."
        )
    if seq_len < 0:
        raise ConfigError(f"The length of a kernel is {seq_len}; give 0 or more steps.")
    if seq_len == 0:
        return C.real.sum(-1)[..., None][..., :0]
    wide = [x.to(torch.complex128) for x in (A, P, B, C)]
    turns = torch.arange(seq_len // 2 + 1, dtype=torch.float64, device=A.device) / seq_len
    z = torch.polar(torch.ones_like(turns), -2 * torch.pi * turns)
    blocks = torch.split(z, max(1, BLOCK // max(1, A.numel())))
    spectra = [checkpoint(_transform, *wide, dt.double(), block, use_reentrant=False) for block in blocks]
    kernel: Tensor = torch.fft.irfft(torch.cat(spectra, dim=-1), n=seq_len)
    return kernel.to(C.real.dtype)


def truncate_readout(C: Tensor, power: Tensor) -> Tensor:
    """Return ``C (I - dA^L)``, whose endless kernel wraps around to that of the first L steps.

    Parameters
    ----------
    C : Tensor, shape (R, H, N)
    power : Tensor, shape (H, M, M)
        ``dA^L`` of the dense system.
    """
    return C - _times(C, power)


def lengthen_readout(C: Tensor, power: Tensor) -> Tensor:
    """Return the truncated read-out of twice the length, ``C (I + dA^L)``; arguments as ``truncate_readout``.

    A checkpoint that stores truncated read-outs serves its own length only; this is how it grows.
    """
    return C + _times(C, power)


def real_state(x: Tensor) -> Tensor:
    """Return ``[Re x, Im x]`` of complex (..., N), shape (..., M)."""
    return torch.cat([x.real, x.imag], dim=-1)


def real_readout(C: Tensor) -> Tensor:
    """Return the real row that reads ``2 Re sum_n C_n x_n`` off ``real_state(x)``, shape (..., M)."""
    return torch.cat([2 * C.real, -2 * C.imag], dim=-1)


def complex_state(x: Tensor) -> Tensor:
    """Invert ``real_state``."""
    real, imaginary = x.chunk(2, dim=-1)
    return torch.complex(real, imaginary)


def inner(a: Tensor, b: Tensor) -> Tensor:
    """Return ``a* b`` with both of each pair: ``2 Re sum_n conj(a_n) b_n``."""
    return 2 * (a.real * b.real + a.imag * b.imag).sum(-1)


def _advance(x: Tensor, system: DPLRStep, entering: Tensor | float = 0.0) -> Tensor:
    """Apply the two halves of a step; ``entering`` is ``2 D B u``."""
    w = system.diagonal * x - system.damped * inner(system.P, x)[..., None] + entering
    return w - system.gain * inner(system.P, w)[..., None]


def _times(C: Tensor, power: Tensor) -> Tensor:
    row = real_readout(C).to(power.dtype).transpose(0, 1) @ power  # (H, R, M)
    real, imaginary = row.transpose(0, 1).chunk(2, dim=-1)
    return torch.complex(real / 2, -imaginary / 2).to(C.dtype)


def _transform(A: Tensor, P: Tensor, B: Tensor, C: Tensor, dt: Tensor, z: Tensor) -> Tensor:
    """Return the transform of the kernel, (R, H, F), at points z."""
    numerators = torch.stack([*(C * B), *(C * P), P.conj() * B, P.conj() * P], dim=-1)  # (H, N, 2R + 2)
    fixed, turning = 2 / dt[:, None, None] * (1 - z[:, None]), 1 + z[:, None]
    sums = (2 / (fixed - turning * A[:, None])) @ numerators  # (H, F, 2R + 2)
    sums = sums + (2 / (fixed - turning * A.conj()[:, None])) @ numerators.conj()
    readouts = C.shape[0]
    cb, cp, pb, pp = torch.split(sums, [readouts, readouts, 1, 1], dim=-1)
    half = turning / 2
    transform: Tensor = cb - cp * (half * pb) / (1 + half * pp)
    return transform.permute(2, 0, 1)


def _check(A: Tensor, P: Tensor, B: Tensor, dt: Tensor) -> None:
    check_modes(A, B, dt)
    if P.shape != A.shape or not P.is_complex():
        raise ShapeError(
            f"P is complex of shape {tuple(A.shape)}, as A, not {P.dtype} of {tuple(P.shape)}. "
            f"Only a rank of one is supported."
        )

"""The kernel of a diagonal state space that is normalised over the sequence (DSS with softmax)."""

# Shapes: H channels, N modes, L length

from __future__ import annotations

import torch
from torch import Tensor

from longwave.ops.ssm.discretize import check_modes
from longwave.ops.ssm.vandermonde import vandermonde

__all__ = ["dss_kernel"]

GUARD = 1e-7  # of the reciprocal: modes whose powers sum to nothing have no softmax


def dss_kernel(A: Tensor, W: Tensor, dt: Tensor, seq_len: int) -> Tensor:
    """Return the DSS kernel, whose modes are softmaxes over the sequence.

    Parameters
    ----------
    A : Tensor, shape (H, N)
        Complex modes, real parts of either sign.
    W : Tensor, shape (H, N)
        Complex weights.
    dt : Tensor, shape (H,)
    seq_len : int
        Taps, L; the kernel depends on it, so a kernel of another length is not its continuation and there is
        no recurrent form that serves all lengths.

    Returns
    -------
    Tensor, shape (H, L)
        Real.

    Raises
    ------
    ShapeError
        If shapes do not fit together or a system is real.

    Notes
    -----
    ``K[t] = Re sum_n W_n / A_n exp(t z_n) / sum_{s<L} exp(s z_n)``, ``z = dt A``; no factor 2, as DSS stores
    all modes. Growing modes run backwards from the last tap, so nothing overflows. Reciprocals are
    ``conj(x) / (|x|^2 + 1e-7)``.

    References
    ----------
    Proposition 1 and section 3.2 of arXiv 2203.14343.
    """
    check_modes(A, W, dt)
    z = dt.double()[:, None] * A.to(torch.complex128)
    grows = z.real > 0
    shrinking = torch.where(grows, -z, z)
    powers = torch.exp(shrinking)
    total = _total(shrinking, seq_len)
    weights = W * _reciprocal(A) * _reciprocal(total).to(W.dtype) / 2  # vandermonde doubles
    forward = vandermonde(torch.where(grows, 0, weights), powers, seq_len)
    backward = vandermonde(torch.where(grows, weights, 0), powers, seq_len)
    return forward + backward.flip(-1)


def _total(z: Tensor, seq_len: int) -> Tensor:
    """Return ``sum_{s<L} exp(s z)``, L where z is 0."""
    is_zero = z.abs() < 1e-12
    safe = torch.where(is_zero, 1, z)
    return torch.where(is_zero, seq_len, torch.expm1(seq_len * safe) / torch.expm1(safe))


def _reciprocal(x: Tensor) -> Tensor:
    return x.conj() / (x.abs().square() + GUARD)

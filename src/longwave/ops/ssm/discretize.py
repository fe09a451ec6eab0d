"""From continuous time to steps: the zero-order hold and the bilinear rule for diagonal systems."""

# Shapes: H channels, N stored modes of a channel

from __future__ import annotations

import torch
from torch import Tensor

from longwave.errors import ShapeError, UnknownName

__all__ = ["discretize"]

RULES = ("bilinear", "zoh")

# Below this size expm1(z) / z is a series. The quotient itself is exact at any z, but its derivative loses
# eps / |z|; seven terms beyond the first leave |z|^8 / 9!, below the rounding of float64.
SERIES_BELOW = 1e-2
SERIES_TERMS = 8


def discretize(A: Tensor, B: Tensor, dt: Tensor, *, rule: str = "zoh") -> tuple[Tensor, Tensor]:
    """Turn the modes of ``x' = A x + B u`` into those of ``x_t = dA x_{t-1} + dB u_t``.

    Parameters
    ----------
    A : Tensor, shape (H, N)
        Complex modes.
    B : Tensor, shape (H, N)
        Complex.
    dt : Tensor, shape (H,)
        Length of a step of every channel, positive; times a rate for another sampling rate.
    rule : {"zoh", "bilinear"}
        Zero-order hold, exact for inputs that are constant within a step, or the trapezoidal rule.

    Returns
    -------
    dA, dB : Tensor, shape (H, N)
        In the type of ``A`` and ``B``. Pass complex128 where thousands of powers will be taken.

    Raises
    ------
    ShapeError
        If shapes do not fit together or ``A`` or ``B`` is real.
    UnknownName
        If there is no such rule.

    Notes
    -----
    Zero-order hold: ``dA = exp(dt A)``, ``dB = dt phi(dt A) B`` with ``phi(z) = (exp(z) - 1) / z`` and its
    limit 1 at 0, a series for ``|z| < 0.01``. Bilinear: ``dA = (1 + dt A / 2) / (1 - dt A / 2)``,
    ``dB = dt / (1 - dt A / 2) B``. Both give ``dB = dt B`` as ``A`` goes to 0, with right gradients.

    References
    ----------
    Section 2.1 of arXiv 2206.11893; bilinear as in section 2.3 of arXiv 2111.00396.

    Examples
    --------
    >>> A, B = torch.tensor([[0j]]), torch.tensor([[1 + 0j]])
    >>> discretize(A, B, torch.tensor([0.1]))
    (tensor([[1.+0.j]]), tensor([[0.1000+0.j]]))
    """
    check_modes(A, B, dt)
    if rule not in RULES:
        raise UnknownName("discretisation rule", rule, RULES)
    step = dt[:, None].to(A.real.dtype)
    z = step * A
    if rule == "zoh":
        return torch.exp(z), step * _phi(z) * B
    damping = 1 / (1 - z / 2)
    return (1 + z / 2) * damping, step * damping * B


def check_modes(A: Tensor, B: Tensor, dt: Tensor) -> None:
    """Refuse modes, input weights and steps that do not fit together."""
    shapes = f"(A: {tuple(A.shape)}, B: {tuple(B.shape)}, dt: {tuple(dt.shape)})"
    if A.dim() != 2 or B.shape != A.shape or dt.shape != A.shape[:1]:
        raise ShapeError(
            f"A and B of a diagonal state space are (H, N) and dt is (H,), which these are not {shapes}. "
            f"Repeat shared modes for every channel first."
        )
    if not (A.is_complex() and B.is_complex() and dt.is_floating_point()):
        raise ShapeError(
            f"A and B are complex and dt is real, not {A.dtype}, {B.dtype} and {dt.dtype} {shapes}. "
            f"Convert with torch.complex or torch.view_as_complex."
        )


def _phi(z: Tensor) -> Tensor:
    """Return ``(exp(z) - 1) / z``, whose limit at 0 is 1."""
    is_small = z.abs() < SERIES_BELOW
    near, far = torch.where(is_small, z, 0), torch.where(is_small, 1, z)  # no NaN from the branch not taken
    series = torch.ones_like(z)
    for n in range(SERIES_TERMS, 1, -1):
        series = 1 + series * near / n
    return torch.where(is_small, series, torch.expm1(far) / far)

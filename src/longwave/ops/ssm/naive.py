"""State spaces with dense matrices, from their formulas: slow, the oracle of the others.

Here nothing is diagonal and no mode is left out: ``A`` is any square matrix, ``y = C x`` has no factor 2.
"""

# Shapes: H channels, N stored modes, M size of a dense state, L length

from __future__ import annotations

import torch
from torch import Tensor

from longwave.errors import UnknownName
from longwave.ops.ssm.discretize import RULES

__all__ = ["dense_discretize", "dense_recurrence", "naive_ssm_kernel"]


def dense_discretize(A: Tensor, B: Tensor, dt: float, *, rule: str) -> tuple[Tensor, Tensor]:
    """Discretise one dense system.

    Parameters
    ----------
    A : Tensor, shape (M, M)
    B : Tensor, shape (M,)
    dt : float
    rule : {"zoh", "bilinear"}

    Returns
    -------
    dA : Tensor, shape (M, M)
    dB : Tensor, shape (M,)

    Notes
    -----
    Zero-order hold: ``exp(dt [[A, B], [0, 0]]) = [[dA, dB], [0, 1]]``, right for a singular ``A`` as well.
    Bilinear: ``dA = (I - dt A / 2)^-1 (I + dt A / 2)``, ``dB = (I - dt A / 2)^-1 dt B``.
    """
    size = A.shape[0]
    if rule == "zoh":
        block = A.new_zeros(size + 1, size + 1)
        block[:size, :size], block[:size, size] = A, B
        held = _matrix_exp(dt * block)
        return held[:size, :size], held[:size, size]
    if rule == "bilinear":
        eye = torch.eye(size, dtype=A.dtype, device=A.device)
        right = torch.cat([eye + dt / 2 * A, dt * B[:, None]], dim=1)
        both: Tensor = torch.linalg.solve(eye - dt / 2 * A, right)
        return both[:, :size], both[:, size]
    raise UnknownName("discretisation rule", rule, RULES)


def dense_recurrence(
    dA: Tensor, dB: Tensor, C: Tensor, u: Tensor, x0: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Step one dense system through time.

    Parameters
    ----------
    dA : Tensor, shape (M, M)
    dB, C : Tensor, shape (M,)
    u : Tensor, shape (L,)
    x0 : Tensor, shape (M,), optional

    Returns
    -------
    y : Tensor, shape (L,)
        ``C x_t`` with ``x_t = dA x_{t-1} + dB u_t``.
    x : Tensor, shape (M,)
        The last state.
    """
    x = torch.zeros_like(dB) if x0 is None else x0
    outputs = []
    for u_t in u:
        x = dA @ x + dB * u_t
        outputs.append(C @ x)
    return torch.stack(outputs) if outputs else C[:0], x


def naive_ssm_kernel(
    A: Tensor, B: Tensor, C: Tensor, dt: Tensor, seq_len: int, *, rule: str = "zoh"
) -> Tensor:
    """Compute ``ssm_kernel`` as the response to an impulse of the dense system with both modes of each pair.

    Parameters
    ----------
    A, B, C : Tensor, shape (H, N)
        Complex, one mode of each pair.
    dt : Tensor, shape (H,)
    seq_len : int
    rule : {"zoh", "bilinear"}

    Returns
    -------
    Tensor, shape (H, L)
    """
    impulse = torch.zeros(seq_len, dtype=A.dtype, device=A.device)
    impulse[:1] = 1
    kernels = []
    for a, b, c, step in zip(A, B, C, dt.tolist(), strict=True):
        system = torch.diag(torch.cat([a, a.conj()]))
        dA, dB = dense_discretize(system, torch.cat([b, b.conj()]), step, rule=rule)
        kernels.append(dense_recurrence(dA, dB, torch.cat([c, c.conj()]), impulse)[0].real)
    return torch.stack(kernels)


def _matrix_exp(A: Tensor) -> Tensor:
    """Exponentiate by halving, series and squaring; ``torch.matrix_exp`` errs by 2e-10 in complex128."""
    halvings = max(0, int(torch.linalg.matrix_norm(A, 1).item()).bit_length() + 2)
    small = A / 2**halvings  # of norm 1/4 at most, so that 14 terms reach float64
    power = result = torch.eye(len(A), dtype=A.dtype, device=A.device)
    for n in range(1, 15):
        power = power @ small / n
        result = result + power
    for _ in range(halvings):
        result = result @ result
    return result

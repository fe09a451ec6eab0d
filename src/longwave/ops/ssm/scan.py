"""Recurrences of diagonal state spaces: the state after a sequence, all states, what a state gives.

The convolution with ``ssm_kernel`` plus ``ssm_state_outputs`` is what ``ssm_step`` gives step by step, and
``ssm_final_state`` the state it ends in; so a sequence may be cut anywhere. The chunked form that keeps
memory bounded at any length is ``longwave.ops.state_passing_conv``.
"""

# Shapes: H channels, N stored modes, L length = up to I tiles of T steps, M axes before flattened to one

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from longwave.errors import ShapeError
from longwave.ops.ssm.vandermonde import (
    check_system,
    flatten_leading,
    mode_power,
    mode_powers,
    tiling,
    vandermonde,
)

__all__ = ["ssm_final_state", "ssm_state_outputs", "ssm_states"]


def ssm_state_outputs(C: Tensor, dA: Tensor, seq_len: int, x0: Tensor) -> Tensor:
    """Return what a state adds to the outputs of the steps after it.

    Parameters
    ----------
    C, dA : Tensor, shape (H, N)
        Complex.
    seq_len : int
        Steps after the state, L.
    x0 : Tensor, shape (..., H, N)
        Complex state.

    Returns
    -------
    Tensor, shape (..., H, L)
        ``2 Re sum_n C_n dA_n^{t+1} x0_n``, in the real type of ``x0``.

    Raises
    ------
    ShapeError
        If shapes do not fit together or a tensor is real.
    """
    check_system(x0, dA, "x0")
    weights = (C.to(torch.complex128) * dA).to(x0.dtype)
    return vandermonde(weights * x0, dA, seq_len)


def ssm_final_state(u: Tensor, dA: Tensor, dB: Tensor, x0: Tensor | None = None) -> Tensor:
    """Return the state after a sequence.

    Parameters
    ----------
    u : Tensor, shape (..., H, L)
        Inputs, any real floating type.
    dA, dB : Tensor, shape (H, N)
        Discrete system, complex.
    x0 : Tensor, shape (..., H, N), optional
        Complex state before the sequence; zero unless given.

    Returns
    -------
    Tensor, shape (..., H, N)
        ``dA^L x0 + sum_s dA^{L-1-s} dB u_s``; complex64, or complex128 for float64 inputs.

    Raises
    ------
    ShapeError
        If shapes do not fit together or a system is real.

    Notes
    -----
    O(H N (sqrt(L) + L)) time a sequence in two products, tiles first; powers as in ``mode_powers``.
    """
    _check_input(u, dA)
    check_system(dB, dA, "dB")
    dtype = torch.promote_types(u.dtype, torch.float32)
    seq_len = u.shape[-1]
    tiles, steps = tiling(seq_len)
    fine = mode_powers(dA, steps, dtype.to_complex()).flip(1)  # (H, T, N), newest step last
    coarse = mode_powers(mode_power(dA, steps), tiles, dtype.to_complex()).flip(1)  # (H, I, N)
    inputs = F.pad(u.to(dtype), (tiles * steps - seq_len, 0))  # what is missing is the oldest
    sequences = math.prod(u.shape[:-2])  # M
    blocks = flatten_leading(inputs).reshape(dA.shape[0], sequences * tiles, steps)
    with torch.autocast(u.device.type, enabled=False):
        sums = torch.bmm(blocks, torch.view_as_real(fine).flatten(-2))  # (H, M I, 2N)
    modes = torch.view_as_complex(sums.view(dA.shape[0], sequences, tiles, dA.shape[1], 2))
    x = (modes * coarse[:, None]).sum(2)  # (H, M, N)
    x = x.transpose(0, 1).reshape(*u.shape[:-1], dA.shape[1]) * dB.to(x.dtype)
    return x if x0 is None else x + mode_power(dA, seq_len).to(x.dtype) * x0


def ssm_states(u: Tensor, dA: Tensor, dB: Tensor, x0: Tensor | None = None) -> Tensor:
    """Return the states after every step.

    Parameters
    ----------
    u, dA, dB, x0
        As in ``ssm_final_state``.

    Returns
    -------
    Tensor, shape (..., H, L, N)
        Complex; the last one is ``ssm_final_state``.

    Raises
    ------
    ShapeError
        If shapes do not fit together or a system is real.

    Notes
    -----
    Doubling: after k rounds a state has the last ``2^k`` inputs in it. O(H N L log L) time, O(H N L) memory
    a sequence, so this is for looking at states; outputs need none of them.
    """
    _check_input(u, dA)
    check_system(dB, dA, "dB")
    dtype = torch.promote_types(u.dtype, torch.float32).to_complex()
    x = u.to(dtype)[..., None] * dB.to(dtype)[:, None]  # (..., H, L, N)
    jump = dA.to(torch.complex128)[:, None]
    if x0 is not None and u.shape[-1]:
        first = x[..., :1, :] + jump.to(dtype) * x0[..., None, :]
        x = torch.cat([first, x[..., 1:, :]], dim=-2)
    reach = 1
    while reach < u.shape[-1]:
        earlier = F.pad(torch.view_as_real(x[..., :-reach, :]), (0, 0, 0, 0, reach, 0))
        x = x + jump.to(dtype) * torch.view_as_complex(earlier)
        jump, reach = jump * jump, 2 * reach
    return x


def _check_input(u: Tensor, dA: Tensor) -> None:
    if u.dim() < 2 or u.shape[-2] != dA.shape[0] or not u.is_floating_point():
        raise ShapeError(
            f"The input of a state space of {dA.shape[0]} channels is real and (..., {dA.shape[0]}, L), not "
            f"{u.dtype} of shape {tuple(u.shape)}. Put time last."
        )

"""Kernels and states of dense systems, by doubling.

``C dA^{iT + j} dB`` is the product of a row ``C dA^{iT}`` and a column ``dA^j dB``; both families double with
every squaring of ``dA``. No inverse and no sequence is as long as the kernel, and any length is exact.
"""

# Shapes: H channels, M size of the real state, K starts, R read-outs, L length = up to I tiles of T steps

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from longwave.errors import ShapeError
from longwave.ops.ssm.vandermonde import tiling

__all__ = ["dense_final_state", "dense_kernel", "dense_state_outputs", "squarings"]


def squarings(dA: Tensor, seq_len: int) -> list[Tensor]:
    """Return ``dA, dA^2, dA^4, ...`` up to the largest power of two that a length needs.

    Parameters
    ----------
    dA : Tensor, shape (H, M, M)
        Real. In float32 the relative error of a power grows like its exponent; give float64.
    seq_len : int

    Returns
    -------
    list of Tensor, shape (H, M, M)
        At least ``dA`` itself.
    """
    found = [dA]
    for _ in range(seq_len.bit_length() - 1):
        found.append(found[-1] @ found[-1])
    return found


def dense_kernel(powers: Sequence[Tensor], dB: Tensor, C: Tensor, seq_len: int) -> Tensor:
    """Return the kernel of dense systems.

    Parameters
    ----------
    powers : sequence of Tensor, shape (H, M, M)
        ``squarings`` of ``dA`` for L - 1 steps or more.
    dB : Tensor, shape (H, M)
    C : Tensor, shape (R, H, M)
        Real read-outs; the factor 2 of conjugate pairs is in them already (see ``dplr_dense``).
    seq_len : int

    Returns
    -------
    Tensor, shape (R, H, L)
        ``C dA^t dB``.

    Notes
    -----
    O(H M^3 log L) time for the squarings, O(H (M^2 sqrt(L) + M L)) for the rest.
    """
    return _responses(powers, dB[..., None], C, seq_len)[:, :, 0]


def dense_state_outputs(powers: Sequence[Tensor], C: Tensor, seq_len: int, x0: Tensor) -> Tensor:
    """Return what states add to the outputs of the steps after them.

    Parameters
    ----------
    powers, C, seq_len
        As in ``dense_kernel``; one read-out, shape (H, M).
    x0 : Tensor, shape (B, H, M)

    Returns
    -------
    Tensor, shape (B, H, L)
        ``C dA^{t+1} x0``.
    """
    starts = powers[0] @ x0.permute(1, 2, 0)  # (H, M, B)
    return _responses(powers, starts, C[None], seq_len)[0].transpose(0, 1)


def dense_final_state(powers: Sequence[Tensor], u: Tensor, dB: Tensor, x0: Tensor | None = None) -> Tensor:
    """Return the state after a sequence.

    Parameters
    ----------
    powers : sequence of Tensor, shape (H, M, M)
        ``squarings`` of ``dA`` for L steps or more; for L - 1 without a first state.
    u : Tensor, shape (B, H, L)
        In the type of the system.
    dB : Tensor, shape (H, M)
    x0 : Tensor, shape (B, H, M), optional
        Zero unless given.

    Returns
    -------
    Tensor, shape (B, H, M)
        ``dA^L x0 + sum_s dA^{L-1-s} dB u_s``.
    """
    batch, _, seq_len = u.shape
    tiles, steps = tiling(seq_len)
    columns = _columns(powers, dB[..., None], steps).flip(-1).transpose(1, 2)  # (H, T, M), newest step last
    padded = torch.nn.functional.pad(u, (tiles * steps - seq_len, 0)).transpose(0, 1)
    blocks = padded.reshape(dB.shape[0], batch * tiles, steps) @ columns  # (H, B I, M)
    blocks = blocks.view(dB.shape[0], batch, tiles, dB.shape[1])
    x = blocks[:, :, 0] if tiles else blocks.new_zeros(dB.shape[0], batch, dB.shape[1])
    for block in blocks[:, :, 1:].unbind(2):
        x = _apply(powers, steps, x) + block
    x = x.transpose(0, 1)
    return x if x0 is None else x + _apply(powers, seq_len, x0.transpose(0, 1)).transpose(0, 1)


def _responses(powers: Sequence[Tensor], starts: Tensor, C: Tensor, seq_len: int) -> Tensor:
    """Return ``C dA^t start``, (R, H, K, L), for starts (H, M, K)."""
    needed = max(1, (seq_len - 1).bit_length())
    if len(powers) < needed:
        raise ShapeError(
            f"A kernel of {seq_len} steps needs {needed} squarings, not {len(powers)}. "
            f"Make them with squarings(dA, {seq_len})."
        )
    tiles, steps = tiling(seq_len)
    columns = _columns(powers, starts, steps)  # (H, M, T K)
    rows, reach = C.transpose(0, 1), 1  # (H, I R, M), tiles slower than read-outs
    while reach < tiles:
        earlier = rows[:, : (tiles - reach) * C.shape[0]]
        rows, reach = torch.cat([rows, earlier @ powers[_log2(reach * steps)]], dim=1), 2 * reach
    outputs = rows[:, : tiles * C.shape[0]] @ columns  # (H, I R, T K)
    shape = (C.shape[1], tiles, C.shape[0], steps, starts.shape[-1])
    return outputs.view(shape).permute(2, 0, 4, 1, 3).flatten(-2)[..., :seq_len]


def _columns(powers: Sequence[Tensor], starts: Tensor, steps: int) -> Tensor:
    """Return ``dA^j start`` for j < steps, a power of two, with j slower than the start."""
    columns = starts
    for k in range(_log2(steps)):
        columns = torch.cat([columns, powers[k] @ columns], dim=-1)
    return columns


def _apply(powers: Sequence[Tensor], exponent: int, x: Tensor) -> Tensor:
    """Multiply states (H, B, M) by a power of ``dA``."""
    for k in range(exponent.bit_length()):
        if exponent >> k & 1:
            x = x @ powers[k].transpose(1, 2)
    return x


def _log2(power_of_two: int) -> int:
    return power_of_two.bit_length() - 1

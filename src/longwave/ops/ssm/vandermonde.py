"""Kernels of diagonal state spaces: sums of powers, made by one matrix product of two short tables.

With ``t = i T + j`` a power is ``p^t = (p^T)^i p^j``. So the kernel of L steps needs two tables of about
``sqrt(L)`` powers a mode and a real matrix product over modes, instead of the L powers of a Vandermonde
matrix: O(H N sqrt(L)) memory, in the backward pass as well. The phases are accurate at any length because
jumps are squared in double precision and every power is a product of few factors.
"""

# Shapes: H channels, N stored modes, L length = up to I tiles of T steps, M any axes before flattened to one

from __future__ import annotations

import torch
from torch import Tensor

from longwave.errors import ConfigError, ShapeError
from longwave.ops.long_conv.bandlimit import band_mask
from longwave.ops.ssm.discretize import check_modes, discretize

__all__ = ["mode_power", "mode_powers", "ssm_kernel", "vandermonde"]


def ssm_kernel(
    A: Tensor,
    B: Tensor,
    C: Tensor,
    dt: Tensor,
    seq_len: int,
    *,
    rule: str = "zoh",
    rate: float = 1.0,
    bandlimit: float | None = None,
) -> Tensor:
    """Return the kernel of a diagonal state space, one a channel.

    Parameters
    ----------
    A, B : Tensor, shape (H, N)
        Complex; one mode of each conjugate pair.
    C : Tensor, shape (..., H, N)
        Complex read-outs; several for several kernels of the same modes, as a bidirectional layer has.
    dt : Tensor, shape (H,)
        Length of a step, positive.
    seq_len : int
        Taps, L.
    rule : {"zoh", "bilinear"}
        See ``discretize``.
    rate : float
        Multiplies ``dt``: 2 serves a signal that was sampled half as often as in training.
    bandlimit : float, optional
        Drop the modes of frequency ``dt |Im A| / 2 pi >= bandlimit / 2`` cycles a step; ``dt`` counts without
        the rate. So S4ND trains for other resolutions.

    Returns
    -------
    Tensor, shape (..., H, L)
        Real, in the real type of ``C``.

    Raises
    ------
    ShapeError
        If shapes do not fit together or a system is real.
    ConfigError
        If the length is negative, the rate not above 0 or the rule unknown.

    Notes
    -----
    ``K[t] = 2 Re sum_n C_n dB_n dA_n^t``, so the present input is in the state that is read. O(H N sqrt(L))
    memory, O(H N L) time in one real matrix product. Steps and powers come from complex128: relative errors
    do not grow with L. Gradients flow to all four tensors, twice if asked. Where a GPU's float32 products are
    allowed to be TF32 (``torch.backends.cuda.matmul``), so is this one, and taps are right to 1e-3 only.

    References
    ----------
    Section 3.2 of arXiv 2206.11893. The bandlimit: arXiv 2210.06583.

    Examples
    --------
    >>> A, half = torch.tensor([[-1 + 0j]]), torch.tensor([[0.5 + 0j]])
    >>> ssm_kernel(A, half, 2 * half, torch.tensor([2.0]).log(), 4)
    tensor([[0.5000, 0.2500, 0.1250, 0.0625]])
    """
    check_modes(A, B, dt)
    if not rate > 0:
        raise ConfigError(f"rate is {rate}; it must be above 0 (2 halves the sampling rate).")
    dA, dB = discretize(A.to(torch.complex128), B.to(torch.complex128), dt.double() * rate, rule=rule)
    if bandlimit is not None:
        C = torch.where(band_mask(dt[:, None] * A.imag.detach() / (2 * torch.pi), bandlimit), C, 0)
    return vandermonde(C * dB.to(C.dtype), dA, seq_len)


def vandermonde(G: Tensor, dA: Tensor, seq_len: int) -> Tensor:
    """Sum the powers of every channel's modes.

    Parameters
    ----------
    G : Tensor, shape (..., H, N)
        Complex weights.
    dA : Tensor, shape (H, N)
        Complex; what a mode is multiplied by in a step. Zero is allowed.
    seq_len : int
        Powers 0 to L - 1.

    Returns
    -------
    Tensor, shape (..., H, L)
        ``2 Re sum_n G_n dA_n^t``, in the real type of ``G``.

    Raises
    ------
    ShapeError
        If the last two axes differ or a tensor is real.
    ConfigError
        If the length is negative.
    """
    check_system(G, dA, "G")
    tiles, steps = tiling(seq_len)
    # of the conjugate, so that a real product of parts side by side is the real part of the complex one
    fine = mode_powers(dA.conj(), steps, G.dtype)
    coarse = mode_powers(mode_power(dA, steps), tiles, G.dtype)
    weights = flatten_leading(G)[:, :, None] * coarse[:, None]  # (H, M, I, N)
    rows = torch.view_as_real(weights).flatten(1, 2).flatten(-2)  # (H, M I, 2N)
    columns = torch.view_as_real(fine).flatten(-2)  # (H, T, 2N)
    with torch.autocast(G.device.type, enabled=False):
        kernel = torch.bmm(rows, columns.transpose(1, 2)).mul(2)  # (H, M I, T)
    kernel = kernel.view(*weights.shape[:2], tiles * steps)[..., :seq_len]
    return kernel.transpose(0, 1).reshape(*G.shape[:-1], seq_len)


def mode_powers(dA: Tensor, count: int, dtype: torch.dtype | None = None) -> Tensor:
    """Return the powers 0 to ``count - 1`` of every mode.

    Parameters
    ----------
    dA : Tensor, shape (..., N)
        Complex.
    count : int
    dtype : torch.dtype, optional
        Complex type of the table; that of ``dA`` unless given.

    Returns
    -------
    Tensor, shape (..., count, N)

    Notes
    -----
    A table is the product of two shorter ones, down to single powers, which come from repeated squaring in
    complex128 and are rounded once; so a power is a product of at most ``log2(count)`` rounded factors. No
    logarithm is taken: zero has its powers and derivatives too.
    """
    dtype = dtype or dA.dtype
    if count <= 2:
        return torch.stack([torch.ones_like(dA), dA], dim=-2)[..., :count, :].to(dtype)
    tiles, steps = tiling(count)
    fine, coarse = mode_powers(dA, steps, dtype), mode_powers(mode_power(dA, steps), tiles, dtype)
    return (coarse[..., :, None, :] * fine[..., None, :, :]).flatten(-3, -2)[..., :count, :]


def mode_power(dA: Tensor, exponent: int) -> Tensor:
    """Raise every mode to one power by repeated squaring, in complex128."""
    factor, power = dA.to(torch.complex128), torch.ones_like(dA, dtype=torch.complex128)
    while exponent:
        if exponent & 1:
            power = power * factor
        factor = factor * factor
        exponent >>= 1
    return power


def check_system(weights: Tensor, dA: Tensor, name: str) -> None:
    """Refuse weights, a read-out or a state that do not fit the modes."""
    shapes = f"({name}: {tuple(weights.shape)}, dA: {tuple(dA.shape)})"
    if dA.dim() != 2 or weights.shape[-2:] != dA.shape:
        raise ShapeError(
            f"{name} is (..., H, N) for modes dA of shape (H, N), which these are not {shapes}. "
            f"Repeat shared modes for every channel first."
        )
    if not (weights.is_complex() and dA.is_complex()):
        raise ShapeError(
            f"{name} and dA are complex, not {weights.dtype} and {dA.dtype} {shapes}. "
            f"Convert with torch.complex or torch.view_as_complex."
        )


def tiling(seq_len: int) -> tuple[int, int]:
    """Return tiles and the steps of each: a power of two near the root of the length."""
    if seq_len < 0:
        raise ConfigError(f"The length of a kernel is {seq_len}; give 0 or more steps.")
    steps = 1 << (seq_len.bit_length() // 2)
    return -(-seq_len // steps), steps


def flatten_leading(weights: Tensor) -> Tensor:
    """Bring (..., H, N) to (H, M, N)."""
    return (weights[None] if weights.dim() == 2 else weights.flatten(0, -3)).transpose(0, 1)

"""Convolutions of fields whose kernels are sums of outer products of one kernel an axis.

Two routes, and neither ever makes the kernel of all axes in space:

* ``"matrices"``: an outer product acts on one axis after the other, and on an axis of L points it is a matrix
  of L x L. Its products take 2 L operations a point and axis, need no padding, and are faster than transforms
  up to some hundred points;
* ``"fft"``: on a ring of every axis, long enough that nothing wraps around. One transform serves any number
  of pieces and of output channels.
"""

# Shapes: B batch, C channels in, O channels out, R pieces of a sum, D axes, L points of an axis, P taps of an
#         axis, N points of its ring, F frequencies kept of it, M all other axes flattened to one

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from longwave.errors import ShapeError, UnknownName
from longwave.ops.long_conv import long_conv, next_fast_length

__all__ = ["axis_matrix", "conv_nd", "ring_size"]

BACKENDS = ("auto", "fft", "matrices")
MAX_DIMS = 3

# Matrices are faster up to so many points of the longest axis times the square of the pieces, which they take
# one by one. On a CPU (1 thread, float32, forward and backward, two axes) matrices and FFT: 28 points 14 and
# 110 ms, 112 points 136 and 964, 768 points 1806 and 3812; 4 pieces of 128 points 66 and 60, 8 pieces of 64
# points 228 and 113.
MATRIX_POINTS = 1024


def conv_nd(
    u: Tensor,
    kernels: Sequence[Tensor],
    ahead: Sequence[int],
    skip: Tensor | None = None,
    *,
    backend: Literal["auto", "fft", "matrices"] = "auto",
) -> Tensor:
    """Convolve fields with kernels that are sums of outer products, zeros outside the field.

    Parameters
    ----------
    u : Tensor, shape (B, C, L_1, ..., L_D)
        Real, 1 to 3 axes.
    kernels : sequence of Tensor, shape (R, C, P_d) or (R, O, C, P_d)
        Taps of every axis in the order of their lags. With O, every output channel is a sum over the input's
        channels; without, each channel has a kernel of its own.
    ahead : sequence of int
        Taps of every axis before lag 0: 0 is a kernel that looks back only.
    skip : Tensor, shape (C,), optional
        Weight of ``u`` itself, added; not where channels are mixed.
    backend : {"auto", "fft", "matrices"}
        ``"fft"`` serves all; ``"matrices"`` kernels of one channel each. ``"auto"`` sends a long single axis
        to ``long_conv``.

    Returns
    -------
    Tensor, shape (B, C, L_1, ..., L_D) or (B, O, L_1, ..., L_D)
        In the type of ``u``; computed in float32 or wider, also under autocast.

    Raises
    ------
    ShapeError
        If shapes, types or devices do not go together.
    UnknownName
        If there is no such backend.

    Notes
    -----
    ``y[t] = sum_s K[t - s] u[s] + skip u[t]`` with ``K[s] = sum_r prod_d k_d[r, s_d + ahead_d]``. A point of
    the field takes O(C R sum_d L_d) time with ``"matrices"``, O((C + O) log(L_1 ... L_D)) with ``"fft"``.
    Gradients flow to all tensors, twice if asked. Where a GPU's float32 products are allowed to be TF32
    (``torch.backends.cuda.matmul``), so are those of matrices.

    References
    ----------
    Kernels of rank R: arXiv 2210.06583, section 4.

    Examples
    --------
    >>> u = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    >>> rows, columns = torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[3.0, 5.0]]])
    >>> conv_nd(u, [rows, columns], ahead=(0, 0))
    tensor([[[[ 3.,  5.],
              [ 6., 10.]]]])
    """
    _check(u, kernels, ahead, skip, backend)
    is_mixing = kernels[0].dim() == 4
    if backend == "auto":
        few = kernels[0].shape[0] ** 2 * max(u.shape[2:]) <= MATRIX_POINTS
        backend = "matrices" if few and not is_mixing else "fft"
        if backend == "fft" and len(kernels) == 1 and not is_mixing:
            return _by_long_conv(u, kernels[0].sum(0), ahead[0], skip)
    wide = torch.promote_types(torch.promote_types(u.dtype, kernels[0].dtype), torch.float32)
    with torch.autocast(u.device.type, enabled=False):
        v, taps = u.to(wide), [k.to(wide) for k in kernels]
        if u.numel() == 0 or 0 in kernels[0].shape:
            y = _nothing(v, taps)
        elif backend == "matrices":
            y = _by_matrices(v, taps, ahead)
        else:
            y = _by_fft(v, taps, ahead)
        if skip is not None:
            y = y + skip.to(wide).view(-1, *[1] * len(kernels)) * v
    return y.to(u.dtype)


def axis_matrix(k: Tensor, ahead: int, n_points: int) -> Tensor:
    """Write the convolution along an axis as matrices.

    Parameters
    ----------
    k : Tensor, shape (..., P)
    ahead : int
        Taps before lag 0.
    n_points : int
        L.

    Returns
    -------
    Tensor, shape (..., L, L)
        Entry ``(i, j)`` is the tap of lag ``i - j``, zero where there is none.
    """
    behind = k.shape[-1] - 1 - ahead
    lags = F.pad(k, (n_points - 1 - ahead, n_points - 1 - behind))  # -(L-1) ... L-1, cut or filled up
    return lags.flip(-1).unfold(-1, n_points, 1).flip(-2)


def ring_size(n_points: int, n_taps: int, ahead: int) -> int:
    """Return the points of a ring on which an axis' outputs are free of what wraps around.

    Lags beyond the field's own do not count. ``L + max(ahead, behind)`` is enough: what leaves the field on
    one side may wrap into what leaves it on the other.
    """
    behind = n_taps - 1 - ahead
    return next_fast_length(n_points + min(max(ahead, behind, 0), n_points - 1))


def _nothing(u: Tensor, taps: Sequence[Tensor]) -> Tensor:
    """Return zeros of the output's shape, which depend on every tensor with gradient zero."""
    channels = taps[0].shape[1]
    tie = sum((k.sum() for k in taps), u.sum()) * 0
    return u.new_zeros(u.shape[0], channels, *u.shape[2:]) + tie


def _by_matrices(u: Tensor, taps: Sequence[Tensor], ahead: Sequence[int]) -> Tensor:
    field, axes = u.transpose(0, 1), list(zip(taps, ahead, u.shape[2:], strict=True))  # (C, B, L_1, ..., L_D)

    def apply_piece(piece: int) -> Tensor:
        x = field
        for k, before, n in reversed(axes):  # (C, M, L) to (C, L, M): then the axis before it is last
            x = torch.bmm(axis_matrix(k[piece], before, n), x.reshape(u.shape[1], -1, n).mT)
        return x

    total = functools.reduce(torch.add, map(apply_piece, range(taps[0].shape[0])))
    return total.view(u.shape[1], *u.shape[2:], u.shape[0]).movedim(-1, 0).contiguous()


def _by_long_conv(u: Tensor, k: Tensor, before: int, skip: Tensor | None) -> Tensor:
    """Convolve (B, C, L) with (C, P) by the operator for sequences, which has the faster kernels on GPUs."""
    n = u.shape[-1]
    behind = k[:, before : before + n]
    if before == 0:
        return long_conv(u, behind, skip)
    ahead = k[:, max(before - n + 1, 0) : before].flip(-1)  # from lag -1 on
    taps = max(behind.shape[-1], ahead.shape[-1] + 1)
    both = [F.pad(behind, (0, taps - behind.shape[-1])), F.pad(ahead, (1, taps - 1 - ahead.shape[-1]))]
    return long_conv(u, torch.stack(both), skip, bidirectional=True)


def _by_fft(u: Tensor, taps: Sequence[Tensor], ahead: Sequence[int]) -> Tensor:
    sizes = u.shape[2:]
    rings = [ring_size(n, k.shape[-1], a) for n, k, a in zip(sizes, taps, ahead, strict=True)]
    spectra = []
    for axis, (k, before, n, ring) in enumerate(zip(taps, ahead, sizes, rings, strict=True)):
        first, last = max(before - (n - 1), 0), before + n  # lags within the field
        kept = k[..., first:last]
        on_ring = F.pad(kept, (0, ring - kept.shape[-1])).roll(first - before, dims=-1)
        transform = torch.fft.rfft if axis == len(taps) - 1 else torch.fft.fft
        spectra.append(transform(on_ring))  # (R, ..., F)
    y: Tensor = _RingConv.apply(u, _outer_sum(spectra), tuple(rings))  # type: ignore[no-untyped-call]
    return y


def _outer_sum(spectra: Sequence[Tensor]) -> Tensor:
    """Sum the outer products of (R, ..., F_d) over R, shape (..., F_1, ..., F_D)."""
    sizes = [spectrum.shape[-1] for spectrum in spectra]
    if len(spectra) == 1:
        return spectra[0].sum(0)
    x = spectra[0]
    for spectrum in spectra[1:-1]:
        x = (x[..., None] * spectrum[..., None, :]).flatten(-2)
    if x.shape[0] == 1:
        product = x[0][..., None] * spectra[-1][0][..., None, :]
    else:
        product = x.movedim(0, -1) @ spectra[-1].movedim(0, -2)
    return product.view(*product.shape[:-2], *sizes)


class _RingConv(torch.autograd.Function):
    """Products on a ring; the backward pass knows that its signals are real, which autograd does not."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx, u: Tensor, spectrum: Tensor, rings: tuple[int, ...]
    ) -> Tensor:
        signal = _to_ring(u, rings)
        ctx.rings = rings  # type: ignore[attr-defined]
        ctx.save_for_backward(u, spectrum, signal)
        return _from_ring(_times(signal, spectrum), rings, u.shape[2:])

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx, *grads: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None]:
        u, spectrum, signal = ctx.saved_tensors  # type: ignore[attr-defined]
        rings: tuple[int, ...] = ctx.rings  # type: ignore[attr-defined]
        needs: tuple[bool, ...] = ctx.needs_input_grad  # type: ignore[attr-defined]
        if torch.is_grad_enabled():  # someone differentiates twice
            y = _from_ring(_times(_to_ring(u, rings), spectrum), rings, u.shape[2:])
            wanted = [x for x, need in zip((u, spectrum), needs, strict=False) if need]
            found = iter(torch.autograd.grad(y, wanted, grads[0], create_graph=True))
            return next(found) if needs[0] else None, next(found) if needs[1] else None, None
        g = _to_ring(grads[0], rings)
        du = _from_ring(_times_transposed(g, spectrum), rings, u.shape[2:]) if needs[0] else None
        return du, _correlate(signal, g, spectrum, rings) if needs[1] else None, None


def _to_ring(u: Tensor, rings: Sequence[int]) -> Tensor:
    """Transform (B, C, L_1, ..., L_D) to (B, C, N_1, ..., F_D), axis by axis: rows of zeros come last."""
    x: Tensor = torch.fft.rfft(u, n=rings[-1])
    for axis in range(len(rings) - 1, 0, -1):
        x = torch.fft.fft(x, n=rings[axis - 1], dim=axis + 1)
    return x


def _from_ring(x: Tensor, rings: Sequence[int], sizes: Sequence[int]) -> Tensor:
    """Invert ``_to_ring`` and keep the field's own points."""
    for axis in range(len(rings) - 1):
        x = torch.fft.ifft(x, dim=axis + 2).narrow(axis + 2, 0, sizes[axis])
    y: Tensor = torch.fft.irfft(x, n=rings[-1])
    return y[..., : sizes[-1]].contiguous()


def _times(signal: Tensor, spectrum: Tensor) -> Tensor:
    if spectrum.dim() < signal.dim():
        return signal * spectrum
    return torch.einsum("bc...,oc...->bo...", signal, spectrum)


def _times_transposed(g: Tensor, spectrum: Tensor) -> Tensor:
    if spectrum.dim() < g.dim():
        return g * spectrum.conj()
    return torch.einsum("bo...,oc...->bc...", g, spectrum.conj())


def _correlate(signal: Tensor, g: Tensor, spectrum: Tensor, rings: Sequence[int]) -> Tensor:
    """Return the gradient of a spectrum; a frequency counts twice but for those without a conjugate."""
    if spectrum.dim() < signal.dim():
        product = (signal.conj() * g).sum(0)
    else:
        product = torch.einsum("bc...,bo...->oc...", signal.conj(), g)
    counts = torch.full((spectrum.shape[-1],), 2.0, dtype=g.real.dtype, device=g.device)
    counts[0] = 1
    if rings[-1] % 2 == 0:
        counts[-1] = 1
    return product * (counts / math.prod(rings))


def _check(
    u: Tensor, kernels: Sequence[Tensor], ahead: Sequence[int], skip: Tensor | None, backend: str
) -> None:
    if backend not in BACKENDS:
        raise UnknownName("conv_nd backend", backend, BACKENDS)
    dims = len(kernels)
    shapes = f"(u: {tuple(u.shape)}, kernels: {[tuple(k.shape) for k in kernels]}, ahead: {tuple(ahead)})"
    if not 1 <= dims <= MAX_DIMS or u.dim() != 2 + dims or len(ahead) != dims:
        raise ShapeError(
            f"conv_nd takes u of shape (B, C) and 1 to {MAX_DIMS} axes, with a kernel and a number of taps "
            f"ahead for each axis, not {shapes}. Reshape the input or pass a kernel of every axis."
        )
    lead, channels = kernels[0].shape[:-1], u.shape[1]
    if len(lead) not in (2, 3) or lead[-1] != channels or any(k.shape[:-1] != lead for k in kernels):
        raise ShapeError(
            f"Kernels are (R, {channels}, P) or (R, O, {channels}, P), alike but for P, which these are not "
            f"{shapes}. Repeat shared kernels for every channel first."
        )
    if any(k.shape[-1] < 1 or not 0 <= a < k.shape[-1] for k, a in zip(kernels, ahead, strict=True)):
        raise ShapeError(f"Of P taps, 0 to P - 1 may be ahead of lag 0, not {shapes}.")
    is_mixing = len(lead) == 3
    if skip is not None and (is_mixing or tuple(skip.shape) != (channels,)):
        raise ShapeError(
            f"skip has shape {tuple(skip.shape)}; it is ({channels},) where every channel has its own "
            f"kernel, and none where channels are mixed {shapes}."
        )
    if is_mixing and backend == "matrices":
        raise ShapeError(f'Kernels that mix channels take backend="fft" or "auto", not "matrices" {shapes}.')
    for name, tensor in (*((f"kernels[{d}]", k) for d, k in enumerate(kernels)), ("skip", skip)):
        if tensor is not None and tensor.device != u.device:
            raise ShapeError(
                f"{name} is on {tensor.device} and u is on {u.device} {shapes}. Move them to one device."
            )
    if not (u.is_floating_point() and all(k.is_floating_point() for k in kernels)):
        raise ShapeError(f"conv_nd needs real floating-point tensors, not u of {u.dtype} {shapes}.")

"""The long convolution without a transform: strictly causal, by shifted sums and Toeplitz products.

Lags below ``BASE`` are shifted multiply-adds inside blocks of ``BASE`` steps. Then blocks double: the first
half of each reaches the second through a dense Toeplitz matrix of half its size, whose lags are all positive.
From ``BLOCK`` on, whole blocks reach later blocks in the same way. So nothing is ever multiplied by a step
of its future, not even by zero: a NaN there does not reach the past, and the past keeps its bits.
"""

# Shapes: B batch, D width, L length (a multiple of the block), K taps, c block, n blocks

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from longwave.ops.long_conv.recompute import (
    Gradients,
    Inputs,
    arithmetic_type,
    empty_gradients,
    recomputed_conv,
    write_product,
)

__all__ = ["direct_conv"]

BASE = 8
BLOCK = 64  # measured with 2 cores at B8-D256-L1024, 256 taps: 32 takes 17.5 ms, 64 14.8 ms, 128 18.1 ms


def direct_conv(
    u: Tensor,
    k: Tensor,
    skip: Tensor | None,
    gate_in: Tensor | None,
    gate_out: Tensor | None,
    bidirectional: bool,
) -> Tensor:
    """Compute ``long_conv`` in O(B D L K) time and O(B D L + D c^2) memory; arguments as there, checked."""
    algorithm = _Direct(arithmetic_type(u, k), bidirectional)
    return recomputed_conv(algorithm, Inputs(u, k, skip, gate_in, gate_out), bidirectional)


class _Direct:
    """Both passes; a filter that looks ahead is one that looks back on the signal turned around."""

    def __init__(self, dtype: torch.dtype, bidirectional: bool) -> None:
        self.dtype, self.bidirectional = dtype, bidirectional

    def forward(self, inputs: Inputs, kept: list[Tensor] | None = None) -> Tensor:  # noqa: ARG002
        y = torch.empty(inputs.u.shape, dtype=inputs.u.dtype, device=inputs.u.device)
        v = self._product(inputs.u, inputs.gate_in)
        write_product(self._apply(v, inputs, adjoint=False), inputs.gate_out, y)
        return y

    def gradients(
        self,
        inputs: Inputs,
        needs: tuple[bool, ...],
        grad: Tensor,
        kept: Sequence[Tensor] = (),  # noqa: ARG002
    ) -> Gradients:
        du, dgate_in, dgate_out = empty_gradients(inputs, needs)
        v, h = self._product(inputs.u, inputs.gate_in), self._product(grad, inputs.gate_out)
        if dgate_out is not None:
            write_product(self._apply(v, inputs, adjoint=False), grad, dgate_out)
        if du is not None or dgate_in is not None:
            dv = self._apply(h, inputs, adjoint=True)
            if du is not None:
                write_product(dv, inputs.gate_in, du)
            if dgate_in is not None:
                write_product(dv, inputs.u, dgate_in)
        dk = self._filter_gradient(v, h, inputs.k) if needs[1] else None
        skip = inputs.skip
        dskip = (v * h).sum((0, 2)).to(skip.dtype) if skip is not None and needs[2] else None
        return du, dk, dskip, dgate_in, dgate_out

    def _product(self, u: Tensor, gate: Tensor | None) -> Tensor:
        return u.to(self.dtype) if gate is None else u.to(self.dtype) * gate.to(self.dtype)

    def _apply(self, v: Tensor, inputs: Inputs, *, adjoint: bool) -> Tensor:
        """Convolve with all filters and the skip; the adjoint exchanges past and future."""
        k = inputs.k.to(self.dtype)
        back, ahead = (k[0], k[1]) if self.bidirectional else (k, None)
        if adjoint:
            y = _convolve(v.flip(-1), back).flip(-1)
            y = y if ahead is None else y + _convolve(v, ahead)
        else:
            y = _convolve(v, back)
            y = y if ahead is None else y + _convolve(v.flip(-1), ahead).flip(-1)
        return y if inputs.skip is None else torch.addcmul(y, v, inputs.skip.to(self.dtype)[:, None])

    def _filter_gradient(self, v: Tensor, h: Tensor, k: Tensor) -> Tensor:
        heads, taps = k.shape[-2:]
        dk = _correlate(v, h, taps)
        if self.bidirectional:
            dk = torch.stack([dk, _correlate(v.flip(-1), h.flip(-1), taps)])
        if heads != v.shape[1]:
            dk = torch.unflatten(dk, -2, (heads, -1)).sum(-2)
        return dk.to(k.dtype)


def _convolve(v: Tensor, k: Tensor) -> Tensor:
    """Return ``y[t] = sum_j k[j] v[t-j]``."""
    (_, width, seq_len), taps = v.shape, k.shape[-1]
    k = k.repeat_interleave(width // k.shape[0], dim=0)  # (D, K)
    if taps <= BASE:
        y = v * k[:, :1]
        for lag in range(1, taps):
            y[..., lag:].addcmul_(v[..., :-lag], k[:, lag : lag + 1])
        return y
    x = _by_channel(v, taps)  # (D, B, L)
    y = torch.empty_like(x)
    blocks, sums = torch.unflatten(x, -1, (-1, BASE)), torch.unflatten(y, -1, (-1, BASE))
    torch.mul(blocks, k[:, None, None, :1], out=sums)
    for lag in range(1, BASE):
        sums[..., lag:].addcmul_(blocks[..., :-lag], k[:, None, None, lag : lag + 1])
    for source, target, size, lag in _pairs(x, y, taps):
        product = torch.bmm(source.reshape(width, -1, size), _toeplitz(k, lag, size))
        target += product.view(target.shape)
    return y[..., :seq_len].transpose(0, 1)


def _correlate(v: Tensor, h: Tensor, taps: int) -> Tensor:
    """Return ``dk[j] = sum_{b,t} h[t] v[t-j]``, shape (D, K)."""
    width = v.shape[1]
    x, g = _by_channel(v, taps), _by_channel(h, taps)
    dk = x.new_zeros((width, max(taps, BASE) + 2 * max(BLOCK, BASE)))
    blocks, sums = torch.unflatten(x, -1, (-1, BASE)), torch.unflatten(g, -1, (-1, BASE))
    for lag in range(min(BASE, taps)):
        late, early = sums[..., lag:], blocks[..., : BASE - lag]
        dk[:, lag] = (late * early).sum((1, 2, 3))
    for source, target, size, lag in _pairs(x, g, taps):
        outer = torch.bmm(source.reshape(width, -1, size).mT, target.reshape(width, -1, size))
        dk[:, lag - size + 1 : lag + size] += _diagonal_sums(outer)
    return dk[:, :taps]


def _by_channel(v: Tensor, taps: int) -> Tensor:
    """Return the signal channel by channel, (D, B, L), with zeros up to whole blocks."""
    size = BASE
    while size < min(BLOCK, taps):
        size *= 2
    return F.pad(v.transpose(0, 1), (0, -v.shape[-1] % size)).contiguous()


def _pairs(x: Tensor, y: Tensor, taps: int) -> Iterator[tuple[Tensor, Tensor, int, int]]:
    """Yield blocks of ``x``, later blocks of ``y``, their size, and the lag between their starts."""
    size = BASE
    while size < min(BLOCK, taps):
        halves, sums = (torch.unflatten(z, -1, (-1, 2, size)) for z in (x, y))
        yield halves[..., 0, :], sums[..., 1, :], size, size
        size *= 2
    whole, sums = torch.unflatten(x, -1, (-1, size)), torch.unflatten(y, -1, (-1, size))
    for j in range(1, min(-(-(taps + size - 1) // size), whole.shape[-2])):
        yield whole[..., :-j, :], sums[..., j:, :], size, j * size


def _toeplitz(k: Tensor, lag: int, size: int) -> Tensor:
    """Return the matrices ``T[s, t] = k[lag + t - s]``, shape (D, c, c), with zeros where there is no tap."""
    first, last = lag - size + 1, lag + size  # the lags needed, end excluded
    taps = k[:, first : min(last, k.shape[-1])]
    taps = F.pad(taps, (0, last - first - taps.shape[-1]))
    return taps.unfold(-1, size, 1).flip(1)


def _diagonal_sums(outer: Tensor) -> Tensor:
    """Sum ``outer[:, s, t]`` over equal ``t - s``, from ``1 - c`` to ``c - 1``: shape (D, 2c - 1)."""
    size = outer.shape[-1]
    padded = F.pad(outer.flip(1), (0, size))  # row s of 2c: moved by s when read in rows of 2c - 1
    skewed = padded.flatten(1)[:, : size * (2 * size - 1)].view(-1, size, 2 * size - 1)
    return skewed.sum(1)

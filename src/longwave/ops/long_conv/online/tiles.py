"""Compute tiles: what some inputs of a stream contribute to some of its later outputs, by a short FFT."""

# Shapes: B batch, D width, H filters, R = B D / H rows of a filter, M inputs, N points, F = N // 2 + 1

from __future__ import annotations

import torch
from torch import Tensor

from longwave.ops.long_conv.online.schedules import Tile

__all__ = ["contribution", "filter_spectrum"]

# Points of one block of padded rows on a CPU, 2 MB in float32: the chain of transforms stays in the cache.
CPU_BLOCK = 2**19


def filter_spectrum(taps: Tensor, n_fft: int) -> Tensor:
    """Transform the first ``n_fft`` taps of filters (H, K) to (H, 1, F); the same for all tiles of a size."""
    spectrum: Tensor = torch.fft.rfft(taps, n=n_fft)
    return spectrum[:, None]


def contribution(inputs: Tensor, spectrum: Tensor, tile: Tile) -> Tensor:
    """Convolve a tile's inputs (H, R, M) with filters of spectrum (H, 1, F).

    Returns
    -------
    Tensor, shape (H, R, last - first)

    Notes
    -----
    Circular, of ``tile.n_fft`` points. Inputs fill ``0..M-1``, so that the sums that wrap around spoil
    positions up to ``M-2`` only; the outputs lie from M on. Half the points of a linear convolution.

    References
    ----------
    Section 3 of arXiv 2410.12982.
    """
    first, last = tile.first - tile.begin, tile.last - tile.begin
    heads, rows = inputs.shape[:2]
    step = heads if inputs.device.type != "cpu" else max(1, CPU_BLOCK // max(1, rows * tile.n_fft))
    if rows == 0:  # no transform has no rows
        return inputs.new_empty((heads, 0, last - first))
    if step >= heads:
        return _circular(inputs, spectrum, tile.n_fft)[..., first:last]
    out = torch.empty((heads, rows, last - first), dtype=inputs.dtype, device=inputs.device)
    for start in range(0, heads, step):
        part = slice(start, start + step)
        out[part] = _circular(inputs[part], spectrum[part], tile.n_fft)[..., first:last]
    return out


def _circular(inputs: Tensor, spectrum: Tensor, n_fft: int) -> Tensor:
    signal: Tensor = torch.fft.irfft(torch.fft.rfft(inputs, n=n_fft).mul_(spectrum), n=n_fft)
    return signal

"""The low Fourier modes of real fields, and fields of low modes, at any grid size.

What is unusual here

* only the modes that are kept are ever computed, axis by axis: a full transform would throw most away;
* few modes come by products with cosines and sines, which are faster than an FFT and know no bad sizes;
* nothing is shifted: mode ``-k`` of an axis of ``N`` points is its entry ``N - k``, for odd N as for even;
* modes stand before batch and channels, where a layer multiplies each of them by a matrix of its own.
"""

# Shapes: ... any axes before the grid, here batch and channels; N points of an axis, m modes of it
#         B batch, C channels, Q points of all axes before one, P points of all axes behind it

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from longwave.errors import ShapeError

__all__ = ["axis_modes", "check_grid", "from_axis_modes", "from_low_modes", "kept_shape", "low_modes"]

# Up to so many modes an axis, products are faster than FFTs. On a CPU (1 thread, 128 signals, there and
# back with gradients) products, FFTs of the kept modes, full FFTs: 64^2, m=8: 2.3, 8.8, 6.4 ms; 128^2, m=24:
# 25, 31, 38 ms; 256^2, m=24: 114, 239, 382 ms; m=64: 285, 218, 431 ms.
DENSE_MODES = 32


def kept_shape(n_modes: Sequence[int]) -> tuple[int, ...]:
    """Return how many coefficients are kept of each axis: ``2 m`` with signs, of the last axis ``m``."""
    return (*(2 * m for m in n_modes[:-1]), n_modes[-1])


def check_grid(sizes: Sequence[int], n_modes: Sequence[int]) -> None:
    """Refuse a grid that cannot show the modes.

    Raises
    ------
    ShapeError
        If an axis has fewer than ``2 m`` points, or the last one fewer than ``2 m - 1``.
    """
    least = (*(2 * m for m in n_modes[:-1]), 2 * n_modes[-1] - 1)
    if len(sizes) != len(n_modes) or any(n < low for n, low in zip(sizes, least, strict=True)):
        raise ShapeError(
            f"A grid of {_times(sizes)} points cannot show {_times(n_modes)} modes; it takes at least "
            f"{_times(least)}. Keep fewer modes or evaluate on a finer grid."
        )


def low_modes(x: Tensor, n_modes: Sequence[int]) -> Tensor:
    """Compute the low Fourier modes of real fields.

    Parameters
    ----------
    x : Tensor, shape (..., N_1, ..., N_D)
        Real, float32 or float64.
    n_modes : sequence of int
        ``m`` of each axis.

    Returns
    -------
    Tensor, shape (2 m_1, ..., 2 m_(D-1), m_D, ...)
        Complex: the coefficients ``sum_i x_i exp(-2 pi i (k . i / N))``, for each axis but the last in the
        order ``k = 0 ... m-1, -m ... -1``, for the last ``0 ... m-1``; the others of a real field are their
        conjugates.

    Raises
    ------
    ShapeError
        As ``check_grid``.
    """
    check_grid(x.shape[x.ndim - len(n_modes) :], n_modes)
    return _low_by_products(x, n_modes) if _is_few(n_modes) else _low_by_fft(x, n_modes)


def from_low_modes(z: Tensor, sizes: Sequence[int]) -> Tensor:
    """Compute the real fields of low Fourier modes; all other modes are zero.

    Parameters
    ----------
    z : Tensor, shape (2 m_1, ..., 2 m_(D-1), m_D, ...)
        Complex, as ``low_modes`` returns them.
    sizes : sequence of int
        Points of each axis.

    Returns
    -------
    Tensor, shape (..., N_1, ..., N_D)

    Raises
    ------
    ShapeError
        As ``check_grid``.

    Notes
    -----
    The real part of the inverse transform of ``z`` and the conjugates it stands for. Where the last axis has
    ``k = 0``, both signs of the other axes stand in ``z``, and the field takes their mean ``(z_k + ~z_-k) /
    2``: of mode 0 the real part, of mode ``-m``, whose partner is not kept, one half.
    """
    n_signed = len(sizes) - 1
    n_modes = (*(kept // 2 for kept in z.shape[:n_signed]), z.shape[n_signed])
    check_grid(sizes, n_modes)
    z = z.movedim(n_signed, -1)  # (2 m_1, ..., 2 m_(D-1), ..., m_D)
    return _field_by_products(z, sizes) if _is_few(n_modes) else _field_by_fft(z, sizes)


def axis_modes(lines: Tensor, m: int) -> Tensor:
    """Compute the low Fourier modes of one axis of real fields.

    Parameters
    ----------
    lines : Tensor, shape (B, C, Q, N, P)
        Real, float32 or float64.
    m : int

    Returns
    -------
    Tensor, shape (m, C, B, Q, P)
        Complex: the frequencies ``0 ... m-1``.

    Raises
    ------
    ShapeError
        As ``check_grid``.
    """
    n = lines.shape[3]
    check_grid((n,), (m,))
    if not _is_few((m,)):
        spectrum: Tensor = torch.fft.rfft(lines, dim=3)
        return spectrum.narrow(3, 0, m).permute(3, 1, 0, 2, 4)
    pairs = _along(lines, _matrix("half_analysis", n, m, lines.dtype, lines.device))  # (B, C, Q, 2 m, P)
    return torch.view_as_complex(torch.unflatten(pairs, 3, (m, 2)).permute(3, 1, 0, 2, 5, 4).contiguous())


def from_axis_modes(z: Tensor, n: int) -> Tensor:
    """Compute the real fields of low modes of one axis: (m, C, B, Q, P) to (B, C, Q, n, P).

    The imaginary part of mode 0 is left out. Errors are those of ``check_grid``.
    """
    m, pairs = len(z), torch.view_as_real(z)
    check_grid((n,), (m,))
    if _is_few((m,)):
        parts = pairs.permute(2, 1, 3, 0, 5, 4).flatten(3, 4)  # (B, C, Q, 2 m, P)
        return _along(parts, _matrix("half_synthesis", n, m, pairs.dtype, z.device))  # (B, C, Q, n, P)
    real = torch.view_as_complex(pairs * _real_mean(m, pairs)[:, None, None, None, None])
    field: Tensor = torch.fft.irfft(real.permute(2, 1, 3, 0, 4), n=n, dim=3)
    return field


def _along(lines: Tensor, matrix: Tensor) -> Tensor:
    """Multiply one axis by a matrix: (B, C, Q, N, P) and (N, M) to (B, C, Q, M, P)."""
    if lines.shape[-1] == 1:
        return (lines[..., 0] @ matrix)[..., None]
    return matrix.mT @ lines


def _is_few(n_modes: Sequence[int]) -> bool:
    return max(n_modes) <= DENSE_MODES


def _low_by_products(x: Tensor, n_modes: Sequence[int]) -> Tensor:
    n, m = x.shape[-1], n_modes[-1]
    pairs = x @ _matrix("half_analysis", n, m, x.dtype, x.device)  # (..., N_1, ..., 2 m_D)
    z = torch.view_as_complex(torch.unflatten(pairs, -1, (m, 2)))
    for m in reversed(n_modes[:-1]):  # the axis stands before the last; its modes go first
        matrix = _matrix("signed_analysis", z.shape[-2], m, z.dtype, x.device)
        z = torch.tensordot(matrix, z, dims=([1], [z.ndim - 2]))
    return torch.movedim(z, -1, len(n_modes) - 1)


def _field_by_products(z: Tensor, sizes: Sequence[int]) -> Tensor:
    for n in sizes[:-1]:  # modes stand first; their axis goes last, behind m_D
        matrix = _matrix("signed_synthesis", n, z.shape[0] // 2, z.dtype, z.device)
        z = torch.tensordot(z, matrix, dims=([0], [1]))
    place, m = z.ndim - len(sizes), z.shape[z.ndim - len(sizes)]
    pairs = torch.view_as_real(z.movedim(place, -1).contiguous()).flatten(-2)  # (..., N_1, ..., 2 m_D)
    field: Tensor = pairs @ _matrix("half_synthesis", sizes[-1], m, pairs.dtype, z.device)
    return field


def _low_by_fft(x: Tensor, n_modes: Sequence[int]) -> Tensor:
    z = torch.fft.rfft(x)[..., : n_modes[-1]]
    for axis, m in enumerate(n_modes[:-1], start=x.ndim - len(n_modes)):
        whole = torch.fft.fft(z, dim=axis)
        z = torch.cat([whole.narrow(axis, 0, m), whole.narrow(axis, whole.shape[axis] - m, m)], axis)
    axes = tuple(range(x.ndim - len(n_modes), x.ndim))
    return torch.movedim(z, axes, tuple(range(len(n_modes))))


def _field_by_fft(z: Tensor, sizes: Sequence[int]) -> Tensor:
    n_signed = len(sizes) - 1
    z = z.movedim(tuple(range(n_signed)), tuple(range(-1 - n_signed, -1)))  # (..., 2 m_1, ..., m_D)
    for axis, n in enumerate(sizes[:-1], start=z.ndim - len(sizes)):
        m = z.shape[axis] // 2
        between = z.new_zeros(*z.shape[:axis], n - 2 * m, *z.shape[axis + 1 :])
        z = torch.cat([z.narrow(axis, 0, m), between, z.narrow(axis, m, m)], axis)
        z = torch.fft.ifft(z, dim=axis)
    pairs = torch.view_as_real(z)
    real = torch.view_as_complex(pairs * _real_mean(z.shape[-1], pairs))
    field: Tensor = torch.fft.irfft(real, n=sizes[-1])
    return field


def _real_mean(m: int, pairs: Tensor) -> Tensor:
    """Return (m, 2): 1 for each part of the modes but 0 for the imaginary part of the first.

    An inverse transform ignores that part, or, on some devices, promises nothing about it.
    """
    mask: Tensor = _matrix("real_mean", 2, m, pairs.dtype, pairs.device)
    return mask


def _matrix(kind: str, n: int, m: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    if torch.compiler.is_compiling():  # no cache in a graph, which has its own ways
        return _build(kind, n, m, dtype, device)
    return _kept_matrix(kind, n, m, dtype, device)


@functools.lru_cache(maxsize=128)
def _kept_matrix(kind: str, n: int, m: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False), torch.no_grad():  # or later training could not use it
        return _build(kind, n, m, dtype, torch.device("cpu")).to(device)


def _build(kind: str, n: int, m: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return a matrix of numbers that are rounded once, from float64."""
    return _MATRICES[kind](n, m, device).contiguous().to(dtype)


def _half_analysis(n: int, m: int, device: torch.device) -> Tensor:
    """Return (N, 2 m): real and imaginary parts of ``exp(-2 pi i k i / N)``, side by side."""
    return torch.view_as_real(_waves(torch.arange(m, device=device), n)).movedim(1, 0).flatten(1)


def _half_synthesis(n: int, m: int, device: torch.device) -> Tensor:
    """Return (2 m, N): what the parts of the modes, and of their conjugates, add to the points."""
    k = torch.arange(m, device=device)
    times = torch.where(k == 0, 1.0, 2.0).double() / n
    return (torch.view_as_real(_waves(k, n)) * times[:, None, None]).movedim(-1, 1).flatten(0, 1)


def _signed_analysis(n: int, m: int, device: torch.device) -> Tensor:
    """Return (2 m, N), complex: ``exp(-2 pi i k i / N)``, k = 0 ... m-1, -m ... -1."""
    return _waves(torch.cat([torch.arange(m, device=device), torch.arange(-m, 0, device=device)]), n)


def _signed_synthesis(n: int, m: int, device: torch.device) -> Tensor:
    """Return (N, 2 m), complex: the inverse of ``_signed_analysis`` on its span."""
    return _signed_analysis(n, m, device).mH / n


def _mean_mask(n: int, m: int, device: torch.device) -> Tensor:
    """Return (m, n), n = 2: ones, but 0 for the imaginary part of mode 0."""
    is_left_out = (torch.arange(m, device=device)[:, None] == 0) & (torch.arange(n, device=device) == 1)
    return torch.where(is_left_out, 0.0, 1.0)


def _waves(k: Tensor, n: int) -> Tensor:
    # The angle is reduced in whole numbers, where it is exact.
    angle = (k[:, None] * torch.arange(n, device=k.device) % n).double() * (-2 * math.pi / n)
    return torch.polar(torch.ones_like(angle), angle)


_MATRICES = {
    "half_analysis": _half_analysis,
    "half_synthesis": _half_synthesis,
    "signed_analysis": _signed_analysis,
    "signed_synthesis": _signed_synthesis,
    "real_mean": _mean_mask,
}


def _times(sizes: Sequence[int]) -> str:
    return " x ".join(map(str, sizes))

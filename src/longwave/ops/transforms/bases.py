"""Real orthonormal bases on a grid, as matrices whose rows are sorted by frequency."""

# Shapes: N points of an axis, m modes kept

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from longwave.errors import ShapeError, UnknownName

__all__ = ["BASES", "basis_matrix", "check_basis", "check_modes_fit", "frequencies"]

BASES = ("dct", "hartley", "rfft")


def check_basis(kind: str) -> None:
    """Raise UnknownName unless there is such a basis."""
    if kind not in BASES:
        raise UnknownName("basis", kind, BASES)


def check_modes_fit(modes: int, n: int) -> None:
    """Raise ShapeError unless 1 <= modes <= n."""
    if not 1 <= modes <= n:
        raise ShapeError(
            f"{modes} modes were asked of an axis of {n} points, which has 1 to {n}. "
            f"Keep fewer modes or take a finer grid."
        )


def frequencies(kind: str, modes: int) -> Tensor:
    """Return the frequency of each mode in cycles over the whole axis.

    Parameters
    ----------
    kind : {"dct", "hartley", "rfft"}
    modes : int

    Returns
    -------
    Tensor, shape (m,)
        float64: ``0, 1/2, 1, 3/2, ...`` of a cosine basis, ``0, 1, 1, 2, 2, ...`` of the periodic ones.

    Raises
    ------
    UnknownName
        If there is no such basis.
    """
    check_basis(kind)
    index = torch.arange(modes, dtype=torch.float64)
    return index / 2 if kind == "dct" else (index / 2).ceil()


def basis_matrix(
    kind: str,
    n: int,
    modes: int | None = None,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Return the first rows of an orthonormal basis; ``basis @ x`` are coefficients of a signal.

    Parameters
    ----------
    kind : {"dct", "hartley", "rfft"}
        ``"dct"``: cosines of half cycles, for fields that end at a boundary. ``"hartley"`` and ``"rfft"``:
        whole cycles, for periodic fields.
    n : int
        Points of the axis.
    modes : int, optional
        Rows, from the lowest frequency on; default all ``n``.
    dtype, device
        Of the result, which is rounded from float64.

    Returns
    -------
    Tensor, shape (m, N)
        Kept for the next call; do not write into it.

    Raises
    ------
    UnknownName
        If there is no such basis.
    ShapeError
        If there are not between 1 and ``n`` modes.

    Notes
    -----
    With ``i = 0 ... N-1``, rows in this order:

    * ``"dct"`` (type II): ``s_k cos(pi k (2i+1) / 2N)``, ``s_0 = sqrt(1/N)``, else ``sqrt(2/N)``;
    * ``"rfft"``: ``sqrt(1/N)``; then ``sqrt(2/N) cos(2 pi k i/N)`` and ``-sqrt(2/N) sin(2 pi k i/N)`` for
      ``k = 1, 2, ...``, which are real and imaginary parts of the FFT; for even N last ``(-1)^i sqrt(1/N)``;
    * ``"hartley"``: ``cas(2 pi k i/N) / sqrt(N)``, ``cas = cos + sin``, for ``k = 0, 1, -1, 2, -2, ...``.

    The first ``m`` rows are a low-pass. An odd ``m`` spans the Fourier modes ``|k| <= (m-1)/2``. An even
    ``m < N`` cuts the last pair in two: of frequency ``m/2`` the cosine alone is kept (``"rfft"``), or
    ``cas(2 pi k i/N)`` alone (``"hartley"``), and a shift of the field no longer stays in the span.

    Examples
    --------
    >>> basis_matrix("rfft", 4, 3).round(decimals=3)
    tensor([[ 0.5000,  0.5000,  0.5000,  0.5000],
            [ 0.7070,  0.0000, -0.7070, -0.0000],
            [-0.0000, -0.7070, -0.0000,  0.7070]])
    """
    modes = n if modes is None else modes
    check_basis(kind)
    check_modes_fit(modes, n)
    if torch.compiler.is_compiling():  # no cache in a graph, which has its own ways
        return _build(kind, n, modes, torch.device(device)).to(dtype)
    return _cached_matrix(kind, n, modes, dtype, torch.device(device))


@functools.lru_cache(maxsize=64)
def _cached_matrix(kind: str, n: int, modes: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    with torch.inference_mode(False), torch.no_grad():  # or later training could not use it
        return _build(kind, n, modes, torch.device("cpu")).to(device=device, dtype=dtype)


def _build(kind: str, n: int, modes: int, device: torch.device) -> Tensor:
    rows = torch.arange(modes, device=device)[:, None]
    points = torch.arange(n, device=device)[None]
    return {"dct": _cosines, "hartley": _cas, "rfft": _pairs}[kind](rows, points, n)


def _cosines(rows: Tensor, points: Tensor, n: int) -> Tensor:
    # The angle is reduced in whole numbers, where it is exact.
    cosines = torch.cos((rows * (2 * points + 1) % (4 * n)).double() * (math.pi / (2 * n)))
    return cosines * _norms(rows > 0, n)


def _pairs(rows: Tensor, points: Tensor, n: int) -> Tensor:
    k = (rows + 1) // 2
    angle = _angle(k, points, n)
    matrix = torch.where((rows % 2 == 1) | (k == 0), torch.cos(angle), -torch.sin(angle))
    return matrix * _norms((k > 0) & (2 * k < n), n)


def _cas(rows: Tensor, points: Tensor, n: int) -> Tensor:
    k = (rows + 1) // 2 * torch.where(rows % 2 == 1, 1, -1)
    angle = _angle(k, points, n)
    return (torch.cos(angle) + torch.sin(angle)) / math.sqrt(n)


def _angle(k: Tensor, points: Tensor, n: int) -> Tensor:
    return (k * points % n).double() * (2 * math.pi / n)


def _norms(is_oscillating: Tensor, n: int) -> Tensor:
    return ((1 + is_oscillating.double()) / n).sqrt()

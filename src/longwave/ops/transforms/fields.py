"""Transforms of fields over one to three axes, truncated to the lowest modes, and back to any grid."""

# Shapes: N points of an axis, m modes kept

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from longwave.errors import ShapeError
from longwave.ops.transforms.bases import basis_matrix, check_basis, check_modes_fit
from longwave.ops.transforms.fast import fft_inverse, fft_transform

__all__ = ["crop_modes", "dct", "idct", "inverse", "pad_modes", "transform"]

# Up to so many modes the matrix product beats the FFT, at any N from 32 to 4096 (one CPU thread, float32).
DENSE_MODES = {"dct": 192, "hartley": 192, "rfft": 64}


def dct(x: Tensor, dim: int = -1) -> Tensor:
    """Compute the orthonormal cosine transform (DCT-II) along one axis.

    Parameters
    ----------
    x : Tensor
        Real, any size along ``dim``.
    dim : int

    Returns
    -------
    Tensor
        Coefficients, lowest frequency first, in the shape and type of ``x``.

    Raises
    ------
    ShapeError
        If ``x`` is not real or has no points along ``dim``.

    Notes
    -----
    ``z_k = s_k sum_i x_i cos(pi k (2i+1) / 2N)`` with ``s_0 = sqrt(1/N)``, else ``sqrt(2/N)``. The transform
    keeps lengths and angles, and ``idct`` is its inverse and its transpose. Half types are computed in
    float32, also under autocast. Differentiable any number of times.

    Examples
    --------
    >>> dct(torch.ones(4))
    tensor([2., 0., 0., 0.])
    """
    return transform(x, "dct", dims=(dim,))


def idct(x: Tensor, dim: int = -1) -> Tensor:
    """Invert ``dct``: the orthonormal DCT-III along one axis.

    Parameters
    ----------
    x : Tensor
        Coefficients, any number along ``dim``.
    dim : int

    Returns
    -------
    Tensor
        The signal, in the shape and type of ``x``.

    Raises
    ------
    ShapeError
        If ``x`` is not real or has no coefficients along ``dim``.
    """
    _check_field(x, (dim,))
    return inverse(x, "dct", (x.shape[dim],), dims=(dim,))


def transform(
    x: Tensor, basis: str, modes: int | Sequence[int] | None = None, *, dims: Sequence[int] | None = None
) -> Tensor:
    """Compute the lowest coefficients of fields along several axes.

    Parameters
    ----------
    x : Tensor, shape (B, C, N_1, ..., N_d), or any with ``dims``
        Real.
    basis : {"dct", "hartley", "rfft"}
        See ``basis_matrix``.
    modes : int or sequence of int, optional
        Modes kept of each axis, from the lowest frequency on; default all.
    dims : sequence of int, optional
        Axes to transform; default all after the first two.

    Returns
    -------
    Tensor, shape (B, C, m_1, ..., m_d)
        In the type of ``x``.

    Raises
    ------
    UnknownName
        If there is no such basis.
    ShapeError
        If ``x`` is not real, or there are more modes than points.

    Notes
    -----
    One axis at a time, the last one first. Few modes (up to 192; up to 64 with ``"rfft"``) are a product with
    an ``m x N`` matrix, O(m N), which is faster there than an FFT at any N; more are an FFT, O(N log N). Half
    types are computed in float32, also under autocast. All coefficients together have the norm of the field
    (Parseval).
    """
    check_basis(basis)
    axes = _check_field(x, dims)
    kept = _per_axis(modes, axes, [x.shape[axis] for axis in axes])
    with torch.autocast(x.device.type, enabled=False):
        z = x.to(torch.promote_types(x.dtype, torch.float32))
        for axis, count in reversed(list(zip(axes, kept, strict=True))):
            z = _transform_axis(z, basis, count, axis)
        return z.to(x.dtype)


def inverse(
    z: Tensor, basis: str, sizes: int | Sequence[int], *, dims: Sequence[int] | None = None
) -> Tensor:
    """Compute fields from their lowest coefficients; the other coefficients are zero.

    Parameters
    ----------
    z : Tensor, shape (B, C, m_1, ..., m_d), or any with ``dims``
        Coefficients on a grid of these sizes.
    basis : {"dct", "hartley", "rfft"}
    sizes : int or sequence of int
        Points of each axis of the result, at least as many as modes.
    dims : sequence of int, optional
        Axes to transform; default all after the first two.

    Returns
    -------
    Tensor, shape (B, C, N_1, ..., N_d)
        In the type of ``z``.

    Raises
    ------
    UnknownName
        If there is no such basis.
    ShapeError
        If ``z`` is not real, or there are more modes than points.

    Notes
    -----
    The transpose of ``transform``. To bring coefficients from one grid to another, use ``rescale``.
    """
    check_basis(basis)
    axes = _check_field(z, dims)
    points = _per_axis(sizes, axes, [z.shape[axis] for axis in axes])
    with torch.autocast(z.device.type, enabled=False):
        x = z.to(torch.promote_types(z.dtype, torch.float32))
        for axis, n in zip(axes, points, strict=True):
            x = _inverse_axis(x, basis, n, axis)
        return x.to(z.dtype)


def crop_modes(z: Tensor, modes: Sequence[int]) -> Tensor:
    """Return a view of the lowest coefficients along the last axes, as many of each as ``modes`` says."""
    for axis, count in enumerate(modes, start=z.dim() - len(modes)):
        z = z.narrow(axis, 0, count)
    return z


def pad_modes(z: Tensor, modes: Sequence[int]) -> Tensor:
    """Append zeros as coefficients along the last axes, until there are as many of each as ``modes`` says."""
    missing = [count - there for count, there in zip(modes, z.shape[-len(modes) :], strict=True)]
    return F.pad(z, [pad for count in reversed(missing) for pad in (0, count)])


def _transform_axis(x: Tensor, basis: str, modes: int, axis: int) -> Tensor:
    n = x.shape[axis]
    check_modes_fit(modes, n)
    if modes <= DENSE_MODES[basis]:
        return _apply(basis_matrix(basis, n, modes, dtype=x.dtype, device=x.device), x, axis)
    return fft_transform(x.movedim(axis, -1), basis)[..., :modes].movedim(-1, axis)


def _inverse_axis(z: Tensor, basis: str, n: int, axis: int) -> Tensor:
    modes = z.shape[axis]
    check_modes_fit(modes, n)
    if modes <= DENSE_MODES[basis]:
        return _apply(basis_matrix(basis, n, modes, dtype=z.dtype, device=z.device).mT, z, axis)
    return fft_inverse(pad_modes(z.movedim(axis, -1), (n,)), basis).movedim(-1, axis)


def _apply(matrix: Tensor, x: Tensor, axis: int) -> Tensor:
    """Multiply one axis of a tensor by a matrix."""
    if axis == x.dim() - 1:
        return x @ matrix.mT
    return (matrix @ x.flatten(axis + 1)).reshape(*x.shape[:axis], -1, *x.shape[axis + 1 :])


def _check_field(x: Tensor, dims: Sequence[int] | None) -> list[int]:
    """Return the axes to transform, counted from the front."""
    axes = [dim % x.dim() for dim in dims] if dims is not None and x.dim() else list(range(2, x.dim()))
    if not x.is_floating_point() or not axes or any(x.shape[axis] == 0 for axis in axes):
        raise ShapeError(
            f"A transform takes real tensors with at least one point an axis, not {x.dtype} of shape "
            f"{tuple(x.shape)}. Give fields as (batch, channels, *grid), or name the axes with dims."
        )
    return axes


def _per_axis(counts: int | Sequence[int] | None, axes: Sequence[int], default: Sequence[int]) -> list[int]:
    if counts is None:
        return list(default)
    given = [counts] * len(axes) if isinstance(counts, int) else list(counts)
    if len(given) != len(axes):
        raise ShapeError(
            f"{len(given)} numbers {given} were given for {len(axes)} axes. Give one number, or one an axis."
        )
    return given

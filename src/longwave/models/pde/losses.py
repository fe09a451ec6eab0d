"""Relative L2 losses of fields, on the grid and, the same number, on coefficients."""

# Shapes: B batch, C channels, m_d modes of axis d

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from longwave.errors import ShapeError
from longwave.models.pde.selection import as_box
from longwave.ops.transforms import crop_modes, transform

__all__ = ["TargetCoefficients", "coefficient_relative_l2", "relative_l2", "target_coefficients"]

CHUNK = 2**24  # numbers transformed at a time


@dataclass(frozen=True)
class TargetCoefficients:
    """What a loss on coefficients needs of targets: computed once for a data set, and indexed like it.

    Parameters
    ----------
    kept : Tensor, shape (B, C, *n_modes)
        The lowest coefficients.
    dropped, norm : Tensor, shape (B,)
        Norm of the other coefficients, and of all.
    """

    kept: Tensor
    dropped: Tensor
    norm: Tensor

    def __len__(self) -> int:
        return len(self.kept)

    def __getitem__(self, samples: slice | Tensor) -> TargetCoefficients:
        return TargetCoefficients(self.kept[samples], self.dropped[samples], self.norm[samples])

    def to(self, device: torch.device | str) -> TargetCoefficients:
        """Return the same on another device."""
        return TargetCoefficients(self.kept.to(device), self.dropped.to(device), self.norm.to(device))


def relative_l2(prediction: Tensor, target: Tensor) -> Tensor:
    """Return the mean over samples of ``|| prediction - target || / || target ||``.

    Parameters
    ----------
    prediction, target : Tensor, shape (B, C, *grid)

    Returns
    -------
    Tensor, shape ()
        In float32 or wider. A target that is zero everywhere makes it infinite.

    Raises
    ------
    ShapeError
        If shapes differ; nothing is broadcast.

    Examples
    --------
    >>> relative_l2(torch.tensor([[[3.0, 0.0]]]), torch.tensor([[[3.0, 4.0]]]))
    tensor(0.8000)
    """
    if prediction.shape != target.shape or prediction.dim() < 2:
        raise ShapeError(
            f"The prediction has shape {tuple(prediction.shape)} and the target {tuple(target.shape)}; they "
            "must be equal: (batch, channels, *grid)."
        )
    dtype = torch.promote_types(torch.promote_types(prediction.dtype, target.dtype), torch.float32)
    prediction, target = prediction.to(dtype).flatten(1), target.to(dtype).flatten(1)
    return (_norm(prediction - target, 1) / _norm(target, 1)).mean()


def target_coefficients(
    targets: Tensor, n_modes: int | Sequence[int] | None, basis: str
) -> TargetCoefficients:
    """Transform targets once for ``coefficient_relative_l2``.

    Parameters
    ----------
    targets : Tensor, shape (B, C, *grid)
        At full resolution.
    n_modes : int or sequence of int, optional
        The model's modes; None for a model that keeps all (``keep_high``).
    basis : {"dct", "hartley", "rfft"}

    Returns
    -------
    TargetCoefficients
        In the type of the targets.

    Raises
    ------
    UnknownName, ShapeError
        As ``longwave.ops.transforms.transform``.

    Notes
    -----
    The norm of what is dropped is the norm of the rest of the full transform, in float64.
    """
    box = tuple(targets.shape[2:]) if n_modes is None else as_box(n_modes, targets.shape[2:])
    parts = []
    for chunk in torch.split(targets, max(1, CHUNK // max(targets[:1].numel(), 1))):
        z = transform(chunk.double(), basis)
        norm = _norm(z.flatten(1), 1)
        kept = crop_modes(z, box).clone()
        crop_modes(z, box).zero_()
        parts.append((kept, _norm(z.flatten(1), 1), norm))
    columns = (torch.cat(column).to(targets.dtype) for column in zip(*parts, strict=True))
    return TargetCoefficients(*columns)


def coefficient_relative_l2(prediction: Tensor, target: TargetCoefficients) -> Tensor:
    """Return ``relative_l2`` of the fields that coefficients stand for, without computing them.

    Parameters
    ----------
    prediction : Tensor, shape (B, C, *n_modes)
        As ``T1.coefficients`` gives them; zeros above.
    target : TargetCoefficients
        Of the same batch, basis, modes and grid.

    Returns
    -------
    Tensor, shape ()
        In float32 or wider.

    Raises
    ------
    ShapeError
        If shapes differ.

    Notes
    -----
    The transform is orthonormal: ``|| y - T^-1 z ||^2 = || S T y - z ||^2 + || (1 - S) T y ||^2``. The second
    part is what the modes drop. It has no gradient, but sets the scale of the first.
    """
    if prediction.shape != target.kept.shape:
        raise ShapeError(
            f"The coefficients have shape {tuple(prediction.shape)} and those of the targets "
            f"{tuple(target.kept.shape)}; they must be equal. Transform the targets with the model's modes."
        )
    dtype = torch.promote_types(torch.promote_types(prediction.dtype, target.kept.dtype), torch.float32)
    difference = (prediction.to(dtype) - target.kept.to(dtype)).flatten(1)
    # Norm of a norm: unlike a square root, its gradient is 0, not NaN, where everything is hit.
    errors = _norm(torch.stack([_norm(difference, 1), target.dropped.to(dtype)]), 0)
    return (errors / target.norm.to(dtype)).mean()


def _norm(x: Tensor, dim: int) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(x, dim=dim)
    return norm

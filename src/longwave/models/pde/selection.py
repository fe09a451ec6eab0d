"""Which modes to keep: spectra of a data set, and the error that no model on these modes can go below."""

# Shapes: n samples, C channels, N points of an axis, m modes kept

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor

from longwave.errors import ConfigError, DataError, ShapeError
from longwave.models.pde.base import MAX_DIMS
from longwave.ops.transforms import crop_modes, transform

__all__ = [
    "as_box",
    "box_of",
    "check_fields",
    "check_goal",
    "choose_basis",
    "irreducible_loss",
    "kept_energy",
    "low_pass_box",
    "mode_energy",
    "top_modes",
]

logger = logging.getLogger(__name__)

CHUNK = 2**22  # numbers transformed at a time, in float64
Candidate = Literal["dct", "rfft"]  # Hartley modes span what packed Fourier modes span
CANDIDATES: tuple[Candidate, ...] = ("dct", "rfft")
ROUNDING = 1e-6  # losses below it are those of float32
ADVICE = "Keep more modes, or let choose_basis find a better basis."
HOPELESS = 0.5  # of the goal: above it, half the error is lost before training


def check_fields(fields: Tensor, name: str = "fields") -> None:
    """Refuse fields that no transform can learn from.

    Parameters
    ----------
    fields : Tensor, shape (n, C, *grid)
    name : str
        What messages call them.

    Raises
    ------
    ShapeError
        If there are no samples, not 1 to 3 axes, or an axis of a single point.
    DataError
        If a value is not finite; the message names the sample.
    """
    grid = fields.shape[2:]
    is_field = 1 <= len(grid) <= MAX_DIMS and min(grid) > 1 and fields.is_floating_point()
    if not is_field or fields.numel() == 0:
        raise ShapeError(
            f"{name} have shape {tuple(fields.shape)} and type {fields.dtype}; they must be real fields "
            "of shape (samples, channels, *grid) with 1 to 3 axes of at least 2 points. Leave out an axis of "
            "one point."
        )
    finite = fields.isfinite().flatten(2).all(-1)  # (n, C)
    if not bool(finite.all()):
        sample, channel = (int(i) for i in (~finite).nonzero()[0])
        count = int((~finite).any(1).sum())
        raise DataError(
            f"Sample {sample} of {name} is not finite (NaN or infinity) in channel {channel}; {count} of "
            f"{len(fields)} samples are affected. Leave them out, or look into the solver that made them."
        )


def as_box(n_modes: int | Sequence[int], grid: Sequence[int]) -> tuple[int, ...]:
    """Return the modes of each axis of a grid.

    Raises
    ------
    ShapeError
        If an axis has fewer points than modes, or their numbers differ.
    """
    box = (n_modes,) * len(grid) if isinstance(n_modes, int) else tuple(n_modes)
    if len(box) != len(grid) or any(not 1 <= m <= n for m, n in zip(box, grid, strict=True)):
        raise ShapeError(
            f"A box of {box} modes does not fit a grid of {tuple(grid)} points. Give 1 up to as many modes "
            "as points for each axis."
        )
    return box


def mode_energy(fields: Tensor, basis: str) -> Tensor:
    """Return each mode's mean share of a sample's energy, shape (*grid), float64; shares sum to 1.

    Raises
    ------
    DataError
        If a sample is zero everywhere.
    """
    return torch.stack([share.sum(0) for share in _shares(fields, basis)]).sum(0) / len(fields)


def irreducible_loss(
    fields: Tensor, n_modes: int | Sequence[int], basis: str = "dct", *, kept: Sequence[int] | None = None
) -> float:
    """Return the relative L2 error that fields lose by keeping some modes only.

    Parameters
    ----------
    fields : Tensor, shape (n, C, *grid)
        What a model is to predict.
    n_modes : int or sequence of int
        Box of the lowest modes.
    basis : {"dct", "hartley", "rfft"}
    kept : sequence of int, optional
        Places in the box, row by row, of the modes to keep; default all of it.

    Returns
    -------
    float
        ``mean_b || y_b - P y_b || / || y_b ||``. No model whose output lies in these modes has a smaller mean
        relative L2 error on the same fields.

    Raises
    ------
    ShapeError
        If there are more modes than points.
    DataError
        If a sample is zero everywhere.

    Examples
    --------
    >>> wave = torch.cos(torch.pi * 3 * (torch.arange(16) + 0.5) / 16)[None, None]
    >>> round(irreducible_loss(wave, 3), 6), round(irreducible_loss(wave, 4), 6)
    (1.0, 0.0)
    """
    lost = [_dropped(share, n_modes, kept).sqrt() for share in _shares(fields, basis)]
    return float(torch.cat(lost).mean())


def kept_energy(
    fields: Tensor, n_modes: int | Sequence[int], basis: str = "dct", *, kept: Sequence[int] | None = None
) -> float:
    """Return the mean share of a sample's energy that modes keep, given as to ``irreducible_loss``."""
    lost = [_dropped(share, n_modes, kept) for share in _shares(fields, basis)]
    return 1 - float(torch.cat(lost).mean())


def choose_basis(
    fields: Tensor, n_modes: int | Sequence[int] | None = None, *, energy: float | None = None
) -> Candidate:
    """Return the basis in which fields lose least: ``"dct"`` or ``"rfft"``.

    Parameters
    ----------
    fields : Tensor, shape (n, C, *grid)
    n_modes : int or sequence of int, optional
        Modes of each axis; default a quarter of the points, at least 2.
    energy : float, optional
        Instead: the share of energy to keep. The basis of the smaller box wins, then the smaller loss.

    Returns
    -------
    str
        ``"dct"`` when both lose the same.

    Raises
    ------
    DataError, ShapeError
        As ``irreducible_loss``.
    """
    grid = fields.shape[2:]

    def cost(basis: Candidate) -> tuple[int, float]:
        box = n_modes if n_modes is not None else [min(n, max(2, n // 4)) for n in grid]
        if n_modes is None and energy is not None:
            box = low_pass_box(fields, basis, energy)
        return math.prod(as_box(box, grid)), max(irreducible_loss(fields, box, basis), ROUNDING)

    return min(CANDIDATES, key=cost)


def low_pass_box(fields: Tensor, basis: str, energy: float) -> tuple[int, ...]:
    """Return the smallest box of lowest modes that keeps a share of the energy, in the mean over samples.

    Parameters
    ----------
    fields : Tensor, shape (n, C, *grid)
    basis : {"dct", "hartley", "rfft"}
    energy : float
        Above 0, up to 1; the error of what is left is about ``sqrt(1 - energy)``.

    Returns
    -------
    tuple of int
        Modes of each axis: of the boxes with the fewest modes, the one that keeps most.

    Raises
    ------
    ConfigError
        If the share is out of range.
    """
    if not 0 < energy <= 1:
        raise ConfigError(f'"energy" is {energy}; a share of energy is above 0 and up to 1, such as 0.999.')
    inside = mode_energy(fields, basis)
    for axis in range(inside.dim()):
        inside = inside.cumsum(axis)
    sizes = torch.ones_like(inside)
    for axis, n in enumerate(inside.shape):
        sizes = sizes * torch.arange(1, n + 1).reshape(-1, *(1,) * (inside.dim() - axis - 1))
    # The whole grid keeps 1 up to rounding.
    is_enough = inside >= min(energy, float(inside.flatten()[-1]))
    best = torch.where(is_enough, sizes - inside / 2, math.inf).argmin()
    return tuple(int(i) + 1 for i in torch.unravel_index(best, inside.shape))


def top_modes(
    fields: Tensor, count: int, basis: str, *, within: Sequence[int] | None = None
) -> list[tuple[int, ...]]:
    """Return the modes with the most energy in the mean over samples, in the order of the grid.

    Parameters
    ----------
    fields : Tensor, shape (n, C, *grid)
    count : int
    basis : {"dct", "hartley", "rfft"}
    within : sequence of int, optional
        A box of lowest modes to choose from; default the whole grid.

    Returns
    -------
    list of tuple of int
        Indices of modes, one number an axis. Of modes with equal energy the lower one goes first.

    Raises
    ------
    ConfigError
        If the box has fewer modes.
    """
    energy = mode_energy(fields, basis)
    box = as_box(tuple(within) if within is not None else energy.shape, energy.shape)
    energy = crop_modes(energy, box)
    if not 1 <= count <= energy.numel():
        raise ConfigError(
            f"{count} modes were asked of {energy.numel()}. Give a number from 1 to {energy.numel()}."
        )
    places = energy.flatten().sort(descending=True, stable=True).indices[:count].sort().values
    rows = torch.stack(torch.unravel_index(places, energy.shape), -1).tolist()
    return [tuple(row) for row in rows]


def box_of(
    modes: Sequence[Sequence[int]], grid: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Return the smallest box around modes and their places in it, row by row; None when they fill it."""
    box = tuple(max(row[axis] for row in modes) + 1 for axis in range(len(grid)))
    if len(modes) == math.prod(box):
        return box, None
    return box, tuple(sorted(_place(row, box) for row in modes))


def check_goal(
    fields: Tensor,
    n_modes: int | Sequence[int],
    basis: str,
    *,
    goal: float,
    kept: Sequence[int] | None = None,
) -> float:
    """Refuse a choice of modes that cannot reach a relative L2 error, and warn when it hardly can.

    Parameters
    ----------
    fields : Tensor, shape (n, C, *grid)
        What a model is to predict.
    n_modes, basis, kept
        As ``irreducible_loss``.
    goal : float
        The error to reach.

    Returns
    -------
    float
        The irreducible loss. More than half of the goal is logged as a warning.

    Raises
    ------
    ConfigError
        If it is the goal or more.
    """
    loss = irreducible_loss(fields, n_modes, basis, kept=kept)
    box = " x ".join(map(str, as_box(n_modes, fields.shape[2:])))
    if loss >= goal:
        raise ConfigError(
            f'{box} modes in the basis "{basis}" lose {loss:.3g} of the targets (relative L2), so no '
            f"model on them reaches the goal of {goal:.3g}. {ADVICE}"
        )
    if loss > HOPELESS * goal:
        logger.warning(
            '%s modes in the basis "%s" lose %.3g of the targets (relative L2), more than half of the goal '
            "of %.3g. %s",
            box, basis, loss, goal, ADVICE,
        )  # fmt: skip
    return loss


def _shares(fields: Tensor, basis: str) -> Iterator[Tensor]:
    """Yield every mode's share of its sample's energy, channels together: (some samples, *grid), float64."""
    step = max(1, CHUNK // max(fields[0].numel(), 1))
    for start, chunk in zip(range(0, len(fields), step), torch.split(fields.detach(), step), strict=True):
        energy = transform(chunk.double(), basis).square().sum(1).cpu()
        total = energy.flatten(1).sum(1)
        is_wrong = ~((total > 0) & total.isfinite())
        if bool(is_wrong.any()):
            raise DataError(
                f"Sample {start + int(is_wrong.nonzero()[0])} is zero everywhere, or not finite; a relative "
                "error has no meaning there. Leave such samples out."
            )
        yield energy / total.reshape(-1, *(1,) * (energy.dim() - 1))


def _dropped(share: Tensor, n_modes: int | Sequence[int], kept: Sequence[int] | None) -> Tensor:
    """Return the share of every sample's energy outside some modes, shape (some samples,)."""
    box = as_box(n_modes, share.shape[1:])
    rest = share.clone()
    inside = crop_modes(rest, box)
    outside_kept = torch.zeros_like(inside).flatten(1)
    if kept is not None:
        outside_kept = inside.flatten(1).index_fill(1, torch.tensor(kept), 0.0)
    inside.copy_(outside_kept.reshape(inside.shape))
    return rest.flatten(1).sum(1)


def _place(row: Sequence[int], box: Sequence[int]) -> int:
    place = 0
    for index, m in zip(row, box, strict=True):
        place = place * m + index
    return place

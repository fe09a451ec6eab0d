"""Symmetries of equations: moves of the grid, and of signs, that take solutions to solutions."""

# Shapes: B samples, C channels, D axes of the grid

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from longwave.errors import UnknownName
from longwave.ops.transforms import mirror, mirror_modes, shift_modes
from longwave.ops.transforms.mirror import Placement

__all__ = ["SHIFT", "Symmetries", "Symmetry"]

SHIFT = "shift"  # what all translations together are called


@dataclass(frozen=True, kw_only=True)
class Symmetry:
    """A move that is done or left out: axes change places, then are mirrored, then the field moves along.

    Parameters
    ----------
    name : str
    signs : tuple of int, tuple of int
        What each channel of inputs and of targets is multiplied by, 1 or -1.
    swaps : bool
        Whether the first two axes change places.
    mirrors : tuple of int
        Axes that are reversed.
    share : tuple of float
        By how much of its period the field moves along each axis at last; empty for none.
    """

    name: str
    signs: tuple[tuple[int, ...], tuple[int, ...]]
    swaps: bool = False
    mirrors: tuple[int, ...] = ()
    share: tuple[float, ...] = ()

    def move(self, fields: Tensor, placement: Placement) -> Tensor:
        """Move inputs and targets, their channels one after the other, (B, C_in + C_out, *grid).

        ``placement`` says where points sit, see ``longwave.ops.transforms.mirror``.
        """
        moved = mirror(self._swap(fields), self.mirrors, placement)
        if self.share:
            steps = [round(part * n) for part, n in zip(self.share, moved.shape[2:], strict=True)]
            moved = moved.roll(steps, list(range(2, moved.dim())))
        return self._apply_signs(moved)

    def move_modes(self, z: Tensor, placement: Placement, basis: str, sizes: Sequence[int]) -> Tensor:
        """Move coefficients, (B, C_in + C_out, *modes), of fields on a grid of such sizes."""
        moved = mirror_modes(self._swap(z), basis, self.mirrors, placement, sizes)
        if self.share:
            shares = torch.tensor(self.share, dtype=torch.float64, device=z.device)
            moved = shift_modes(moved, basis, shares.expand(len(z), -1))
        return self._apply_signs(moved)

    def _apply_signs(self, x: Tensor) -> Tensor:
        signs = [*self.signs[0], *self.signs[1]]
        if len(set(signs)) == 1:
            return x if signs[0] == 1 else -x
        return x * torch.tensor(signs, dtype=x.dtype, device=x.device).reshape(-1, *(1,) * (x.dim() - 2))

    def _swap(self, x: Tensor) -> Tensor:
        return x.transpose(2, 3) if self.swaps else x


@dataclass(frozen=True, kw_only=True)
class Symmetries:
    """What an equation is symmetric under.

    Parameters
    ----------
    directions : tuple of tuple of int
        Translations along them, by any length, change nothing; all of them together are called ``"shift"``.
    moves : tuple of Symmetry
        Those that are done or left out. Any of them, one after the other, are symmetries too.
    """

    directions: tuple[tuple[int, ...], ...] = ()
    moves: tuple[Symmetry, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What can be asked for."""
        return (*([SHIFT] if self.directions else []), *(move.name for move in self.moves))

    def choose(self, names: Sequence[str]) -> Symmetries:
        """Return those with such names.

        Raises
        ------
        UnknownName
            If the equation has no such symmetry.
        """
        for name in names:
            if name not in self.names:
                raise UnknownName("symmetry of the equation", name, self.names)
        return Symmetries(
            directions=self.directions if SHIFT in names else (),
            moves=tuple(move for move in self.moves if move.name in names),
        )

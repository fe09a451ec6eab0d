"""Nearest neighbours by cosine, exact, in blocks of bounded memory.

Shapes: n points, d width, A anchors, K neighbours.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from longwave.errors import ConfigError

__all__ = ["Neighbourhoods", "nearest_neighbours"]

_BLOCK_VALUES = 1 << 26  # cosines held at once: 256 MiB
_TABLE_VALUES = 1 << 28  # neighbours kept as int32: 1 GiB


def nearest_neighbours(unit: Tensor, rows: Tensor, k: int) -> Tensor:
    """Return the ``k`` points nearest to each chosen one, itself left out, in no order.

    Parameters
    ----------
    unit : Tensor, shape (n, d)
        Unit rows.
    rows : Tensor, shape (A,)
        Whose neighbours are wanted.
    k : int
        From 1 to n - 1.

    Returns
    -------
    Tensor, shape (A, K), int64

    Raises
    ------
    ConfigError
        If there are not ``k`` other points.

    Notes
    -----
    One matrix product a block of anchors: O(And) time, 256 MiB beside the result.
    """
    n = len(unit)
    if not 1 <= k < n:
        raise ConfigError(f"k is {k}; among {n} points accepted is 1 to {n - 1}.")
    found = torch.empty(len(rows), k, dtype=torch.int64, device=unit.device)
    size = max(1, _BLOCK_VALUES // n)
    for start in range(0, len(rows), size):
        block = rows[start : start + size]
        cosines = unit[block] @ unit.T
        cosines.scatter_(1, block[:, None], -torch.inf)
        found[start : start + size] = cosines.topk(k, dim=1, sorted=False).indices
    return found


class Neighbourhoods:
    """Neighbours of anchors, found once where they fit into 1 GiB, else whenever they are asked for.

    Parameters
    ----------
    x : Tensor, shape (n, d)
        Points as they came.
    anchors : Tensor, shape (A,)
        Distinct points that will be asked for.
    k : int
        Cut to n - 1.
    """

    def __init__(self, x: Tensor, anchors: Tensor, k: int) -> None:
        self._unit = F.normalize(x, dim=1)
        self.k = min(k, len(x) - 1)
        self._table: Tensor | None = None
        if len(anchors) * self.k <= _TABLE_VALUES:
            self._table = nearest_neighbours(self._unit, anchors, self.k).int()
            self._place = torch.zeros(len(x), dtype=torch.int64, device=x.device)
            self._place[anchors] = torch.arange(len(anchors), device=x.device)
            del self._unit

    def of(self, rows: Tensor) -> Tensor:
        """Return the neighbours of anchors (A,): (A, K), int64."""
        if self._table is None:
            return nearest_neighbours(self._unit, rows, self.k)
        return self._table[self._place[rows]].long()

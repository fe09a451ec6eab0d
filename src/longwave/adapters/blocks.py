"""Which points a batch of anchors is compared with: positives, negatives, every point once.

Shapes: n points, C classes, A anchors, U distinct points of a block, K neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from longwave.adapters.embeddings import Ints
from longwave.adapters.neighbours import Neighbourhoods
from longwave.adapters.sampling import Cells

__all__ = ["Block", "BlockSampler"]


@dataclass(frozen=True, kw_only=True)
class Block:
    """A batch of anchors with all that they are compared with.

    Parameters
    ----------
    points : Tensor, shape (U,)
        Distinct training points, anchors among them.
    anchors : Tensor, shape (A,)
        Places of the anchors in ``points``.
    positives, negatives : Tensor, shape (A, U), bool
    """

    points: Tensor
    anchors: Tensor
    positives: Tensor
    negatives: Tensor


class BlockSampler:
    """Draw positives and negatives for batches of anchors.

    Parameters
    ----------
    x : Tensor, shape (n, d)
    cells : Cells
    n_positives, n_negatives, n_neighbours : int
        Most positives of an anchor; draws from its neighbours; neighbours, cut to n - 1.

    Notes
    -----
    Positives: ``n_positives`` draws without replacement from the points of the anchor's class that are
    predicted rightly, or all of them. Negatives: ``n_negatives`` draws without replacement from the anchor's
    neighbours, or all of them; those of its own class do not count.

    A draw takes the first points in a random order of all n that is shared by the anchors of a batch. For
    each anchor that is a uniform draw; for the batch it makes the drawn sets overlap, so that U is small.
    """

    def __init__(
        self, x: Tensor, cells: Cells, n_positives: int, n_negatives: int, n_neighbours: int
    ) -> None:
        device = x.device
        self._n_positives, self._n_negatives = n_positives, n_negatives
        self._y = torch.from_numpy(cells.y).to(device)
        right = np.flatnonzero(cells.is_right)
        right = right[np.argsort(cells.y[right], kind="stable")]
        starts = np.searchsorted(cells.y[right], np.arange(1, cells.n_classes))
        self._right = [torch.from_numpy(own).to(device) for own in np.split(right, starts)]
        wrong = torch.from_numpy(np.flatnonzero(~cells.is_right)).to(device)
        self._near = Neighbourhoods(x, wrong, n_neighbours) if len(wrong) and len(x) > 1 else None

    def draw(self, anchors: Ints, rng: np.random.Generator) -> Block:
        """Draw the block of anchors (A,), which are points that are predicted wrongly."""
        y, device = self._y, self._y.device
        rank = torch.from_numpy(rng.permutation(len(y))).to(device)
        rows = torch.from_numpy(anchors).to(device)
        negatives, is_drawn = self._draw_negatives(rows, rank)  # (A, K)
        is_used = torch.zeros(len(y), dtype=torch.bool, device=device)
        is_used[rows] = True
        is_used[negatives[is_drawn]] = True
        pools = {c: self._draw_positives(c, rank) for c in torch.unique(y[rows]).tolist()}
        for pool in pools.values():
            is_used[pool] = True
        points = is_used.nonzero()[:, 0]  # (U,)
        place = is_used.cumsum(0) - 1  # (n,)
        shape = (len(rows), len(points))
        is_positive = torch.zeros(shape, dtype=torch.bool, device=device)
        for c, pool in pools.items():
            row = torch.zeros(len(points), dtype=torch.bool, device=device)
            row[place[pool]] = True
            is_positive[y[rows] == c] = row
        is_negative = torch.zeros(shape, dtype=torch.bool, device=device)
        at, which = is_drawn.nonzero(as_tuple=True)
        is_negative[at, place[negatives[at, which]]] = True
        return Block(points=points, anchors=place[rows], positives=is_positive, negatives=is_negative)

    def _draw_positives(self, c: int, rank: Tensor) -> Tensor:
        pool = self._right[c]
        if len(pool) <= self._n_positives:
            return pool
        return pool[rank[pool].topk(self._n_positives, largest=False, sorted=False).indices]

    def _draw_negatives(self, rows: Tensor, rank: Tensor) -> tuple[Tensor, Tensor]:
        """Return neighbours (A, K), and which of them are drawn and of another class."""
        if self._near is None:
            empty = torch.zeros(len(rows), 0, dtype=torch.int64, device=rows.device)
            return empty, empty.bool()
        near = self._near.of(rows)  # (A, K)
        is_drawn = self._y[near] != self._y[rows, None]
        if self._n_negatives < near.shape[1]:
            ranks = rank[near]
            last = ranks.kthvalue(self._n_negatives, dim=1, keepdim=True).values
            is_drawn &= ranks <= last
        return near, is_drawn

"""Cells of class and predicted class: which points are anchors, and how the cells are balanced.

Shapes: n points, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from longwave.adapters.embeddings import Ints

__all__ = ["Cells", "draw_anchors", "even_batches", "resample"]

Resampling = Literal["none", "cells", "classes"]
_MOST_DRAWS = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Points sorted by class and predicted class.

    Parameters
    ----------
    y, predicted : ndarray, shape (n,)
    n_classes : int
    """

    y: Ints
    predicted: Ints
    n_classes: int

    @property
    def members(self) -> list[Ints]:
        """Points of every cell that has some, by class and then by prediction."""
        cell = self.y * self.n_classes + self.predicted
        order = np.argsort(cell, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(cell[order])) + 1)

    @property
    def counts(self) -> Ints:
        """Points by class and prediction, shape (C, C)."""
        cell = self.y * self.n_classes + self.predicted
        return np.bincount(cell, minlength=self.n_classes**2).reshape(self.n_classes, self.n_classes)

    @property
    def is_right(self) -> NDArray[np.bool_]:
        """Whether a point's prediction is its class."""
        return np.asarray(self.y == self.predicted)


def draw_anchors(
    cells: Cells, rng: np.random.Generator, *, ratio: float = 1.0, balance: bool = False
) -> Ints:
    """Return the anchors of one epoch, shuffled: points that are predicted wrongly.

    Parameters
    ----------
    cells : Cells
    rng : numpy.random.Generator
    ratio : float
        Below 1: that share of the anchors' number is drawn with replacement, every cell equally likely.
    balance : bool
        Take equally many of each class that has anchors: as many as the class with the fewest.

    Returns
    -------
    ndarray
        Only points of classes that have a point that is predicted rightly: others would have no positive.
    """
    right = np.diag(cells.counts)
    is_anchor = ~cells.is_right & (right[cells.y] > 0)
    anchors = np.flatnonzero(is_anchor)
    if not len(anchors):
        return anchors
    if balance:
        by_class = [anchors[cells.y[anchors] == c] for c in np.unique(cells.y[anchors])]
        fewest = min(len(one) for one in by_class)
        anchors = np.concatenate([rng.choice(one, fewest, replace=False) for one in by_class])
    if ratio < 1:
        cell = cells.y[anchors] * cells.n_classes + cells.predicted[anchors]
        _, place, counts = np.unique(cell, return_inverse=True, return_counts=True)
        weights = 1 / (len(counts) * counts[place])
        return rng.choice(anchors, max(1, round(ratio * len(anchors))), p=weights)
    return rng.permutation(anchors)


def resample(cells: Cells, how: Resampling, group_size: int, rng: np.random.Generator) -> Ints:
    """Return the points of one epoch of plain training, shuffled.

    Parameters
    ----------
    cells : Cells
    how : {"none", "cells", "classes"}
        "none": every point once. "cells": ``group_size`` draws from every cell, with replacement from a cell
        that is smaller. "classes": all points, classes raised to equal size and then, within a class, cells
        to the size of its largest.
    group_size : int
    rng : numpy.random.Generator

    Notes
    -----
    Of many classes there may be very many cells. Where they would add up to more than 2²⁰ points, so many
    are drawn one by one with replacement, each cell as likely as its part of that sum.
    """
    if how == "none":
        return rng.permutation(len(cells.y))
    members = cells.members
    if how == "cells":
        sizes = np.full(len(members), group_size)
    else:
        totals = cells.counts.sum(axis=1)
        raised = cells.counts.max(axis=1) * (totals.max() / np.maximum(totals, 1))
        sizes = np.rint(raised).astype(int)[[cells.y[one[0]] for one in members]]
    if sizes.sum() > _MOST_DRAWS:
        chosen = rng.choice(len(members), _MOST_DRAWS, p=sizes / sizes.sum())
        lengths = np.array([len(one) for one in members])
        within = rng.integers(lengths[chosen])
        points: Ints = np.concatenate(members)[np.cumsum(lengths)[chosen] - lengths[chosen] + within]
        return points
    if how == "cells":
        drawn = [rng.choice(one, group_size, replace=len(one) < group_size) for one in members]
    else:
        drawn = [
            np.concatenate([one, rng.choice(one, size - len(one))])
            for one, size in zip(members, sizes, strict=True)
        ]
    return rng.permutation(np.concatenate(drawn))


def even_batches(points: Ints, batch_size: int) -> list[Ints]:
    """Cut points into batches whose sizes differ by one at most, none above ``batch_size``."""
    return np.array_split(points, max(1, -(-len(points) // batch_size)))

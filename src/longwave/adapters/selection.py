"""The one rule by which epochs and settings are chosen: the worst group of the validation set.

Shapes: n points, G groups.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longwave.adapters.embeddings import Floats, Ints

__all__ = ["GroupScore", "Validation", "group_accuracies"]


def group_accuracies(is_right: NDArray[np.bool_], groups: Ints, n_groups: int) -> NDArray[np.float64]:
    """Return the accuracy of each group, shape (G,); NaN for one without points."""
    n = np.bincount(groups, minlength=n_groups)
    right = np.bincount(groups, weights=is_right, minlength=n_groups)
    return np.asarray(np.divide(right, n, out=np.full(n_groups, np.nan), where=n > 0))


@dataclass(frozen=True, kw_only=True, order=True)
class GroupScore:
    """Accuracy of the worst group, and of all points; the greater is the better.

    Scores are compared by the worst group, ties by the average. Among equal scores the first that was seen
    wins: the earliest epoch, the first setting of a list.
    """

    worst: float
    average: float


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Points to choose by.

    Parameters
    ----------
    x : ndarray, shape (n, d)
    y : ndarray, shape (n,)
        Number of each point's class.
    groups : ndarray, shape (n,)
        Number of each point's group; where none were given, of its cell of class and zero-shot prediction.
    n_groups : int
    """

    x: Floats
    y: Ints
    groups: Ints
    n_groups: int

    def score(self, predictions: Ints) -> GroupScore:
        """Score predicted classes (n,)."""
        is_right = predictions == self.y
        worst = float(np.nanmin(group_accuracies(is_right, self.groups, self.n_groups)))
        return GroupScore(worst=worst, average=float(is_right.mean()))

    def score_by(self, predict: Callable[[Floats], Ints]) -> GroupScore:
        """Score a function from embeddings to classes."""
        return self.score(predict(self.x))

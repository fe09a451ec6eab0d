"""Majority vote: every prompt counts the same."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.prompting.label_model.base import Aggregator
from longwave.prompting.label_model.votes import check_class_balance, count_votes

__all__ = ["MajorityVote"]


class MajorityVote(Aggregator):
    """Answer with the class that most prompts vote for.

    Parameters
    ----------
    n_classes : int
    class_balance : array_like, shape (k,), optional
        Used for rows without a vote, and to break ties; uniform when left out.

    Attributes
    ----------
    class_balance_ : ndarray, shape (k,)
    n_prompts_ : int

    Notes
    -----
    Probabilities are shares of the votes: an order, not calibrated beliefs. Among classes with equally many
    votes the more frequent one wins, and among those the lowest.

    Examples
    --------
    >>> MajorityVote(n_classes=3).fit_predict([[0, 2, 2], [1, -1, -1], [2, 1, -1]]).tolist()
    [2, 1, 1]
    """

    def __init__(self, n_classes: int = 2, *, class_balance: ArrayLike | None = None) -> None:
        self.n_classes = n_classes
        self.class_balance = class_balance

    def fit(self, votes: ArrayLike) -> Self:
        """Check the votes and remember how many prompts there are; there is nothing else to learn."""
        k = self.n_classes
        v = self._votes_to_fit(votes)
        balance = np.full(k, 1 / k) if self.class_balance is None else self.class_balance
        self.class_balance_ = check_class_balance(balance, k)
        self.n_prompts_ = v.shape[1]
        return self

    def predict_proba(self, votes: ArrayLike) -> NDArray[np.float64]:
        """Return the share of the votes that each class has; the class balance where there is none."""
        v = self._votes_to_predict(votes)
        counts = count_votes(v, self.n_classes)
        total = counts.sum(axis=1, keepdims=True)
        return np.where(total > 0, counts / np.maximum(total, 1), self.class_balance_)

    def predict(self, votes: ArrayLike) -> NDArray[np.int64]:
        """Return the class with most votes, the more frequent one among equals, shape (n,)."""
        v = self._votes_to_predict(votes)
        counts = count_votes(v, self.n_classes)
        return np.asarray((counts + 0.5 * self.class_balance_).argmax(axis=1), dtype=np.int64)

"""Weighted vote: fixed weights, or weights from a few labels, or from agreement with the other prompts.

Shapes: n instances, m prompts, k classes.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import ConfigError, DataError, ShapeError
from longwave.prompting.label_model.base import Aggregator
from longwave.prompting.label_model.votes import count_votes

__all__ = ["WeightedVote"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

RATES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


class WeightedVote(Aggregator):
    """Answer with the class of the largest sum of weights.

    Parameters
    ----------
    n_classes : int
    weights : array_like, shape (m,), optional
        Learned when left out; a negative weight speaks against the class that the prompt votes for.

    Attributes
    ----------
    weights_ : ndarray, shape (m,)
    n_prompts_ : int

    Notes
    -----
    With labels the weight is ``exp(-η ε_j)`` of a prompt with error rate ``ε_j``; η is the one of 0.25, 0.5,
    …, 32 that is best on every fifth row, with the errors of the others. Without labels it is the log-odds of
    agreeing with the majority of the other prompts. Probabilities are shares of the weights, not calibrated.

    References
    ----------
    The weighted majority baseline of arXiv 2210.02441 (appendix), which needs labels.
    """

    def __init__(self, n_classes: int = 2, *, weights: ArrayLike | None = None) -> None:
        self.n_classes = n_classes
        self.weights = weights

    def fit(self, votes: ArrayLike, labels: ArrayLike | None = None) -> Self:
        """Learn the weights from votes (n, m), and from labels (n,) where there are any.

        Raises
        ------
        ConfigError
            If weights were given and are not one finite number for each prompt.
        ShapeError, DataError
            If the votes are not such a matrix, or the labels not one class for each row.
        """
        v = self._votes_to_fit(votes)
        self.n_prompts_ = v.shape[1]
        if self.weights is not None:
            w = np.asarray(self.weights, dtype=np.float64)
            if w.shape != (self.n_prompts_,) or not np.isfinite(w).all():
                raise ConfigError(f"weights are {w}; accepted is one finite number a prompt.")
            self.weights_ = w
        elif labels is not None:
            self.weights_ = self._from_labels(v, self._checked(labels, len(v)))
        else:
            self.weights_ = self._from_agreement(v)
        return self

    def predict_proba(self, votes: ArrayLike) -> Array:
        """Return the share of the weights behind each class, uniform where there is none, shape (n, k)."""
        score = _weigh(self._votes_to_predict(votes), self.weights_, self.n_classes)
        score = np.maximum(score - np.minimum(score.min(axis=1, keepdims=True), 0.0), 0.0)
        total = score.sum(axis=1, keepdims=True)
        return np.where(total > 1e-12, score / np.maximum(total, 1e-12), 1 / self.n_classes)

    def _checked(self, labels: ArrayLike, n: int) -> Ints:
        y = np.asarray(labels)
        if y.shape != (n,):
            raise ShapeError(f"labels have shape {y.shape}; pass one for each of the {n} rows of votes.")
        if y.dtype.kind not in "iu" or (y < 0).any() or (y >= self.n_classes).any():
            raise DataError(
                f"Labels must be classes 0 to {self.n_classes - 1}; leave labels out to do without."
            )
        return y.astype(np.int64)

    def _from_labels(self, v: Ints, y: Ints) -> Array:
        is_held_out = np.arange(len(v)) % 5 == 4
        error = _error_rates(v[~is_held_out], y[~is_held_out])
        if not is_held_out.any():
            return np.exp(-error)
        scored = [
            (_accuracy(_weigh(v[is_held_out], np.exp(-eta * error), self.n_classes), y[is_held_out]), -place)
            for place, eta in enumerate(RATES)
        ]
        return np.asarray(np.exp(-RATES[-max(scored)[1]] * error))

    def _from_agreement(self, v: Ints) -> Array:
        counts = count_votes(v, self.n_classes)
        weights = np.ones(self.n_prompts_)
        for j in range(self.n_prompts_ if self.n_prompts_ > 2 else 0):
            said = v[:, j] >= 0
            others = counts[said].copy()
            others[np.arange(len(others)), v[said, j]] -= 1
            is_best = others >= others.max(axis=1, keepdims=True)
            agrees = is_best[np.arange(len(others)), v[said, j]] / is_best.sum(axis=1)
            share = (agrees[others.any(axis=1)].sum() + 1.4) / (others.any(axis=1).sum() + 2.0)
            weights[j] = np.log(share * (self.n_classes - 1) / (1 - share))
        return weights


def _weigh(v: Ints, weights: Array, k: int) -> Array:
    return np.stack([(v == c) @ weights for c in range(k)], axis=1)


def _error_rates(v: Ints, y: Ints) -> Array:
    votes = v >= 0
    return np.asarray(((v != y[:, None]) & votes).sum(axis=0) / np.maximum(votes.sum(axis=0), 1))


def _accuracy(score: Array, y: Ints) -> float:
    best = score >= score.max(axis=1, keepdims=True)
    return float((best[np.arange(len(y)), y] / best.sum(axis=1)).mean())

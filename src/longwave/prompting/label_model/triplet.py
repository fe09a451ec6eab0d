"""Triplet method: accuracies in closed form from how every three prompts agree, with signs.

Shapes: n instances, m prompts, k classes.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.prompting.label_model.base import Aggregator
from longwave.prompting.label_model.votes import check_class_balance

__all__ = ["TripletModel"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

_SURE = 2.0  # standard errors from zero that a covariance needs to divide by it


class TripletModel(Aggregator):
    """Independent prompts, solved by moments: no iteration, no start, no random number.

    Parameters
    ----------
    n_classes : int
    class_balance : array_like, shape (k,), optional
        Uniform when left out; it is not learned.

    Attributes
    ----------
    hit_rates_, false_rates_ : ndarray, shape (m, k)
        ``P(vote = c | label = c)`` and ``P(vote = c | label ≠ c)`` where the prompt votes.
    accuracies_ : ndarray, shape (m,)
    class_balance_ : ndarray, shape (k,)
    n_prompts_ : int

    Notes
    -----
    With indicator votes ``x_i = [vote_i = c]`` of prompts that are independent given the label,
    ``Cov(x_i, x_j) = d_i d_j`` with ``d_i = δ_i sqrt(π_c (1 - π_c))`` and ``δ_i`` the difference of the two
    rates. So ``d_i² = |C_ij C_il / C_jl|`` for every pair j, l of partners; we take the median over pairs
    whose ``C_jl`` is surely not zero. The sign is that of the covariance with the prompt that has the largest
    covariances in all, and all signs together are those under which prompts are better than chance. Rates
    follow from ``E[x_i]`` and the class balance. For more than two classes the log-odds of each class against
    the rest are combined by a softmax. A prompt without a usable triplet is taken for an average one. O(k
    m³).

    References
    ----------
    Fu et al. 2020 (arXiv 2002.11955), there with means, without signs, and for equal error rates.
    """

    def __init__(self, n_classes: int = 2, *, class_balance: ArrayLike | None = None) -> None:
        self.n_classes = n_classes
        self.class_balance = class_balance

    def fit(self, votes: ArrayLike) -> Self:
        """Learn from votes (n, m), without labels.

        Raises
        ------
        ConfigError, ShapeError, DataError
            If an argument or the votes are none of the accepted.
        """
        k = self.n_classes
        v = self._votes_to_fit(votes)
        balance = np.full(k, 1 / k) if self.class_balance is None else self.class_balance
        self.class_balance_ = check_class_balance(balance, k)
        n, self.n_prompts_ = v.shape
        self.hit_rates_ = np.empty((self.n_prompts_, k))
        self.false_rates_ = np.empty((self.n_prompts_, k))
        edge = min(1.0 / max(n, 4), 0.01)
        for c, share in enumerate(self.class_balance_):
            mean, d = _signed_strengths(v, c)
            delta = d / np.sqrt(share * (1 - share))
            self.hit_rates_[:, c] = np.clip(mean + (1 - share) * delta, edge, 1 - edge)
            self.false_rates_[:, c] = np.clip(mean - share * delta, edge, 1 - edge)
        self.accuracies_ = self.hit_rates_ @ self.class_balance_
        return self

    def predict_proba(self, votes: ArrayLike) -> Array:
        """Return the posterior of the classes, shape (n, k)."""
        v = self._votes_to_predict(votes)
        log_balance = np.log(self.class_balance_)
        score = np.tile(log_balance, (len(v), 1))
        for c in range(self.n_classes):
            for j in range(self.n_prompts_):
                hit, false = self.hit_rates_[j, c], self.false_rates_[j, c]
                said = np.where(v[:, j] == c, np.log(hit / false), np.log((1 - hit) / (1 - false)))
                score[:, c] += np.where(v[:, j] >= 0, said, 0.0)
        if self.n_classes == 2:  # both columns hold the same log-odds, with opposite signs
            score = log_balance + (score - log_balance) / 2
        p = np.exp(score - score.max(axis=1, keepdims=True))
        return np.asarray(p / p.sum(axis=1, keepdims=True))


def _signed_strengths(v: Ints, c: int) -> tuple[Array, Array]:
    """Return the mean and the signed d of each prompt's indicator of class c."""
    m = v.shape[1]
    votes = v >= 0
    seen = np.maximum(votes.sum(axis=0), 1)
    mean = ((v == c).sum(axis=0) + 1e-9) / seen
    covariance, error = np.zeros((m, m)), np.full((m, m), np.inf)
    for i in range(m):
        for j in range(i):
            both = votes[:, i] & votes[:, j]
            if both.sum() < 3:
                continue
            a, b = v[both, i] == c, v[both, j] == c
            product = (a - a.mean()) * (b - b.mean())
            covariance[i, j] = covariance[j, i] = product.mean()
            error[i, j] = error[j, i] = product.std() / np.sqrt(both.sum()) + 1e-12
    size = np.sqrt(_median_squares(covariance, error))
    known = np.isfinite(size)
    size = np.where(known, size, size[known].mean() if known.any() else 0.2)
    lead = int(np.abs(covariance).sum(axis=0).argmax())
    sign = np.where(covariance[lead] < 0, -1.0, 1.0)
    if float((sign * size).sum()) < 0:
        sign = -sign
    return mean, sign * size


def _median_squares(covariance: Array, error: Array) -> Array:
    """Return the median of ``|C_ij C_il / C_jl|`` over partners j, l of each i; NaN without a pair."""
    m = len(covariance)
    is_sure = np.abs(covariance) > _SURE * error
    first, second = np.triu_indices(m, 1)
    found = np.full(m, np.nan)
    for i in range(m):
        usable = is_sure[first, second] & (first != i) & (second != i)
        usable &= np.isfinite(error[i, first]) & np.isfinite(error[i, second])
        if usable.any():
            j, other = first[usable], second[usable]
            found[i] = np.median(np.abs(covariance[i, j] * covariance[i, other] / covariance[j, other]))
    return found

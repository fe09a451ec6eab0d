"""Dawid and Skene's model: a full confusion matrix for each prompt, and nothing else.

Shapes: n instances, U distinct rows, m prompts, k classes.
"""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import ConfigError
from longwave.prompting.label_model._one_hot import OneHot
from longwave.prompting.label_model.base import Aggregator
from longwave.prompting.label_model.votes import VotePatterns, check_class_balance, count_votes

__all__ = ["DawidSkene"]

Array = NDArray[np.float64]


class DawidSkene(Aggregator):
    """EM with a free confusion matrix for each prompt; abstentions say nothing.

    Parameters
    ----------
    n_classes : int
    class_balance : array_like, shape (k,), optional
        Learned when left out.
    smoothing : float
        Added to each count of a vote and a class; above 0.
    max_iter : int
    tol : float
        EM stops when the log-likelihood of a row changes by less.

    Attributes
    ----------
    class_balance_ : ndarray, shape (k,)
    confusion_ : ndarray, shape (m, k, k)
        ``P(vote | label)`` of each prompt where it votes.
    accuracies_ : ndarray, shape (m,)
        Share of right votes, by the learned class balance.
    log_likelihood_ : float
    n_iter_ : int
    n_prompts_ : int

    Notes
    -----
    E-step ``q(y | row) ∝ π_y ∏_j P(vote_j | y)``, M-step relative frequencies, from the shares of the votes.
    The plain model, kept as an oracle and for comparison; `LabelModel` adds what it lacks.

    References
    ----------
    Dawid & Skene, Applied Statistics 28 (1979) 20-28.
    """

    def __init__(
        self,
        n_classes: int = 2,
        *,
        class_balance: ArrayLike | None = None,
        smoothing: float = 0.01,
        max_iter: int = 300,
        tol: float = 1e-7,
    ) -> None:
        self.n_classes = n_classes
        self.class_balance = class_balance
        self.smoothing = smoothing
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, votes: ArrayLike) -> Self:
        """Learn from votes (n, m), without labels.

        Raises
        ------
        ConfigError, ShapeError, DataError
            If an argument or the votes are none of the accepted.
        """
        k = self.n_classes
        v = self._votes_to_fit(votes)
        if self.smoothing <= 0 or self.max_iter < 1:
            raise ConfigError(
                f"smoothing is {self.smoothing} and max_iter {self.max_iter}; accepted are smoothing above 0 "
                "and 1 round or more."
            )
        given = None if self.class_balance is None else check_class_balance(self.class_balance, k)
        patterns = VotePatterns.of(v, k)
        counts, n = patterns.counts[:, None], float(len(v))
        one_hot = OneHot(np.where(patterns.rows < 0, k, patterns.rows), k + 1)
        posterior = count_votes(patterns.rows, k) + 1.0 / k
        posterior /= posterior.sum(axis=1, keepdims=True)
        last = -np.inf
        for n_iter in range(1, self.max_iter + 1):  # noqa: B007 (its last value is kept)
            weight = posterior * counts
            balance = (
                (weight.sum(axis=0) + self.smoothing) / (n + k * self.smoothing) if given is None else given
            )
            table = one_hot.count(weight)[:, :k] + self.smoothing  # (m, k votes, k classes)
            table /= table.sum(axis=1, keepdims=True)
            score = self._score(one_hot, table, balance)
            top = score.max(axis=1, keepdims=True)
            posterior = np.exp(score - top)
            total = posterior.sum(axis=1, keepdims=True)
            posterior /= total
            log_likelihood = float((counts * (np.log(total) + top)).sum())
            if abs(log_likelihood - last) < self.tol * n:
                break
            last = log_likelihood
        self.class_balance_, self.confusion_ = balance, np.swapaxes(table, 1, 2)
        self.accuracies_ = np.einsum("jcc,c->j", table, balance)
        self.log_likelihood_, self.n_iter_, self.n_prompts_ = log_likelihood, n_iter, v.shape[1]
        return self

    def predict_proba(self, votes: ArrayLike) -> Array:
        """Return the posterior of the classes, shape (n, k)."""
        patterns = VotePatterns.of(self._votes_to_predict(votes), self.n_classes)
        one_hot = OneHot(np.where(patterns.rows < 0, self.n_classes, patterns.rows), self.n_classes + 1)
        score = self._score(one_hot, np.swapaxes(self.confusion_, 1, 2), self.class_balance_)
        p = np.exp(score - score.max(axis=1, keepdims=True))
        return np.asarray((p / p.sum(axis=1, keepdims=True))[patterns.inverse])

    def _score(self, one_hot: OneHot, table: Array, balance: Array) -> Array:
        """Return ``log P(row, class)``; an abstention has probability 1."""
        m, k = table.shape[0], self.n_classes
        logs = np.concatenate([np.log(table), np.zeros((m, 1, k))], axis=1)
        return one_hot.add_up(logs) + np.log(balance)

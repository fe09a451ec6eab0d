"""Soft votes: prompts that say how sure they are, for example by the log-probabilities of the options.

Shapes: n instances, m prompts, k classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import ConfigError, DataError, ShapeError
from longwave.prompting.label_model._group_table import OVERLAP
from longwave.prompting.label_model._one_hot import OneHot
from longwave.prompting.label_model._rates import Strengths, estimate_rates
from longwave.prompting.label_model.base import pick_classes
from longwave.prompting.label_model.label_model import LabelModel

__all__ = ["SoftVoteModel", "harden_votes", "soften_scores"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

_LEARN_AT = (3, 10, 20, 40)
_LEVEL_PSEUDO = 20.0  # votes whose sureness is taken to say nothing


def soften_scores(scores: ArrayLike, *, temperature: float = 1.0) -> Array:
    """Return soft votes from the log-probabilities of the options, by a softmax over the classes.

    Parameters
    ----------
    scores : array_like, shape (n, m, k)
        A prompt all of whose scores are NaN abstains.
    temperature : float
        Above 1 flattens.

    Raises
    ------
    ConfigError
        If the temperature is not above 0.
    """
    if not temperature > 0:
        raise ConfigError(f"temperature is {temperature}; accepted are numbers above 0.")
    s = np.asarray(scores, dtype=np.float64) / temperature
    p = np.exp(s - s.max(axis=-1, keepdims=True))
    return np.asarray(p / p.sum(axis=-1, keepdims=True))


def harden_votes(soft_votes: ArrayLike) -> Ints:
    """Return the class with the largest share of each soft vote, -1 for an abstention, shape (n, m)."""
    p = _checked(soft_votes, None)
    silent = np.asarray(np.isnan(p).all(axis=2))
    return np.where(silent, -1, np.where(silent[:, :, None], 0.0, p).argmax(axis=2)).astype(np.int64)


class SoftVoteModel:
    """Label model that also learns what each prompt's sureness is worth.

    Parameters
    ----------
    n_classes : int
    dependencies : {"learn", "none"} or sequence of pairs of int
        As in `LabelModel`. Members of a group of g share one voice: each weighs ``1 / (1 + 0.8 (g - 1))``.
    class_balance : {"learn", "uniform"} or array_like, shape (k,)
    n_levels : int
        Levels of sureness of each prompt, of equal counts.
    max_iter : int
    tol : float
        EM stops when no posterior changes by more.

    Attributes
    ----------
    class_balance_ : ndarray, shape (k,)
    rates_ : ndarray, shape (m, k, k)
        ``P(vote | label)`` of each prompt's most probable class.
    thresholds_ : ndarray, shape (m, n_levels - 1)
        Probabilities of the most probable class between which its levels lie.
    level_odds_ : ndarray, shape (m, n_levels)
        How much likelier a level is under a right vote than under a wrong one: 1 if sureness says nothing.
    groups_ : tuple of tuples of int
    n_iter_, n_prompts_ : int

    Notes
    -----
    A `LabelModel` is fitted to the most probable classes. From its posterior EM learns rates anew, and how
    the levels are spread under right and wrong votes: ``P(vote, level | y) = P(vote | y) P(level | vote =
    y)``. So no probability is taken at its word: a prompt that is always sure gains nothing by it. The class
    balance is that of the label model. O(n m k) a round.

    Examples
    --------
    >>> soft = soften_scores([[[0.0, 2.0], [0.1, 0.0]], [[1.0, 0.0], [2.0, 0.0]]] * 50)
    >>> SoftVoteModel().fit(soft).predict(soft[:2]).tolist()
    [1, 0]
    """

    def __init__(
        self,
        n_classes: int = 2,
        *,
        dependencies: str | Sequence[Sequence[int]] = "learn",
        class_balance: str | ArrayLike = "learn",
        n_levels: int = 4,
        max_iter: int = 60,
        tol: float = 1e-4,
    ) -> None:
        self.n_classes = n_classes
        self.dependencies = dependencies
        self.class_balance = class_balance
        self.n_levels = n_levels
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, soft_votes: ArrayLike) -> Self:
        """Learn from soft votes (n, m, k), without labels; NaN where a prompt abstains.

        Raises
        ------
        ConfigError
            If an argument of the constructor is none of the accepted.
        ShapeError, DataError
            If the votes are not such an array of probabilities, or there are none.
        """
        if self.n_levels < 1 or self.max_iter < 1:
            raise ConfigError(
                f"n_levels is {self.n_levels} and max_iter {self.max_iter}; accepted are 1 and more of each."
            )
        p = _checked(soft_votes, self.n_classes)
        votes = harden_votes(p)
        base = LabelModel(self.n_classes, self.dependencies, class_balance=self.class_balance).fit(votes)
        self.class_balance_, self.groups_, self.n_prompts_ = base.class_balance_, base.groups_, votes.shape[1]
        self._weight = np.ones(self.n_prompts_)
        for group in self.groups_:
            self._weight[list(group)] = 1 / (1 + OVERLAP * (len(group) - 1))
        sure = _sureness(p)
        steps = np.arange(1, self.n_levels) / self.n_levels
        self.thresholds_ = np.stack(
            [_quantiles(sure[votes[:, j] >= 0, j], steps) for j in range(self.n_prompts_)]
        )
        levels = self._levels(sure)
        q, strengths = base.predict_proba(votes), Strengths()
        for n_iter in range(self.max_iter):
            self._learn(votes, levels, q, strengths, is_shared=base.kind_ == "majority", n_iter=n_iter)
            before, q = q, self._posterior(votes, levels)
            if float(np.abs(q - before).max()) < self.tol:
                break
        self.n_iter_ = n_iter + 1
        return self

    def predict_proba(self, soft_votes: ArrayLike) -> Array:
        """Return the posterior of the classes, shape (n, k); the class balance where no prompt votes.

        Raises
        ------
        ConfigError
            Before `fit`.
        ShapeError, DataError
            If the votes do not look like the fitted ones.
        """
        if not hasattr(self, "n_prompts_"):
            raise ConfigError("This SoftVoteModel has learned nothing yet; call fit(soft_votes) first.")
        p = _checked(soft_votes, self.n_classes)
        if p.shape[1] != self.n_prompts_:
            raise ShapeError(
                f"Soft votes have {p.shape[1]} prompts; the model was fitted on {self.n_prompts_}."
            )
        return self._posterior(harden_votes(p), self._levels(_sureness(p)))

    def predict(self, soft_votes: ArrayLike) -> Ints:
        """Return the most probable class of each row, the lowest among equals, shape (n,)."""
        return pick_classes(self.predict_proba(soft_votes))

    def _levels(self, sure: Array) -> Ints:
        """Return the level of each vote's sureness, shape (n, m)."""
        return np.asarray((sure[:, :, None] > self.thresholds_).sum(axis=2))

    def _learn(
        self, votes: Ints, levels: Ints, q: Array, strengths: Strengths, *, is_shared: bool, n_iter: int
    ) -> None:
        """Learn rates and levels from a posterior (n, k)."""
        k, m = self.n_classes, self.n_prompts_
        counts = OneHot(np.where(votes < 0, k, votes), k + 1).count(q)
        rates, _ = estimate_rates(
            counts, strengths, is_shared=is_shared, models_silence=False, learns=n_iter in _LEARN_AT
        )
        self.rates_ = np.swapaxes(rates[:, :k], 1, 2)
        right = np.take_along_axis(q, np.maximum(votes, 0), axis=1)  # (n, m)
        said = votes >= 0
        table = np.empty((2, m, self.n_levels))
        for j in range(m):
            at = levels[said[:, j], j]
            p = right[said[:, j], j]
            overall = (np.bincount(at, minlength=self.n_levels) + 1.0) / (len(at) + self.n_levels)
            for place, weight in enumerate((p, 1 - p)):
                found = np.bincount(at, weight, self.n_levels)
                table[place, j] = (found + _LEVEL_PSEUDO * overall) / (found.sum() + _LEVEL_PSEUDO)
        self.level_odds_ = table[0] / table[1]

    def _posterior(self, votes: Ints, levels: Ints) -> Array:
        score = np.tile(np.log(self.class_balance_), (len(votes), 1))
        for j in range(self.n_prompts_):
            said = np.flatnonzero(votes[:, j] >= 0)
            vote = votes[said, j]
            score[said] += self._weight[j] * np.log(self.rates_[j][:, vote].T)
            score[said, vote] += self._weight[j] * np.log(self.level_odds_[j][levels[said, j]])
        q = np.exp(score - score.max(axis=1, keepdims=True))
        return np.asarray(q / q.sum(axis=1, keepdims=True))


def _sureness(p: Array) -> Array:
    """Return the probability of each vote's most probable class, 0 for an abstention, shape (n, m)."""
    return np.asarray(np.where(np.isnan(p), 0.0, p).max(axis=2, initial=0.0))


def _quantiles(sure: Array, steps: Array) -> Array:
    return np.quantile(sure, steps) if len(sure) else np.ones(len(steps))


def _checked(soft_votes: ArrayLike, k: int | None) -> Array:
    p = np.asarray(soft_votes, dtype=np.float64)
    if p.ndim != 3 or p.shape[1] == 0 or p.shape[2] < 2 or (k is not None and p.shape[2] != k):
        raise ShapeError(f"Soft votes have shape {p.shape}; pass (instances, prompts, {k or 'classes'}).")
    silent = np.isnan(p).all(axis=2)
    told = p[~silent]
    is_wrong = ~np.isfinite(told).all(axis=1) | (told < 0).any(axis=1) | (np.abs(told.sum(axis=1) - 1) > 1e-3)
    if is_wrong.any():
        raise DataError(
            f"A soft vote is {told[is_wrong][0]} (such votes: {is_wrong.sum()}); pass shares of 1, "
            "or NaN in all classes for an abstention. See soften_scores for log-probabilities."
        )
    return p

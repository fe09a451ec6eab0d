"""Latent-class model: a hidden label, groups of dependent prompts, and everybody's errors learned by EM.

Shapes: n instances, U distinct rows, m prompts, k classes, S states.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import ConfigError
from longwave.prompting.label_model._expectation import LatentFit, Settings, fit_latent_classes
from longwave.prompting.label_model._start import first_posterior, with_levels
from longwave.prompting.label_model.base import Aggregator
from longwave.prompting.label_model.dependencies import find_dependencies, group_edges
from longwave.prompting.label_model.votes import VotePatterns, check_class_balance

__all__ = ["LatentClassModel", "class_rates", "vote_accuracies"]

Array = NDArray[np.float64]


class LatentClassModel(Aggregator):
    """EM for votes with class-wise errors, known groups of dependent prompts and a learned class balance.

    Parameters
    ----------
    n_classes : int
    groups : sequence of sequences of int
        Prompts that depend on each other; each group is one source with a free table of joint votes.
    class_balance : array_like, shape (k,), optional
        Learned when left out.
    abstentions : {"ignore", "model"}
        Whether the rate of abstention may depend on the class.
    has_difficulty : bool
        Let some rows be harder for all prompts than others.
    max_iter : int
    tol : float
        EM stops when the log-likelihood of a row grows by less.

    Attributes
    ----------
    class_balance_ : ndarray, shape (k,)
    rates_ : ndarray, shape (m, k, k + 1)
        ``P(vote | label)`` of each prompt, abstention last (1 where abstentions are ignored), averaged over
        difficulty.
    accuracies_ : ndarray, shape (m,)
        Share of each prompt's votes that are right.
    log_likelihood_ : float
    n_iter_ : int
    has_converged_ : bool
    n_prompts_ : int

    Notes
    -----
    Dawid & Skene's model (1979) with three changes. Rates are shrunk, as far as the evidence says, towards
    one accuracy a prompt, and those towards the mean: with few rows the model is close to majority vote.
    Members of a group are not independent evidence. EM starts from a vote in which every group has one voice,
    weighed by the agreement between groups, so prompts below chance are inverted from the start.
    """

    def __init__(
        self,
        n_classes: int = 2,
        *,
        groups: Sequence[Sequence[int]] = (),
        class_balance: ArrayLike | None = None,
        abstentions: str = "ignore",
        has_difficulty: bool = False,
        max_iter: int = 300,
        tol: float = 1e-7,
    ) -> None:
        self.n_classes = n_classes
        self.groups = groups
        self.class_balance = class_balance
        self.abstentions = abstentions
        self.has_difficulty = has_difficulty
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, votes: ArrayLike) -> Self:
        """Learn from votes (n, m), without labels.

        Raises
        ------
        ConfigError
            If an argument of the constructor is none of the accepted.
        ShapeError, DataError
            If the votes are not such a matrix.
        """
        k = self.n_classes
        v = self._votes_to_fit(votes)
        if self.abstentions not in ("ignore", "model"):
            raise ConfigError(f'Unknown abstentions "{self.abstentions}". Known: ignore, model.')
        if self.max_iter < 1:
            raise ConfigError(f"max_iter is {self.max_iter}; accepted are 1 and more rounds.")
        patterns = VotePatterns.of(v, k)
        edges = [(group[0], j) for group in self.groups for j in group[1:]]
        groups = group_edges(edges, v.shape[1])
        settings = Settings(
            n_classes=k,
            groups=groups,
            class_balance=None if self.class_balance is None else check_class_balance(self.class_balance, k),
            models_silence=self.abstentions == "model",
            n_levels=2 if self.has_difficulty else 1,
            max_iter=self.max_iter,
            tol=self.tol,
        )
        agreement = find_dependencies(patterns, k, groups)[0].agreement
        start = first_posterior(patterns, k, agreement, groups)
        self._fit = fit_latent_classes(patterns, with_levels(start, settings.n_levels), settings)
        self.n_prompts_ = v.shape[1]
        self.class_balance_ = self._fit.class_balance()
        self.rates_ = class_rates(self._fit)
        self.accuracies_ = vote_accuracies(self._fit)
        self.log_likelihood_ = self._fit.log_likelihood
        self.n_iter_ = self._fit.n_iter
        self.has_converged_ = self._fit.has_converged
        return self

    def predict_proba(self, votes: ArrayLike) -> Array:
        """Return the posterior of the classes, shape (n, k); the class balance for rows without a vote."""
        patterns = VotePatterns.of(self._votes_to_predict(votes), self.n_classes)
        p = self._fit.predict_proba(patterns.rows)
        p[(patterns.rows < 0).all(axis=1)] = self.class_balance_
        return np.asarray(p[patterns.inverse])


def class_rates(fit: LatentFit) -> Array:
    """Return ``P(vote | label)`` averaged over difficulty, shape (m, k, k + 1)."""
    k = fit.settings.n_classes
    m = len(fit.rates)
    rates = fit.rates.reshape(m, k + 1, -1, k)
    share = fit.prior.reshape(-1, k).sum(axis=1)
    return np.asarray(np.einsum("mclk,l->mkc", rates, share / share.sum()))


def vote_accuracies(fit: LatentFit) -> Array:
    """Return the share of each prompt's votes that are right, by the fitted rates, shape (m,)."""
    k = fit.settings.n_classes
    joint = fit.rates[:, :k] * fit.prior  # (m, k, S)
    label = np.arange(joint.shape[2]) % k
    right = joint[:, label, np.arange(joint.shape[2])].sum(axis=1)
    return np.asarray(right / joint.sum(axis=(1, 2)))

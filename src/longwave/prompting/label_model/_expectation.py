"""Expectation-maximisation of the latent-class model on distinct rows of votes.

Shapes: U distinct rows, m prompts, k classes, S states (``state = difficulty * k + class``).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from longwave.prompting.label_model._group_table import GroupTable
from longwave.prompting.label_model._one_hot import OneHot
from longwave.prompting.label_model._rates import Strengths, estimate_rates
from longwave.prompting.label_model.votes import VotePatterns

__all__ = ["LatentFit", "Settings", "fit_latent_classes"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

_LEARN_AT = (5, 10, 20, 40, 80, 160)  # rounds in which the strengths are chosen anew
_BALANCE_PSEUDO = 2.0  # rows of each class that are assumed


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What kind of latent-class model to fit.

    Attributes
    ----------
    n_classes : int
    groups : sequence of sequences of int
        Prompts that depend on each other; groups of one are ignored.
    class_balance : ndarray, shape (k,), optional
        Learned when left out.
    is_shared : bool
        One accuracy for all prompts.
    is_free : bool
        Learn what each pattern of a group's votes says; else its members tell it, as about one vote.
    models_silence : bool
        Whether abstentions may tell about the class.
    n_levels : int
        1, or 2 for easy and hard rows.
    max_iter : int
    tol : float
        Least gain of the log-likelihood a row.
    """

    n_classes: int
    groups: Sequence[Sequence[int]] = ()
    class_balance: Array | None = None
    is_shared: bool = False
    is_free: bool = True
    models_silence: bool = False
    n_levels: int = 1
    max_iter: int = 300
    tol: float = 1e-7


@dataclass(kw_only=True)
class LatentFit:
    """A fitted latent-class model.

    Attributes
    ----------
    posterior : ndarray, shape (U, S)
    log_likelihood : float
        Of the votes; of the votes given who votes, unless abstentions are modelled.
    n_free : float
        Effective number of free parameters: each counts by the share that the data have in it.
    rates : ndarray, shape (m, k + 1, S)
    prior : ndarray, shape (S,)
    counts : ndarray, shape (m, k + 1, S)
        Expected votes in each state.
    """

    settings: Settings
    posterior: Array
    log_likelihood: float
    n_free: float
    rates: Array
    prior: Array
    counts: Array
    n_iter: int
    has_converged: bool
    tables: list[GroupTable] = field(repr=False)

    def class_posterior(self) -> Array:
        """Return the posterior of the classes, shape (U, k)."""
        return _over_levels(self.posterior, self.settings.n_classes)

    def class_balance(self) -> Array:
        """Return the probability of each class, shape (k,)."""
        return np.asarray(_over_levels(self.prior[None], self.settings.n_classes)[0])

    def score(self, price: float) -> float:
        """Return the log-likelihood less a price for each free parameter; larger is better."""
        return self.log_likelihood - price * self.n_free

    def predict_proba(self, rows: Ints, asked: NDArray[np.bool_] | None = None) -> Array:
        """Return the posterior of the classes for rows of votes (r, m), shape (r, k).

        Parameters
        ----------
        rows : ndarray, shape (r, m)
        asked : ndarray of bool, shape (m,), optional
            Prompts that were asked. The others say nothing, not even by silence; a group of which some were
            not asked is told by the members that were.
        """
        k, m = self.settings.n_classes, rows.shape[1]
        symbols = np.where(rows < 0, k, rows)
        logs = np.log(self.rates)
        if asked is not None:
            logs = np.where(asked[:, None, None], logs, 0.0)
        score = np.tile(np.log(self.prior), (len(rows), 1))
        grouped = {j for table in self.tables for j in table.columns}
        for j in range(m):
            if j not in grouped:
                score += logs[j][symbols[:, j]]
        for table in self.tables:
            n_asked = len(table.columns) if asked is None else int(asked[table.columns].sum())
            if n_asked == len(table.columns):
                score += table.scores_of(symbols, logs, self.prior)
            elif n_asked:
                score += table.partial_scores(symbols, logs, n_asked)
        return _over_levels(_normalise(score)[0], k)


def fit_latent_classes(patterns: VotePatterns, start: Array, settings: Settings) -> LatentFit:
    """Fit by EM from a first posterior.

    Parameters
    ----------
    patterns : VotePatterns
    start : ndarray, shape (U, S)
    settings : Settings

    Notes
    -----
    E-step ``q(s | row) ∝ π_s ∏_j P(vote_j | s) ∏_g P(pattern_g | s)``; M-step: the smoothed estimates of
    `estimate_rates` and `GroupTable`. O(U m k S) a round.
    """
    k = settings.n_classes
    symbols = np.where(patterns.rows < 0, k, patterns.rows)
    one_hot = OneHot(symbols, k + 1)
    tables = [GroupTable(group, symbols, k + 1) for group in settings.groups if len(group) > 1]
    grouped = np.zeros(symbols.shape[1], dtype=bool)
    for table in tables:
        grouped[table.columns] = True
    n = float(patterns.counts.sum())
    strengths, posterior, last, has_converged = Strengths(), start, -np.inf, False
    for n_iter in range(settings.max_iter):
        weight = posterior * patterns.counts[:, None]
        prior = _estimate_prior(weight, n, settings)
        counts = one_hot.count(weight)
        learns = n_iter in _LEARN_AT
        rates, n_free = estimate_rates(
            counts,
            strengths,
            is_shared=settings.is_shared,
            models_silence=settings.models_silence,
            learns=learns,
        )
        logs = np.log(rates)
        single = np.where(grouped[:, None, None], 0.0, logs)
        score = one_hot.add_up(single) + np.log(prior)
        if settings.is_free:
            n_free *= 1 - float(grouped.mean())
        for table in tables:
            n_free += table.learn(
                weight, logs, prior, models_silence=settings.models_silence, is_free=settings.is_free
            )
            score += table.scores()
        posterior, evidence = _normalise(score)
        log_likelihood = float(patterns.counts @ evidence)
        has_converged = n_iter > 12 and not learns and abs(log_likelihood - last) < settings.tol * n
        if has_converged:
            break
        last = log_likelihood
    n_free += settings.n_levels - 1 + (k - 1 if settings.class_balance is None else 0)
    return LatentFit(
        settings=settings,
        posterior=posterior,
        log_likelihood=log_likelihood,
        n_free=n_free,
        rates=rates,
        prior=prior,
        counts=counts,
        n_iter=n_iter + 1,
        has_converged=has_converged,
        tables=tables,
    )


def _estimate_prior(weight: Array, n: float, settings: Settings) -> Array:
    """Return the probability of each state; difficulty does not depend on the class."""
    k, n_levels = settings.n_classes, settings.n_levels
    total = weight.sum(axis=0).reshape(n_levels, k)
    balance = settings.class_balance
    if balance is None:
        balance = (total.sum(axis=0) + _BALANCE_PSEUDO) / (n + _BALANCE_PSEUDO * k)
    levels = (total.sum(axis=1) + 1.0) / (n + n_levels)
    return np.asarray((levels[:, None] * balance).reshape(-1), dtype=np.float64)


def _normalise(score: Array) -> tuple[Array, Array]:
    """Return the posterior and the log-evidence of each row."""
    n_states = score.shape[1]
    # a reduction over a short last axis is slow; columns and a product with ones are not
    top = functools.reduce(np.maximum, score.T) if n_states <= 16 else score.max(axis=1)
    p = np.exp(score - top[:, None])
    total = p @ np.ones(n_states)
    return p / total[:, None], np.log(total) + top


def _over_levels(p: Array, k: int) -> Array:
    return np.asarray(p.reshape(len(p), p.shape[1] // k, k).sum(axis=1))

"""The joint votes of a group of dependent prompts, as those of one prompt with many symbols.

Shapes: U distinct rows, g members, P patterns of the members' votes, m prompts, k classes, S states.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from longwave.prompting.label_model._one_hot import OneHot

__all__ = ["GroupTable"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

PSEUDO_VOTES = 40.0  # a pattern seen less often is told mostly by its members
OVERLAP = 0.8  # how far members repeat each other, as a correlation, where their pattern says too little


class GroupTable:
    """A free table ``P(pattern | state)``, smoothed towards what the members say as about one vote.

    Parameters
    ----------
    columns : sequence of int
        The members.
    symbols : ndarray, shape (U, m)
        Votes, with ``k`` for an abstention.
    n_symbols : int
        ``k + 1``.

    Notes
    -----
    The states behind a pattern are smoothed by 40 pseudo-votes ``b(state | pattern)``, where b is the
    posterior from the members alone with each vote weighed by ``1 / (1 + 0.8 (g - 1))``: the design effect of
    g observations that correlate by 0.8. Unless abstentions are modelled, the table is normalised among the
    patterns in which the same members vote, so that silence says nothing.
    """

    def __init__(self, columns: Sequence[int], symbols: Ints, n_symbols: int) -> None:
        self.columns = list(columns)
        self._n_symbols = n_symbols
        codes, first, code = np.unique(self._encode(symbols), return_index=True, return_inverse=True)
        self._codes = codes
        self._votes = symbols[first][:, self.columns]
        _, mask = np.unique(self._votes == n_symbols - 1, axis=0, return_inverse=True)
        self._mask = mask.reshape(-1)
        self._one_hot = OneHot(code.reshape(-1, 1), len(codes))
        self._log_table = np.zeros((len(codes), 1))

    def _encode(self, symbols: Ints) -> Ints:
        codes = np.zeros(len(symbols), dtype=np.int64)
        for j in self.columns:
            codes = codes * self._n_symbols + symbols[:, j]
        return codes

    @property
    def n_shares(self) -> int:
        """How many free numbers say how often patterns occur, among rows on which the same members vote."""
        return len(self._codes) - int(self._mask.max()) - 1

    def learn(
        self, weight: Array, log_rates: Array, prior: Array, *, models_silence: bool, is_free: bool
    ) -> float:
        """Learn the table from weighted rows (U, S) and the members' rates (m, k + 1, S).

        Unless ``is_free``, the members tell all: how often a pattern occurs is learned, not what it says.

        Returns
        -------
        float
            How many free numbers the table amounts to.
        """
        counts = self._one_hot.count(weight)[0]  # (P, S)
        told = self._told_by_members(self._votes, log_rates, prior)
        seen = counts.sum(axis=1)
        trust = (seen / (seen + PSEUDO_VOTES))[:, None] if is_free else 0.0
        table = trust * counts + (1 - trust) * seen[:, None] * told
        table = np.maximum(table, 1e-9)
        if models_silence:
            table /= table.sum(axis=0)
        else:
            total = np.zeros((int(self._mask.max()) + 1, table.shape[1]))
            np.add.at(total, self._mask, table)
            table /= total[self._mask]
        self._log_table = np.log(table)
        return 0.0 if not is_free else float((seen / (seen + PSEUDO_VOTES)).sum() * (table.shape[1] - 1))

    def scores(self) -> Array:
        """Return ``log P(pattern | state)`` of the rows it was made for, shape (U, S)."""
        return self._one_hot.add_up(self._log_table[None])

    def scores_of(self, symbols: Ints, log_rates: Array, prior: Array) -> Array:
        """Return the same for other rows, up to a number a row; new patterns are told by their members."""
        codes = self._encode(symbols)
        place = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
        found = self._log_table[place]
        is_new = self._codes[place] != codes
        if is_new.any():
            told = self._told_by_members(symbols[is_new][:, self.columns], log_rates, prior)
            found[is_new] = np.log(told) - np.log(prior)
        return found

    def partial_scores(self, symbols: Ints, log_rates: Array, n_asked: int) -> Array:
        """Return what the votes of some members say as about one vote; the rates of the others are 1."""
        score = np.zeros((len(symbols), log_rates.shape[2]))
        for j in self.columns:
            score += log_rates[j][symbols[:, j]]
        return score / (1 + OVERLAP * (n_asked - 1))

    def _told_by_members(self, votes: Ints, log_rates: Array, prior: Array) -> Array:
        """Return the posterior from members' votes (P, g) that count as about one, shape (P, S)."""
        size = len(self.columns)
        score = np.zeros((len(votes), log_rates.shape[2]))
        for place, j in enumerate(self.columns):
            score += log_rates[j][votes[:, place]]
        score = score / (1 + OVERLAP * (size - 1)) + np.log(prior)
        p = np.exp(score - score.max(axis=1, keepdims=True))
        return np.asarray(np.maximum(p / p.sum(axis=1, keepdims=True), 1e-12))

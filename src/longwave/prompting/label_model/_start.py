"""Where EM starts: a weighted vote in which every group of prompts has one voice.

Shapes: U distinct rows, m prompts, k classes, S states.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from longwave.prompting.label_model._group_table import OVERLAP
from longwave.prompting.label_model.votes import VotePatterns

__all__ = ["first_posterior", "with_levels"]

Array = NDArray[np.float64]


def first_posterior(
    patterns: VotePatterns, n_classes: int, agreement: Array, groups: Sequence[Sequence[int]]
) -> Array:
    """Return a posterior from the agreement between groups, to start EM from, shape (U, k).

    Parameters
    ----------
    patterns : VotePatterns
    n_classes : int
    agreement : ndarray, shape (m,)
        Correlation of each prompt's votes with the label; 0 where nothing is known.
    groups : sequence of sequences of int
        Groups of two prompts and more that have one voice.

    Notes
    -----
    A prompt with correlation a to the label is taken to be right with probability ``(1 + (k-1) a) / k``; its
    vote weighs the log-odds of that, in a group of g members divided by ``1 + 0.8 (g - 1)``. Where nothing is
    known of the agreement every group has one vote.
    """
    k = n_classes
    m = patterns.rows.shape[1]
    accuracy = np.clip((1 + (k - 1) * agreement) / k, 0.02, 0.98)
    weight = np.log(accuracy * (k - 1) / (1 - accuracy))
    if np.abs(weight).max(initial=0.0) < 0.05:
        weight = np.ones(m)
    for group in groups:
        weight[list(group)] /= 1 + OVERLAP * (len(group) - 1)
    score = np.zeros((len(patterns.rows), k))
    for j in range(m):
        votes = patterns.rows[:, j]
        said = np.flatnonzero(votes >= 0)
        score[said, votes[said]] += weight[j]
    p = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def with_levels(posterior: Array, n_levels: int) -> Array:
    """Return a first posterior of the states: rows on which prompts agree are easy, the others hard."""
    if n_levels == 1:
        return posterior
    is_easy = posterior.max(axis=1, keepdims=True)
    return np.concatenate([posterior * is_easy, posterior * (1 - is_easy)], axis=1)

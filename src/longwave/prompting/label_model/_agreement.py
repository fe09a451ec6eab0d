"""How much two prompts agree beyond chance, and what of it one hidden label can explain.

Shapes: m prompts, k classes, U distinct rows, P partitions that are weighed at once.

With votes as centred one-hot vectors, the agreement of two prompts that are independent given the label is
``r_ij = a_i a_j``: a matrix of rank one but for its diagonal. Dependence stands out as what is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from longwave.prompting.label_model.votes import VotePatterns

__all__ = ["Agreement", "fit_rank_one", "measure_agreement"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

_ROUNDS = 40
_RIDGE = 2.0  # in units of squared standard errors; keeps a prompt from explaining all by itself
_MIN_PAIRS = 5  # rows on which both vote; below, nothing is known of a pair


@dataclass(frozen=True)
class Agreement:
    """Agreement of every two prompts beyond chance, as a correlation.

    Attributes
    ----------
    r : ndarray, shape (m, m)
        From -1 to 1; 0 where it is not known.
    error : ndarray, shape (m, m)
        Standard error of ``r``; infinite where it is not known, and on the diagonal.
    """

    r: Array
    error: Array


def measure_agreement(
    patterns: VotePatterns, n_classes: int, *, rows: Literal["both", "all"] = "both"
) -> Agreement:
    """Measure the agreement of every two prompts.

    Parameters
    ----------
    patterns : VotePatterns
    n_classes : int
    rows : {"both", "all"}
        On the rows on which both vote, or on all with an abstention as the mean vote. With dependent
        abstentions only the first has rank one, with abstentions that tell about the class only the second.

    Notes
    -----
    ``r_ij = tr Cov(x_i, x_j) / sqrt(tr Cov(x_i) tr Cov(x_j))`` with one-hot votes ``x``; for two classes the
    correlation of the votes. O(U m²).
    """
    m = patterns.rows.shape[1]
    r, error = np.zeros((m, m)), np.full((m, m), np.inf)
    for i in range(m):
        for j in range(i):
            measure = _agreement_where_both_vote if rows == "both" else _agreement_on_all_rows
            table = _vote_table(patterns.rows[:, i], patterns.rows[:, j], patterns.counts, n_classes)
            value, spread = measure(table)
            r[i, j] = r[j, i] = value
            error[i, j] = error[j, i] = spread
    return Agreement(r, error)


def _vote_table(a: Ints, b: Ints, counts: Array, k: int) -> Array:
    """Count every pair of votes, abstentions last, shape (k + 1, k + 1)."""
    code = np.where(a < 0, k, a) * (k + 1) + np.where(b < 0, k, b)
    return np.bincount(code, counts, (k + 1) ** 2).astype(np.float64).reshape(k + 1, k + 1)


def _agreement_where_both_vote(table: Array) -> tuple[float, float]:
    """Return the agreement and its standard error."""
    joint = table[:-1, :-1]
    n = float(joint.sum())
    if n < _MIN_PAIRS:
        return 0.0, np.inf
    joint = joint / n
    p, q = joint.sum(axis=1), joint.sum(axis=0)
    scale = float((1 - p @ p) * (1 - q @ q)) ** 0.5
    product = np.eye(len(p)) - q[:, None] - p[None, :] + p @ q  # of centred one-hot votes
    return _moments(joint, product, scale, n)


def _agreement_on_all_rows(table: Array) -> tuple[float, float]:
    n = float(table.sum())
    seen = table[:-1].sum(axis=1), table[:, :-1].sum(axis=0)
    if min(seen[0].sum(), seen[1].sum()) < _MIN_PAIRS:
        return 0.0, np.inf
    p, q = (x / x.sum() for x in seen)
    votes_share = float(seen[0].sum() / n * seen[1].sum() / n)
    scale = float((1 - p @ p) * (1 - q @ q) * votes_share) ** 0.5
    product = np.eye(len(p)) - q[:, None] - p[None, :] + p @ q
    return _moments(table[:-1, :-1] / n, product, scale, n)


def _moments(joint: Array, product: Array, scale: float, n: float) -> tuple[float, float]:
    if scale < 1e-9:
        return 0.0, np.inf  # one of them is constant
    mean = float((joint * product).sum())
    spread = float((joint * product**2).sum()) - mean**2
    return mean / scale, (max(spread, 1.0 / n) / n) ** 0.5 / scale


def fit_rank_one(r: Array, weight: Array) -> Array:
    """Return ``a`` with ``a_i a_j ≈ r_ij`` by weighted least squares, shape (P, m).

    Parameters
    ----------
    r : ndarray, shape (m, m)
    weight : ndarray, shape (P, m, m)
        Zero on the diagonal and for pairs that do not count.

    Notes
    -----
    Alternating least squares from the leading eigenvector of the weighted matrix, damped by one half.
    """
    weighted = weight * r
    strength = np.abs(weighted).sum(axis=2)
    values, vectors = np.linalg.eigh(np.where(weight > 0, r, 0.0))
    lead = np.abs(values).argmax(axis=1)
    a = np.take_along_axis(vectors, lead[:, None, None], axis=2)[:, :, 0]
    a = a * np.sqrt(np.abs(np.take_along_axis(values, lead[:, None], axis=1)))
    for _ in range(_ROUNDS):
        top = np.einsum("pij,pj->pi", weighted, a)
        bottom = np.einsum("pij,pj->pi", weight, a**2)
        step = np.where(strength > 0, top / (bottom + _RIDGE), 0.0)
        a = np.clip((a + step) / 2, -1.0, 1.0)
    return np.asarray(a)

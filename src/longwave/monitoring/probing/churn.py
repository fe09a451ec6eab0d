"""How likely an answer is to change, stratum by stratum: each learns from the others as far as they agree.

The chance c_k that a row of stratum k is answered otherwise than before has a prior Beta(m c₀, m (1 - c₀)),
one for the strata that were right and one for those that were wrong. The common chance c₀ and the agreement m
are unknown too and averaged over on a grid. So a stratum with two unchanged answers is not taken for
unchangeable, and one without any is not left out.
"""

# Shapes: K strata, G points of the grid, T draws

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from longwave.monitoring.classes import Codes, Floats
from longwave.monitoring.probing.strata import Bools

__all__ = ["ChurnPosterior", "fit_churn"]

# denser towards no change, where most strata are
COMMON = np.array(
    [
        *(0.0005, 0.001, 0.002, 0.004, 0.007, 0.012, 0.02, 0.03, 0.045, 0.065, 0.09, 0.12),
        *(0.16, 0.21, 0.27, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.93, 0.97, 0.99),
    ]
)
AGREEMENT = np.array([0.1, 0.3, 0.6, 1.2, 2.5, 5.0, 10.0, 25.0, 80.0, 300.0])
ALPHA = (COMMON[:, None] * AGREEMENT).ravel()  # (G,)
BETA = ((1 - COMMON)[:, None] * AGREEMENT).ravel()


@dataclass(frozen=True, kw_only=True, eq=False)
class ChurnPosterior:
    """What is known of the chance of a change in every stratum.

    Parameters
    ----------
    changed, asked : ndarray of int, shape (K,)
        Answers that changed, and all answers.
    is_right : ndarray of bool, shape (K,)
    weights : ndarray, shape (2, G)
        Posterior of the grid for strata that were wrong (0) and right (1).
    """

    changed: Codes
    asked: Codes
    is_right: Bools
    weights: Floats

    def moments(self) -> tuple[Floats, Floats]:
        """Return the posterior means of c and of c², each of shape (K,)."""
        a = ALPHA + self.changed[:, None]  # (K, G)
        total = ALPHA + BETA + self.asked[:, None]
        weights = self.weights[self.is_right.astype(np.int64)]
        first = a / total
        return (weights * first).sum(axis=1), (weights * first * (a + 1) / (total + 1)).sum(axis=1)

    def draw(self, rng: np.random.Generator, n_draws: int) -> Floats:
        """Draw chances from the posterior, shape (T, K): strata of a kind share each draw of the grid."""
        chances = np.empty((n_draws, len(self.asked)))
        for kind in (False, True):
            mine = self.is_right == kind
            point = rng.choice(len(ALPHA), size=n_draws, p=self.weights[int(kind)])[:, None]
            unchanged = (self.asked - self.changed)[mine]
            chances[:, mine] = rng.beta(ALPHA[point] + self.changed[mine], BETA[point] + unchanged)
        return chances


def fit_churn(changed: Codes, asked: Codes, is_right: Bools) -> ChurnPosterior:
    """Weigh the grid by what was answered so far.

    Parameters
    ----------
    changed, asked : ndarray of int, shape (K,)
    is_right : ndarray of bool, shape (K,)

    Notes
    -----
    The likelihood of a point is the product over strata of ``B(α + x, β + n - x) / B(α, β)``, the
    beta-binomial law; the prior over the grid is even. Time and memory O(G (K + max n)).
    """
    weights = np.empty((2, len(ALPHA)))
    tables = _log_rising(1 << int(asked.max(initial=1)).bit_length())
    for kind in (False, True):
        x, n = changed[is_right == kind], asked[is_right == kind]
        up, down, both = (table[:, places] for table, places in zip(tables, (x, n - x, n), strict=True))
        log = (up + down - both).sum(axis=1)
        likelihood = np.exp(log - log.max())
        weights[int(kind)] = likelihood / likelihood.sum()
    return ChurnPosterior(changed=changed, asked=asked, is_right=is_right, weights=weights)


@lru_cache(maxsize=4)
def _log_rising(n_max: int) -> tuple[Floats, Floats, Floats]:
    """Return ``log Γ(a + n) - log Γ(a)`` for α, β and their sum; shape (G, n_max + 1) each."""

    def table(a: Floats) -> Floats:
        logs = np.log(a[:, None] + np.arange(n_max))
        return np.concatenate([np.zeros((len(a), 1)), np.cumsum(logs, axis=1)], axis=1)

    return table(ALPHA), table(BETA), table(ALPHA + BETA)

"""Where an answer that changed goes: to the right label, or to one of the errors the model makes."""

# Shapes: C classes, K strata, P pairs (label, earlier prediction) within strata, T draws

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longwave.monitoring.classes import Codes, Floats
from longwave.monitoring.probing.strata import Bools, Strata

__all__ = ["Destinations", "find_destinations"]

# how many answers the expectation weighs as much as: few where each stratum has an error of its own
MASSES = np.array([0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0])


@dataclass(frozen=True, kw_only=True, eq=False)
class Destinations:
    """What is expected of answers that change, before a stratum's own are counted.

    Parameters
    ----------
    stratum, label, before, rest : ndarray of int, shape (P,)
        The pairs of each stratum with rows that were not asked, and the number of these rows.
    elsewhere : ndarray, shape (P, C)
        Law of a new answer that is neither the earlier one nor right: the errors the model made on this label
        before, smoothed by its answers to all labels. Rows are 0 where no such answer exists.
    can_fix, can_err : ndarray of bool, shape (P,)
        Whether a change can lead to the right label, or to another one.
    n_fixed : ndarray of int, shape (K,)
        Answers that became right.
    n_moved : int
        Changes of answers that were wrong; with ``n_fixed``, how often a change mends an answer.
    mass : float
        How many answers that changed the expectation weighs as much as, learned from all strata.
    """

    stratum: Codes
    label: Codes
    before: Codes
    rest: Codes
    elsewhere: Floats
    can_fix: Bools
    can_err: Bools
    n_fixed: Codes
    n_moved: int
    mass: float

    def rest_of(self, n_strata: int) -> Codes:
        """Return the rows of each stratum that were not asked, shape (K,)."""
        return np.bincount(self.stratum, weights=self.rest, minlength=n_strata).astype(np.int64)

    def fixed_share(self) -> float:
        """Return the expected share of changes of wrong answers that make them right."""
        return (1 + float(self.n_fixed.sum())) / (2 + self.n_moved)

    def draw_fixed(self, rng: np.random.Generator, n_draws: int) -> Floats:
        """Draw that share, shape (T,)."""
        n_fixed = int(self.n_fixed.sum())
        if not self.can_err[self.can_fix].any():  # two classes: what was wrong and changes is right
            return np.ones(n_draws)
        return rng.beta(1 + n_fixed, 1 + self.n_moved - n_fixed, size=n_draws)

    def mean(self, fixed: float | None = None) -> Floats:
        """Return the law of the new answer of each pair, shape (P, C)."""
        share = self.fixed_share() if fixed is None else fixed
        return _law(self.elsewhere, self.label, self.can_fix, self.can_err, share)


def find_destinations(strata: Strata, after: Codes, n_classes: int) -> Destinations:
    """Learn where changes go from earlier errors and from the answers so far.

    Parameters
    ----------
    strata : Strata
    after : ndarray of int, shape (N,)
        -1 where a row was not answered.
    n_classes : int
        C; at least that of the strata.
    """
    told = after >= 0
    y, o = strata.labels, strata.before
    was_wrong = told & (y != o)
    is_fixed = was_wrong & (after == y)
    n_moved = int((was_wrong & (after != o)).sum())
    share = (1 + float(is_fixed.sum())) / (2 + n_moved)
    key = (strata.stratum * n_classes + y) * n_classes + o
    found, rest = np.unique(key[~told], return_counts=True)
    stratum, label, before = found // n_classes**2, found // n_classes % n_classes, found % n_classes
    common = _errors(strata, n_classes)
    elsewhere, can_err = _elsewhere(common, label, before)
    changed = np.flatnonzero(told & (after != o))
    return Destinations(
        stratum=stratum,
        label=label,
        before=before,
        rest=rest.astype(np.int64),
        elsewhere=elsewhere,
        can_fix=label != before,
        can_err=can_err,
        n_fixed=np.bincount(strata.stratum[is_fixed], minlength=strata.n_strata).astype(np.int64),
        n_moved=n_moved,
        mass=_learn_mass(common, key[changed], after[changed], share),
    )


def _errors(strata: Strata, n_classes: int) -> Floats:
    """Count the earlier answers to each label, smoothed by those to all labels; shape (C, C)."""
    y, o = strata.labels, strata.before
    confusion = np.bincount(y * n_classes + o, minlength=n_classes**2).reshape(n_classes, n_classes)
    return np.asarray(confusion + (confusion.sum(axis=0) + 0.5) / (strata.n_rows + n_classes / 2))


def _elsewhere(common: Floats, label: Codes, before: Codes) -> tuple[Floats, Bools]:
    """Return the law of answers that are neither right nor the earlier one, and whether there are any."""
    law = common[label]
    places = np.arange(len(label))
    law[places, label] = 0.0
    law[places, before] = 0.0
    total = law.sum(axis=1, keepdims=True)
    return law / np.where(total > 0, total, 1.0), total[:, 0] > 0


def _law(elsewhere: Floats, label: Codes, can_fix: Bools, can_err: Bools, share: float) -> Floats:
    mends = np.where(can_fix, np.where(can_err, share, 1.0), 0.0)
    law = (1 - mends)[:, None] * elsewhere
    law[np.arange(len(law)), label] += mends
    return np.asarray(law, dtype=np.float64)


def _learn_mass(common: Floats, key: Codes, after: Codes, share: float) -> float:
    """Weigh the grid of masses by the Dirichlet-multinomial law of what changed, pair by pair."""
    n_classes = len(common)
    pairs, place = np.unique(key, return_inverse=True)
    label, before = pairs // n_classes % n_classes, pairs % n_classes
    elsewhere, can_err = _elsewhere(common, label, before)
    law = _law(elsewhere, label, label != before, can_err, share)
    cells, counts = np.unique(place * n_classes + after, return_counts=True)
    chance = law[cells // n_classes, cells % n_classes]
    sizes = np.bincount(place, minlength=len(pairs))
    log = np.array(
        [_log_rising(m * chance, counts) - _log_rising(np.full(len(pairs), m), sizes) for m in MASSES]
    )
    weights = np.exp(log - log.max())
    return float(np.exp(weights @ np.log(MASSES) / weights.sum()))


def _log_rising(a: Floats, n: Codes) -> float:
    """Return ``Σ_i log Γ(a_i + n_i) - log Γ(a_i)``."""
    which = np.repeat(np.arange(len(n)), n)
    step = np.arange(len(which)) - np.repeat(np.cumsum(n) - n, n)
    return float(np.log(a[which] + step).sum())

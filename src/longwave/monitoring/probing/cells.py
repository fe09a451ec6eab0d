"""How sure each cell of a confusion shift is: standard errors and intervals.

Rows with label a that change add to a cell (a, z) and leave a cell (a, b); within a stratum each of these is
a *flow*. The standard error of a cell is that of its posterior mean. Its interval assumes less: a flow is
bounded by the answers to the rows it could come from, and not by what other strata did, since an error that
nobody expected is what a probe should not miss.
"""

# Shapes: C classes, F flows

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longwave.monitoring.classes import Codes, Floats
from longwave.monitoring.probing.churn import ChurnPosterior
from longwave.monitoring.probing.destinations import Destinations
from longwave.monitoring.probing.strata import Strata

__all__ = ["Flows", "cell_errors", "cell_intervals", "find_flows"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Flows:
    """Ways in which rows of a stratum can change the matrix.

    Parameters
    ----------
    stratum, cell : ndarray of int, shape (F,)
        ``cell`` is a place in the flat matrix.
    sign : ndarray, shape (F,)
        1 where rows come, -1 where they leave.
    expected : ndarray, shape (F,)
        Share of the changes to come of the stratum.
    seen, asked, rest : ndarray of int, shape (F,)
        Changes seen; rows asked that could have done so; rows not asked that still could.
    """

    stratum: Codes
    cell: Codes
    sign: Floats
    expected: Floats
    seen: Codes
    asked: Codes
    rest: Codes


def find_flows(strata: Strata, after: Codes, to: Destinations) -> Flows:
    """List all flows of all strata."""
    n_classes = to.elsewhere.shape[1]
    told = after >= 0
    moved = told & (after != strata.before)
    place = strata.stratum * n_classes + strata.labels  # rows of a stratum that share a label
    n_places = strata.n_strata * n_classes
    share = to.rest / np.maximum(to.rest_of(strata.n_strata), 1)[to.stratum]  # (P,)

    come = np.zeros((n_places, n_classes))
    np.add.at(come, to.stratum * n_classes + to.label, share[:, None] * to.mean())
    seen = _count(place[moved] * n_classes + after[moved], come.size)
    gains = np.flatnonzero((come.ravel() > 0) | (seen > 0))
    at = gains // n_classes

    pair = place * n_classes + strata.before
    leave = np.zeros(come.size)
    np.add.at(leave, (to.stratum * n_classes + to.label) * n_classes + to.before, share)
    left = _count(pair[moved], come.size)
    losses = np.flatnonzero((leave > 0) | (left > 0))

    of_place, of_pair = (
        tuple(_count(key[which], size) for which in (told, ~told))
        for key, size in ((place, n_places), (pair, come.size))
    )
    flow = np.concatenate([gains, losses])
    return Flows(
        stratum=flow // n_classes**2,
        cell=flow % n_classes**2,
        sign=np.repeat([1.0, -1.0], [len(gains), len(losses)]),
        expected=np.concatenate([come.ravel()[gains], leave[losses]]),
        seen=np.concatenate([seen[gains], left[losses]]),
        asked=np.concatenate([of_place[0][at], of_pair[0][losses]]),
        rest=np.concatenate([of_place[1][at], of_pair[1][losses]]),
    )


def _count(places: Codes, size: int) -> Codes:
    return np.bincount(places, minlength=size).astype(np.int64)


def cell_errors(flows: Flows, churn: ChurnPosterior, rest: Codes, mass: float, n_classes: int) -> Floats:
    """Return the posterior standard deviation of every cell in rows, shape (C, C).

    Parameters
    ----------
    flows : Flows
    churn : ChurnPosterior
    rest : ndarray of int, shape (K,)
        Rows of each stratum that were not asked.
    mass : float
        Of `Destinations`.
    n_classes : int

    Notes
    -----
    Of R rows ``m ~ Binomial(R, c)`` change, and ``Binomial(m, p)`` of these take a flow, with ``p ~ Beta``.
    Flows are taken for independent.
    """
    mean, square = churn.moments()
    k = flows.stratum
    m1, m2 = (rest * mean)[k], (rest * (rest - 1) * square)[k]  # E m and E m(m - 1)
    total = (mass + churn.changed)[k]
    a = mass * flows.expected + flows.seen
    p1, p2 = a / total, a * (a + 1) / (total * (total + 1))
    variance = m1 * p1 + m2 * p2 - (m1 * p1) ** 2
    summed = np.bincount(flows.cell, weights=variance, minlength=n_classes**2)
    return np.sqrt(np.maximum(summed, 0)).reshape(n_classes, n_classes)


def cell_intervals(flows: Flows, n_classes: int, *, z: float) -> tuple[Floats, Floats]:
    """Return the interval of every cell in rows, changes that were seen included; shape (C, C) each.

    Parameters
    ----------
    flows : Flows
    n_classes : int
    z : float
        Quantile of the normal law, 1.96 for 95 %.

    Notes
    -----
    Wilson's interval bounds the rate of each flow, drawn in by ``sqrt(rest / all)`` because rows are drawn
    without replacement, and the distances of sums and differences to their bounds add up in squares. A flow
    of which no row was asked is bounded by 0 and 1.

    References
    ----------
    G. Y. Zou, A. Donner, Statistics in Medicine 27 (2008) 1693-1702, eq. 3, for sums of bounded rates.
    """
    n, s, rest = flows.asked, flows.seen, flows.rest.astype(float)
    safe = np.maximum(n, 1)
    rate = np.where(n > 0, s / safe, 0.0)
    centre = (rate + z * z / (2 * safe)) / (1 + z * z / safe)
    half = z * np.sqrt(rate * (1 - rate) / safe + (z / (2 * safe)) ** 2) / (1 + z * z / safe)
    drawn_in = np.sqrt(rest / np.maximum(rest + n, 1))
    below = np.where(n > 0, np.maximum(rate - (centre - half), 0) * drawn_in, 0.0) * rest
    above = np.where(n > 0, np.maximum(centre + half - rate, 0) * drawn_in, 1.0) * rest
    comes = flows.sign > 0

    def add(values: Floats) -> Floats:
        return np.bincount(flows.cell, weights=values, minlength=n_classes**2).astype(np.float64)

    middle = add(flows.sign * (s + rate * rest))
    low = middle - np.sqrt(add(np.where(comes, below, above) ** 2))
    high = middle + np.sqrt(add(np.where(comes, above, below) ** 2))
    return low.reshape(n_classes, n_classes), high.reshape(n_classes, n_classes)

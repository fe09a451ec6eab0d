"""Search for the groups of prompts under which one hidden label explains the agreement between groups.

Shapes: m prompts, P partitions that are weighed at once. A partition is a row of m group numbers, in order of
their first members.

The cost of a partition is the misfit of a rank-one matrix to the agreement between groups, plus prices: of
each merger, of each pair inside a group, and of prompts that agree much, or unevenly, with the label. The
last decides between explanations that fit equally well. Four copies of a poor prompt beside three good ones
can be read as four excellent prompts and three dependent ones; the reading in which prompts agree with the
label no more than they must is the right one, as long as near-copies are likelier than near-perfect prompts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from longwave.prompting.label_model._agreement import Agreement, fit_rank_one

__all__ = ["number_groups", "saves_enough", "search_partitions"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

TOLERANCE = 0.02  # a dependence that changes an agreement by less does not matter, however many rows show it
_MERGER_EXTRA = 4.0
_PAIR_PRICE = 0.09
_PERFECT_FROM, _PERFECT_PRICE = 0.78, 3.0  # agreement with the label from which a copy is likelier
_SPREAD_PRICE = 30.0  # as if agreements with the label had a standard deviation of 0.18
_MIN_GROUPS = 3  # fewer say nothing about who is right
_STARTS = 4
_NEAR = 0.75  # prices of a merger within which two explanations cost about as much
_LEAST_SAVING = 20.0  # of all groups, ten nats; on independent prompts less was saved by chance
_MOVES = 40  # most promising mergers, and moves of one prompt, that are tried in a step


def search_partitions(agreement: Agreement, n: float) -> list[Ints]:
    """Return the cheapest partition that is found, and others that cost about as much; shape (m,) each.

    Parameters
    ----------
    agreement : Agreement
    n : float
        Rows behind it.

    Notes
    -----
    Steepest descent by mergers and moves of one prompt, from all prompts alone and from the four best
    cuts of a dendrogram of the agreement. Deterministic.
    """
    m = len(agreement.r)
    if m <= _MIN_GROUPS:
        return [np.arange(m)]
    search = _Search(agreement, n)
    starts = search.dendrogram()
    order = np.argsort(search.costs(np.array(starts))[0], kind="stable")[:_STARTS].tolist()
    found = dict[tuple[int, ...], float]()
    for i in dict.fromkeys([*order, 0]):
        cost, labels = search.descend(starts[i])
        found[tuple(labels.tolist())] = cost
    best = min(found.values())
    near = sorted((cost, labels) for labels, cost in found.items() if cost < best + _NEAR * search.price)
    return [np.array(labels) for _, labels in near]


def saves_enough(agreement: Agreement, n: float, labels: Ints) -> bool:
    """Tell whether a partition costs much less than prompts that are all alone."""
    alone, cost = _Search(agreement, n).costs(np.array([np.arange(len(labels)), labels]))[0]
    return bool(cost < alone - _LEAST_SAVING)


def number_groups(labels: Ints) -> Ints:
    """Return a partition with its groups numbered in order of their first members."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse.reshape(-1)], dtype=np.int64)


class _Search:
    def __init__(self, agreement: Agreement, n: float) -> None:
        self.r = agreement.r
        self.m = len(self.r)
        self.weight = 1.0 / (agreement.error**2 + TOLERANCE**2)
        np.fill_diagonal(self.weight, 0.0)
        n_pairs = self.m * (self.m - 1) / 2
        self.price = 2 * float(np.log(max(n_pairs, 1.0))) + float(np.log(max(n, 2.0))) + _MERGER_EXTRA

    def costs(self, labels: Ints) -> tuple[Array, Array]:
        """Return the costs of partitions (P, m), and the misfit of every pair (P, m, m)."""
        is_across = labels[:, :, None] != labels[:, None, :]
        weight = self.weight * is_across
        a = fit_rank_one(self.r, weight)
        misfit = self.weight * (self.r - a[:, :, None] * a[:, None, :]) ** 2
        n_inside = ((~is_across).sum(axis=(1, 2)) - self.m) / 2
        agreement = (a**2 + _PERFECT_PRICE * np.maximum(np.abs(a) - _PERFECT_FROM, 0.0)).sum(axis=1)
        spread = np.abs(a) - np.abs(a).mean(axis=1, keepdims=True)
        n_mergers = self.m - 1 - labels.max(axis=1)
        explained = (misfit * is_across).sum(axis=(1, 2)) / 2 + self.price * agreement
        explained += _SPREAD_PRICE * (spread**2).sum(axis=1)
        unexplained = (weight * self.r**2).sum(axis=(1, 2)) / 2  # with prompts that know nothing
        cost = np.minimum(explained, unexplained) + self.price * n_mergers
        return cost + self.price * _PAIR_PRICE * n_inside, misfit

    def descend(self, labels: Ints) -> tuple[float, Ints]:
        """Go to the cheapest neighbour as long as there is a cheaper one."""
        cost, misfit = self.costs(labels[None])
        best = float(cost[0])
        while True:
            near = self._neighbours(labels, misfit[0])
            if not len(near):
                return best, labels
            cost, around = self.costs(near)
            i = int(np.argmin(cost))
            if cost[i] >= best - 1e-6:
                return best, labels
            best, labels, misfit = float(cost[i]), near[i], around[i : i + 1]

    def dendrogram(self) -> list[Ints]:
        """Return the cuts of an average-linkage tree of the agreement, from m groups to three."""
        labels = np.arange(self.m)
        cuts = [labels]
        similarity = np.abs(self.r) * (self.weight > 0)
        for n_groups in range(self.m, _MIN_GROUPS, -1):
            member = np.eye(n_groups)[labels]
            size = member.sum(axis=0)
            mean = member.T @ similarity @ member / np.outer(size, size)
            np.fill_diagonal(mean, -1.0)
            a, b = divmod(int(np.argmax(mean)), n_groups)
            labels = number_groups(np.where(labels == max(a, b), min(a, b), labels))
            cuts.append(labels)
        return cuts

    def _neighbours(self, labels: Ints, misfit: Array) -> Ints:
        """Return partitions one merger or one moved prompt away, those first that explain most misfit."""
        n_groups = int(labels.max()) + 1
        member = np.eye(n_groups)[labels]  # (m, groups)
        to_group = misfit @ member  # (m, groups)
        between = member.T @ to_group
        upper = np.triu_indices(n_groups, 1)
        found = []
        for place in np.argsort(-between[upper], kind="stable")[:_MOVES].tolist():
            a, b = int(upper[0][place]), int(upper[1][place])
            found.append(np.where(labels == b, a, labels))
        to_group[np.arange(self.m), labels] = -1.0
        places = np.argsort(-to_group.ravel(), kind="stable")[:_MOVES].tolist()
        found += [_moved(labels, place // n_groups, place % n_groups) for place in places]
        is_grouped = member.sum(axis=0)[labels] > 1
        found += [_moved(labels, int(i), n_groups) for i in np.flatnonzero(is_grouped)]
        numbered = {tuple(number_groups(x).tolist()) for x in found} - {tuple(labels.tolist())}
        kept = sorted(x for x in numbered if max(x) + 1 >= _MIN_GROUPS)
        return np.array(kept, dtype=np.int64).reshape(len(kept), self.m)


def _moved(labels: Ints, prompt: int, group: int) -> Ints:
    changed = labels.copy()
    changed[prompt] = group
    return changed

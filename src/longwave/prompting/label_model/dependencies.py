"""Which prompts depend on each other given the label, learned from the votes alone.

Shapes: n instances, m prompts, k classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import ConfigError
from longwave.prompting.label_model._agreement import Agreement, fit_rank_one, measure_agreement
from longwave.prompting.label_model._expectation import Settings, fit_latent_classes
from longwave.prompting.label_model._partitions import (
    TOLERANCE,
    number_groups,
    saves_enough,
    search_partitions,
)
from longwave.prompting.label_model._start import first_posterior
from longwave.prompting.label_model.votes import VotePatterns, check_votes

__all__ = ["Dependencies", "group_edges", "learn_dependencies"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Edge = tuple[int, int]

_LEAST_GAIN = 5.0  # squared standard errors a prompt that agreement must explain; else nothing is known of it
_LEAST_EVIDENCE = 15.0  # nats by which one explanation rules out another


@dataclass(frozen=True, kw_only=True)
class Dependencies:
    """Groups of prompts that depend on each other given the label.

    Attributes
    ----------
    groups : tuple of tuples of int
        Groups of two and more, in order of their first members.
    edges : tuple of pairs of int
        Every two members of a group, smaller first.
    excess : ndarray, shape (m, m)
        Agreement of two prompts beyond what the label explains, as a correlation.
    agreement : ndarray, shape (m,)
        Estimated correlation of each prompt's votes with the label; below 0, it is worse than chance.
    """

    groups: tuple[tuple[int, ...], ...]
    edges: tuple[Edge, ...]
    excess: Array
    agreement: Array


def learn_dependencies(votes: ArrayLike, *, n_classes: int = 2) -> Dependencies:
    """Learn which prompts depend on each other given the label.

    Parameters
    ----------
    votes : array_like, shape (n, m)
        -1 abstains.
    n_classes : int

    Returns
    -------
    Dependencies
        Without groups for fewer than four prompts: then any agreement has an independent explanation.

    Raises
    ------
    ConfigError, ShapeError, DataError
        As `check_votes`.

    Notes
    -----
    If all prompts were independent given the label, their agreement beyond chance would be
    ``r_ij = a_i a_j``. The groups are those under which this holds between groups, at the least price (see
    `longwave.prompting.label_model._partitions`): sparse plus low rank, as in arXiv 1903.05844, but on the
    correlations themselves, with prices in units of their standard errors and whole groups instead of single
    edges. Of explanations that cost about as much, that one is taken under which the votes themselves, not
    only their pairs, are most probable; and groups that save less than ten nats are none. For more than two
    classes rank one is exact only where errors are spread evenly. Prompts whose abstentions depend on each
    other are no group for that.

    Where prompts abstain, a pair must be found on the rows on which both vote, and on all rows.

    References
    ----------
    Ratner et al. 2018 (arXiv 1810.02840) for the rank; Varma et al. 2019 (arXiv 1903.05844) for the split.

    Examples
    --------
    >>> from longwave.prompting.label_model.generators import make_votes
    >>> drawn = make_votes("cliques", 2000, seed=3)
    >>> set(learn_dependencies(drawn.votes).edges) == drawn.source.edges
    True
    """
    v = check_votes(votes, n_classes)
    return find_dependencies(VotePatterns.of(v, n_classes), n_classes)[0]


def find_dependencies(
    patterns: VotePatterns, n_classes: int, groups: Sequence[Sequence[int]] | None = None
) -> list[Dependencies]:
    """Learn the dependencies of checked votes: the best reading, then those that explain them about as well.

    Where groups are given there is one reading, and only how much prompts agree is learned.
    """
    agreement = measure_agreement(patterns, n_classes)
    n = float(patterns.counts.sum())
    if groups is not None:
        return [_describe(agreement, groups)]
    partitions = search_partitions(agreement, n)
    if (patterns.rows < 0).any() and any(len(set(labels.tolist())) < len(labels) for labels in partitions):
        on_all_rows = search_partitions(measure_agreement(patterns, n_classes, rows="all"), n)[0]
        partitions = [number_groups(labels * len(labels) + on_all_rows) for labels in partitions]
    if len(partitions) > 1:
        partitions = _most_evident(patterns, n_classes, agreement, partitions)
    if not saves_enough(agreement, n, partitions[0]):
        partitions.insert(0, np.arange(len(agreement.r)))
    readings = [_describe(agreement, _groups_of(labels)) for labels in partitions]
    return list({reading.groups: reading for reading in readings}.values())


def _most_evident(
    patterns: VotePatterns, n_classes: int, agreement: Agreement, partitions: Sequence[Ints]
) -> list[Ints]:
    """Return the partitions with most evidence, best first."""
    evidence = np.array(
        [_evidence(patterns, n_classes, _describe(agreement, _groups_of(labels))) for labels in partitions]
    )
    order = np.argsort(-evidence, kind="stable").tolist()
    return [partitions[i] for i in order if evidence[i] > evidence.max() - _LEAST_EVIDENCE]


def _groups_of(labels: Ints) -> list[list[int]]:
    return [np.flatnonzero(labels == g).tolist() for g in range(int(labels.max(initial=-1)) + 1)]


def _describe(agreement: Agreement, groups: Sequence[Sequence[int]]) -> Dependencies:
    """Return groups with the agreement that the label explains, and what is left."""
    m = len(agreement.r)
    found = [tuple(sorted(group)) for group in groups if len(group) > 1]
    labels = np.arange(m)
    for group in found:
        labels[list(group)] = group[0]
    weight = (labels[:, None] != labels[None, :]) / (agreement.error**2 + TOLERANCE**2)
    a = fit_rank_one(agreement.r, weight[None])[0]
    gain = weight * (agreement.r**2 - (agreement.r - np.outer(a, a)) ** 2)
    a *= _sign(a, labels) if gain.sum() / 2 > _LEAST_GAIN * m else 0.0
    excess = np.where(np.isfinite(agreement.error), agreement.r - np.outer(a, a), 0.0)
    return Dependencies(
        groups=tuple(sorted(found)),
        edges=tuple(sorted((i, j) for group in found for i in group for j in group if i < j)),
        excess=excess,
        agreement=a,
    )


def _evidence(patterns: VotePatterns, n_classes: int, dependencies: Dependencies) -> float:
    """Return the log-likelihood of the votes under such groups, less a nat for each free parameter."""
    start = first_posterior(patterns, n_classes, dependencies.agreement, dependencies.groups)
    fit = fit_latent_classes(patterns, start, Settings(n_classes=n_classes, groups=dependencies.groups))
    return fit.score(1.0) - sum(table.n_shares for table in fit.tables)


def _sign(a: Array, labels: Ints) -> float:
    """Return the sign under which most groups, each counted once, are better than chance."""
    size = np.bincount(labels, minlength=len(labels))[labels]
    return -1.0 if float((a / size).sum()) < 0 else 1.0


def group_edges(edges: Iterable[Sequence[int]], n_prompts: int) -> list[list[int]]:
    """Return the connected groups of two and more prompts.

    Raises
    ------
    ConfigError
        If an edge is not a pair of two different columns.
    """
    labels = np.arange(n_prompts)
    for edge in edges:
        pair = tuple(edge)
        if len(pair) != 2 or pair[0] == pair[1] or not all(0 <= int(i) < n_prompts for i in pair):
            raise ConfigError(
                f"An edge is {pair}; accepted are pairs of different columns from 0 to {n_prompts - 1}, "
                'or dependencies="learn".'
            )
        a, b = labels[pair[0]], labels[pair[1]]
        labels[labels == max(a, b)] = min(a, b)
    return [np.flatnonzero(labels == g).tolist() for g in np.unique(labels) if (labels == g).sum() > 1]

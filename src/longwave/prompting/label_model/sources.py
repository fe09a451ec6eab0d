"""Sources of made-up votes: exact probability models of labels, prompts and what prompts share.

Shapes: n instances, m prompts, k classes, Z values of a group's hidden cause.

A `VoteSource` draws votes and labels, and its `VoteSource.predict_proba` is the Bayes classifier that knows
the truth: no aggregator can be expected to do better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import ConfigError, ShapeError

__all__ = [
    "VoteGroup",
    "VoteSet",
    "VoteSource",
    "chain",
    "clique",
    "confusion",
    "shared_difficulty",
    "single",
]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class VoteGroup:
    """Prompts whose votes depend on each other given the label.

    Attributes
    ----------
    hidden : ndarray, shape (k, Z)
        Distribution of the group's hidden cause given the label, for example a vote that the members copy,
        or whether the row is hard.
    emission : ndarray, shape (size, k, Z, k + 1)
        Distribution of each member's vote given label and cause; the last entry is an abstention.
    follow : ndarray, shape (size,)
        Probability with which a member repeats the vote of the member before it instead.
    """

    hidden: Array
    emission: Array
    follow: Array

    @property
    def size(self) -> int:
        """Number of members."""
        return len(self.emission)

    @property
    def is_dependent(self) -> bool:
        """Whether the members share a cause or follow each other."""
        return self.size > 1 and (self.hidden.shape[1] > 1 or bool(self.follow[1:].any()))

    def log_likelihood(self, votes: Ints) -> Array:
        """Return ``log P(votes | label)`` of the members' votes (n, size), shape (n, k)."""
        k = self.hidden.shape[0]
        symbols = np.where(votes < 0, k, votes)  # (n, size)
        total = np.broadcast_to(self.hidden, (len(votes), *self.hidden.shape)).copy()  # (n, k, Z)
        for j in range(self.size):
            p = np.moveaxis(self.emission[j][:, :, symbols[:, j]], 2, 0)
            if j and self.follow[j]:
                same = (symbols[:, j] == symbols[:, j - 1])[:, None, None]
                p = self.follow[j] * same + (1 - self.follow[j]) * p
            total *= p
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(total.sum(axis=2)))

    def draw(self, labels: Ints, rng: np.random.Generator) -> Ints:
        """Draw the members' votes for labels (n,), shape (n, size)."""
        k = self.hidden.shape[0]
        cause = _draw_rows(self.hidden[labels], rng)
        votes = np.empty((len(labels), self.size), dtype=np.int64)
        for j in range(self.size):
            drawn = _draw_rows(self.emission[j][labels, cause], rng)
            votes[:, j] = np.where(drawn == k, -1, drawn)
            if j and self.follow[j]:
                repeats = rng.random(len(labels)) < self.follow[j]
                votes[:, j] = np.where(repeats, votes[:, j - 1], votes[:, j])
        return votes


@dataclass(frozen=True, kw_only=True)
class VoteSource:
    """An exact model of labels and votes; its groups vote independently of each other given the label.

    Attributes
    ----------
    class_balance : ndarray, shape (k,)
    groups : tuple of VoteGroup
        The columns of the votes are the members of the first group, then of the second, and so on.
    """

    class_balance: Array
    groups: tuple[VoteGroup, ...]

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.class_balance)

    @property
    def n_prompts(self) -> int:
        """Number of prompts, the columns of the votes."""
        return sum(group.size for group in self.groups)

    @property
    def edges(self) -> set[tuple[int, int]]:
        """Pairs of columns that depend on each other given the label, smaller first."""
        found: set[tuple[int, int]] = set()
        for group, columns in zip(self.groups, self._columns(), strict=True):
            if group.is_dependent and group.size < self.n_prompts:  # a cause shared by all is no edge
                found |= {(i, j) for i in columns for j in columns if i < j}
        return found

    def sample(self, n: int, seed: int) -> VoteSet:
        """Draw ``n`` instances."""
        if n < 0:
            raise ConfigError(f"n is {n}; accepted are 0 and more instances.")
        rng = np.random.default_rng(seed)
        labels = _draw_rows(np.broadcast_to(self.class_balance, (n, self.n_classes)), rng)
        votes = np.concatenate([group.draw(labels, rng) for group in self.groups], axis=1)
        return VoteSet(votes=votes, labels=labels, source=self)

    def predict_proba(self, votes: ArrayLike) -> Array:
        """Return ``P(label | votes)`` by Bayes' rule with the true parameters, shape (n, k).

        Raises
        ------
        ShapeError
            If the votes do not have a column for each prompt.
        """
        v = np.asarray(votes, dtype=np.int64)
        if v.ndim != 2 or v.shape[1] != self.n_prompts:
            raise ShapeError(
                f"votes have shape {v.shape}; pass a column for each of the {self.n_prompts} prompts."
            )
        with np.errstate(divide="ignore"):
            score = np.tile(np.log(self.class_balance), (len(v), 1))
        for group, columns in zip(self.groups, self._columns(), strict=True):
            score = score + group.log_likelihood(v[:, columns])
        score -= score.max(axis=1, keepdims=True)
        p = np.exp(score)
        return np.asarray(p / p.sum(axis=1, keepdims=True))

    def _columns(self) -> list[list[int]]:
        ends = np.cumsum([group.size for group in self.groups])
        return [
            list(range(end - group.size, end)) for group, end in zip(self.groups, ends.tolist(), strict=True)
        ]


@dataclass(frozen=True, kw_only=True)
class VoteSet:
    """Votes, the labels behind them, and the source that drew both.

    Attributes
    ----------
    votes : ndarray, shape (n, m)
        Classes from 0; -1 is an abstention.
    labels : ndarray, shape (n,)
    source : VoteSource
    """

    votes: Ints
    labels: Ints
    source: VoteSource = field(repr=False)

    def accuracy(self, proba: ArrayLike) -> float:
        """Return the accuracy of the most probable class; equal probabilities share the credit."""
        p = np.asarray(proba, dtype=np.float64)
        best = p >= p.max(axis=1, keepdims=True) - 1e-9
        return float((best[np.arange(len(p)), self.labels] / best.sum(axis=1)).mean())

    def oracle_accuracy(self) -> float:
        """Return the accuracy of the Bayes classifier that knows the source."""
        return self.accuracy(self.source.predict_proba(self.votes))


def confusion(accuracy: float | Sequence[float], k: int, *, abstain: float = 0.0) -> Array:
    """Return ``P(vote | label)`` with errors spread evenly, shape (k, k + 1).

    Parameters
    ----------
    accuracy : float or sequence of k floats
        Probability of the right vote where there is one, of all classes or of each.
    k : int
        Number of classes.
    abstain : float
        Probability of no vote, the last column.
    """
    right = np.broadcast_to(np.asarray(accuracy, dtype=np.float64), (k,))
    table = np.tile(((1 - right) / (k - 1))[:, None], (1, k))
    np.fill_diagonal(table, right)
    return np.concatenate([table * (1 - abstain), np.full((k, 1), abstain)], axis=1)


def single(table: Array) -> VoteGroup:
    """Return a prompt that votes by itself, from its ``P(vote | label)`` (k, k + 1)."""
    k = len(table)
    return VoteGroup(hidden=np.ones((k, 1)), emission=table[None, :, None, :], follow=np.zeros(1))


def clique(leader: Array, own: Sequence[Array], copy: Sequence[float]) -> VoteGroup:
    """Return prompts that repeat one hidden vote with a probability each, and else vote by themselves.

    Parameters
    ----------
    leader : ndarray, shape (k, k + 1)
        Distribution of the hidden vote given the label.
    own : sequence of ndarray, shape (k, k + 1)
        What each member votes where it does not copy.
    copy : sequence of float
        How often each member copies.
    """
    k = len(leader)
    copied = np.broadcast_to(np.eye(k + 1)[None], (k, k + 1, k + 1))
    emission = np.stack(
        [c * copied + (1 - c) * table[:, None, :] for c, table in zip(copy, own, strict=True)]
    )
    return VoteGroup(hidden=leader, emission=emission, follow=np.zeros(len(own)))


def chain(tables: Sequence[Array], follow: float) -> VoteGroup:
    """Return prompts of which each repeats the one before it with probability ``follow``."""
    k = len(tables[0])
    emission = np.stack([table[:, None, :] for table in tables])
    return VoteGroup(
        hidden=np.ones((k, 1)), emission=emission, follow=np.array([0.0] + [follow] * (len(tables) - 1))
    )


def shared_difficulty(easy: Sequence[Array], hard: Sequence[Array], hard_share: float) -> VoteGroup:
    """Return prompts that are all worse on the same rows."""
    k = len(easy[0])
    emission = np.stack([np.stack([e, h], axis=1) for e, h in zip(easy, hard, strict=True)])
    hidden = np.tile([1 - hard_share, hard_share], (k, 1))
    return VoteGroup(hidden=hidden, emission=emission, follow=np.zeros(len(easy)))


def _draw_rows(p: Array, rng: np.random.Generator) -> Ints:
    """Draw one symbol from each row's distribution."""
    u = rng.random((len(p), 1))
    return np.asarray(np.minimum((p.cumsum(axis=1) < u).sum(axis=1), p.shape[1] - 1), dtype=np.int64)

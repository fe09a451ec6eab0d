"""The label model: dependencies, errors, abstentions and class balance, all learned, or else majority vote.

Shapes: n instances, U distinct rows, m prompts, k classes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import ConfigError
from longwave.prompting.label_model.base import Aggregator
from longwave.prompting.label_model.dependencies import Dependencies, find_dependencies, group_edges
from longwave.prompting.label_model.guard import ENOUGH_ROWS, choose_fit
from longwave.prompting.label_model.latent_class import class_rates, vote_accuracies
from longwave.prompting.label_model.votes import VotePatterns, check_class_balance

__all__ = ["LabelModel"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Edges = Iterable[Sequence[int]]

log = logging.getLogger(__name__)

_MOST_PATTERNS = 20_000  # distinct rows that are fitted; of more, this many instances are drawn


class LabelModel(Aggregator):
    """Estimate labels from the votes of prompts, without a label.

    Parameters
    ----------
    n_classes : int
    dependencies : {"learn", "none"} or iterable of pairs of int
        Which prompts depend on each other given the label.
    class_balance : {"learn", "uniform"} or array_like, shape (k,)
    abstentions : {"learn", "ignore", "model"}
        Whether an abstention may tell about the label; "learn" lets it where the votes show that it does.
    seed : int
        Of the instances that are drawn where votes have more than 20,000 distinct rows. Nothing else is
        random.

    Attributes
    ----------
    kind_ : {"majority", "independent", "dependent", "difficulty"}
        What is answered by: "majority" where the votes give no sufficient reason to leave it. Groups may be
        found all the same.
    class_balance_ : ndarray, shape (k,)
    accuracies_ : ndarray, shape (m,)
        Share of each prompt's votes that are right.
    rates_ : ndarray, shape (m, k, k + 1)
        ``P(vote | label)`` of each prompt, abstention last (1 where abstentions are ignored).
    groups_, edges_ : tuple
        Groups of dependent prompts, and every two members of a group; identical columns among them.
    ignored_ : tuple of int
        Columns that say nothing: they never vote, or always give the same vote.
    models_abstentions_ : bool
    log_likelihood_ : float
    n_prompts_ : int

    Notes
    -----
    1. Identical columns count once; columns that never vote, or always vote alike, are ignored. Fewer than
       100 rows show neither.
    2. `learn_dependencies` finds groups of dependent prompts, and other readings that explain the votes about
       as well.
    3. `LatentClassModel` is fitted with these groups. Abstentions are modelled if that explains who votes by
       more than its parameters cost, and does not turn prompts into worse ones; without groups, rows of two
       levels of difficulty are tried.
    4. The guard (`longwave.prompting.label_model.guard`) answers by majority vote where the fit, or another
       reading, does not show that leaving it is safe.

    Fewer than 100 rows are answered by majority vote. A row without votes has the class balance as its
    posterior. With one or two prompts, accuracies cannot be learned: every prompt is taken to be equally
    good. That prompts as a whole are better than chance has to be assumed: the same votes with all labels
    exchanged are equally likely.

    Examples
    --------
    >>> from longwave.prompting.label_model.generators import make_votes
    >>> drawn = make_votes("cliques", 2000, seed=3)
    >>> model = LabelModel(n_classes=2, dependencies="learn", seed=0).fit(drawn.votes)
    >>> drawn.accuracy(model.predict_proba(drawn.votes)) > drawn.oracle_accuracy() - 0.01
    True
    """

    def __init__(
        self,
        n_classes: int = 2,
        dependencies: str | Edges = "learn",
        *,
        class_balance: str | ArrayLike = "learn",
        abstentions: str = "learn",
        seed: int = 0,
    ) -> None:
        self.n_classes = n_classes
        self.dependencies = dependencies
        self.class_balance = class_balance
        self.abstentions = abstentions
        self.seed = seed

    def fit(self, votes: ArrayLike) -> Self:
        """Learn from votes (n, m), without labels.

        Raises
        ------
        ConfigError
            If an argument of the constructor is none of the accepted.
        ShapeError, DataError
            If the votes are not such a matrix, or there are none.
        """
        k = self.n_classes
        v = self._votes_to_fit(votes)
        m = v.shape[1]
        given = self._given_groups(m)
        balance = self._given_balance()
        if self.abstentions not in ("learn", "ignore", "model"):
            raise ConfigError(f'Unknown abstentions "{self.abstentions}". Known: learn, ignore, model.')
        patterns = self._patterns(v)
        self._first_of = _first_of_identical(patterns.rows) if len(v) >= ENOUGH_ROWS else np.arange(m)
        self._kept, self.ignored_ = self._informative(patterns.rows, len(v))
        kept = VotePatterns.of(patterns.rows[:, self._kept], k)
        kept = replace(
            kept, counts=np.bincount(kept.inverse, patterns.counts, len(kept.rows)).astype(np.float64)
        )
        readings = find_dependencies(kept, k, None if given is None else self._among_kept(given))
        self._fit, self.kind_ = choose_fit(
            kept, k, readings, class_balance=balance, abstentions=self.abstentions
        )
        self._write_down(patterns.rows, readings[0], m)
        return self

    def predict_proba(self, votes: ArrayLike, *, asked: Sequence[int] | None = None) -> Array:
        """Return the posterior of the classes, shape (n, k).

        Parameters
        ----------
        votes : array_like, shape (n, m)
        asked : sequence of int, optional
            Prompts that were asked; the votes of the others are not looked at, and their silence says
            nothing.

        Raises
        ------
        ConfigError
            Before `fit`, or if a prompt that was asked is no column.
        ShapeError, DataError
            If the votes are not a matrix like the fitted one.
        """
        v = self._votes_to_predict(votes)
        is_asked = self._asked(asked)
        v = np.where(is_asked, v, -1)
        v = self._copied_from_identical(v, is_asked)
        patterns = VotePatterns.of(v[:, self._kept], self.n_classes)
        kept_asked = None if asked is None else self._any_copy(is_asked)[self._kept]
        p = self._fit.predict_proba(patterns.rows, kept_asked)
        p[(patterns.rows < 0).all(axis=1)] = self.class_balance_
        return np.asarray(p[patterns.inverse])

    def _asked(self, asked: Sequence[int] | None) -> NDArray[np.bool_]:
        """Return which columns were asked."""
        found = np.zeros(self.n_prompts_, dtype=bool)
        if asked is None:
            return ~found
        if not all(0 <= int(j) < self.n_prompts_ for j in asked):
            raise ConfigError(
                f"asked is {list(asked)}; accepted are columns from 0 to {self.n_prompts_ - 1}."
            )
        found[list(asked)] = True
        return found

    def _any_copy(self, is_asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return for each column whether it or a column identical to it was asked."""
        found = np.zeros(self.n_prompts_, dtype=bool)
        np.logical_or.at(found, self._first_of, is_asked)
        return found

    def _copied_from_identical(self, v: Ints, is_asked: NDArray[np.bool_]) -> Ints:
        """Let a column that was not asked speak through one that was identical to it when fitted."""
        for j in np.flatnonzero(is_asked & (self._first_of != np.arange(self.n_prompts_))):
            first = self._first_of[j]
            if not is_asked[first]:
                v[:, first] = np.where(v[:, first] < 0, v[:, j], v[:, first])
        return v

    def _given_groups(self, n_prompts: int) -> list[list[int]] | None:
        """Return the groups that were given, none of them for "none"; None where they are to be learned."""
        if isinstance(self.dependencies, str):
            if self.dependencies not in ("learn", "none"):
                raise ConfigError(
                    f'Unknown dependencies "{self.dependencies}". Known: learn, none, or pairs of columns.'
                )
            return None if self.dependencies == "learn" else []
        return group_edges(self.dependencies, n_prompts)

    def _given_balance(self) -> Array | None:
        if isinstance(self.class_balance, str):
            if self.class_balance not in ("learn", "uniform"):
                raise ConfigError(
                    f'Unknown class_balance "{self.class_balance}". Accepted: learn, uniform, shares.'
                )
            return None if self.class_balance == "learn" else np.full(self.n_classes, 1 / self.n_classes)
        return check_class_balance(self.class_balance, self.n_classes)

    def _patterns(self, v: Ints) -> VotePatterns:
        patterns = VotePatterns.of(v, self.n_classes)
        if len(patterns.rows) <= _MOST_PATTERNS:
            return patterns
        drawn = np.random.default_rng(self.seed).choice(len(v), _MOST_PATTERNS, replace=False)
        log.info("Fitting %d of %d instances, for they have many distinct rows.", _MOST_PATTERNS, len(v))
        return VotePatterns.of(v[np.sort(drawn)], self.n_classes)

    def _informative(self, rows: Ints, n: int) -> tuple[Ints, tuple[int, ...]]:
        """Return the columns to work with, and those that say nothing."""
        silent = (rows < 0).all(axis=0)
        constant = (rows == rows[:1]).all(axis=0) & (n >= ENOUGH_ROWS)
        ignored = silent | constant
        is_first = self._first_of == np.arange(rows.shape[1])
        kept = np.flatnonzero(~ignored & is_first)
        if not len(kept):  # nothing but constants: then they are all there is
            ignored = silent
            kept = np.flatnonzero(~ignored & is_first)
        if not len(kept):
            kept = np.array([0])
        if ignored.any():
            log.warning(
                "Prompts %s never vote or always vote alike; they are ignored.",
                np.flatnonzero(ignored).tolist(),
            )
        return kept, tuple(np.flatnonzero(ignored).tolist())

    def _among_kept(self, groups: list[list[int]]) -> list[list[int]]:
        place = {int(j): i for i, j in enumerate(self._kept)}
        found = [
            sorted({place[f] for j in group if (f := int(self._first_of[j])) in place}) for group in groups
        ]
        return [group for group in found if len(group) > 1]

    def _write_down(self, rows: Ints, found: Dependencies, m: int) -> None:
        """Set what was learned, for all columns."""
        k, fit = self.n_classes, self._fit
        self.n_prompts_ = m
        self.class_balance_ = fit.class_balance()
        self.models_abstentions_ = fit.settings.models_silence
        self.log_likelihood_ = fit.log_likelihood
        place = {int(j): i for i, j in enumerate(self._kept)}
        rates, accuracies = class_rates(fit), vote_accuracies(fit)
        self.rates_ = np.zeros((m, k, k + 1))
        self.accuracies_ = np.full(m, np.nan)
        for j in range(m):
            first = int(self._first_of[j])
            if first in place:
                self.rates_[j], self.accuracies_[j] = rates[place[first]], accuracies[place[first]]
            else:
                vote = int(rows[0, j])
                self.rates_[j, :, vote] = 1.0  # the last entry, if it never votes
                self.accuracies_[j] = self.class_balance_[vote] if vote >= 0 else np.nan
        groups = [[int(self._kept[i]) for i in group] for group in found.groups]
        edges = [(group[0], j) for group in groups for j in group[1:]]
        copies = [(int(f), j) for j, f in enumerate(self._first_of) if f != j and j not in self.ignored_]
        self.groups_ = tuple(tuple(group) for group in group_edges([*edges, *copies], m))
        self.edges_ = tuple(sorted((i, j) for group in self.groups_ for i in group for j in group if i < j))


def _first_of_identical(rows: Ints) -> Ints:
    """Return for each column the first one that is identical to it."""
    _, first, inverse = np.unique(rows.T, axis=0, return_index=True, return_inverse=True)
    return np.asarray(first[inverse.reshape(-1)], dtype=np.int64)

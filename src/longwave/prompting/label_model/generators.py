"""Kinds of made-up vote sets whose truth is known: to test aggregation, and to see what it can do.

Shapes: m prompts, k classes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from longwave.errors import UnknownName
from longwave.prompting.label_model.sources import (
    VoteGroup,
    VoteSet,
    VoteSource,
    chain,
    clique,
    confusion,
    shared_difficulty,
    single,
)

__all__ = ["GENERATORS", "make_source", "make_votes"]

Array = NDArray[np.float64]
Factory = Callable[[np.random.Generator], VoteSource]


def make_source(name: str, seed: int) -> VoteSource:
    """Draw the parameters of a kind of vote source.

    Parameters
    ----------
    name : str
        One of `GENERATORS`.
    seed : int
        Another seed gives other accuracies, groups and numbers of prompts of the same kind.

    Raises
    ------
    UnknownName
        If there is no such kind.
    """
    if name not in GENERATORS:
        raise UnknownName("vote source", name, GENERATORS)
    return GENERATORS[name](np.random.default_rng([seed, 1]))


def make_votes(name: str, n: int, seed: int) -> VoteSet:
    """Draw a source of a kind, and ``n`` instances from it.

    Examples
    --------
    >>> drawn = make_votes("cliques", 1000, seed=0)
    >>> drawn.votes.shape == (1000, drawn.source.n_prompts)
    True
    """
    return make_source(name, seed).sample(n, seed)


def _uniform(rng: np.random.Generator, low: float, high: float, n: int) -> list[float]:
    return [float(x) for x in rng.uniform(low, high, n)]


def _even(k: int) -> Array:
    return np.full(k, 1 / k)


def _singles(
    rng: np.random.Generator, m: int, accuracy: tuple[float, float], k: int = 2, abstain: float = 0.0
) -> tuple[VoteGroup, ...]:
    return tuple(single(confusion(a, k, abstain=abstain)) for a in _uniform(rng, *accuracy, m))


def _clique(
    rng: np.random.Generator,
    size: int,
    accuracy: tuple[float, float],
    k: int = 2,
    abstain: float = 0.0,
    copy: tuple[float, float] = (0.8, 0.95),
) -> VoteGroup:
    leader, *own = (confusion(a, k) for a in _uniform(rng, *accuracy, size + 1))
    group = clique(leader, own, _uniform(rng, *copy, size))
    if not abstain:
        return group
    emission = group.emission * (1 - abstain)
    emission[..., -1] += abstain
    return VoteGroup(hidden=group.hidden, emission=emission, follow=group.follow)


def _independent(rng: np.random.Generator) -> VoteSource:
    return VoteSource(class_balance=_even(2), groups=_singles(rng, int(rng.integers(5, 11)), (0.55, 0.9)))


def _imbalanced(rng: np.random.Generator) -> VoteSource:
    share = float(rng.uniform(0.7, 0.9))
    groups = _singles(rng, int(rng.integers(5, 9)), (0.6, 0.85))
    return VoteSource(class_balance=np.array([share, 1 - share]), groups=groups)


def _biased(rng: np.random.Generator) -> VoteSource:
    m = int(rng.integers(5, 9))
    rates = zip(_uniform(rng, 0.75, 0.95, m), _uniform(rng, 0.5, 0.75, m), strict=True)
    share = float(rng.uniform(0.35, 0.65))
    groups = tuple(single(confusion(pair, 2)) for pair in rates)
    return VoteSource(class_balance=np.array([share, 1 - share]), groups=groups)


def _cliques(rng: np.random.Generator) -> VoteSource:
    n_singles = int(rng.integers(3, 6))
    group = _clique(rng, int(rng.integers(3, 6)), (0.55, 0.68))
    return VoteSource(class_balance=_even(2), groups=(group, *_singles(rng, n_singles, (0.68, 0.85))))


def _weak_cliques(rng: np.random.Generator) -> VoteSource:
    group = _clique(rng, 3, (0.55, 0.65), copy=(0.6, 0.75))
    n_singles = int(rng.integers(4, 7))
    return VoteSource(class_balance=_even(2), groups=(group, *_singles(rng, n_singles, (0.75, 0.92))))


def _clusters(rng: np.random.Generator) -> VoteSource:
    sizes = rng.permutation([4, 3, 2, 1]) if rng.random() < 0.5 else rng.permutation([3, 3, 2, 1, 1])
    bands = {1: (0.7, 0.85), 2: (0.65, 0.8), 3: (0.6, 0.75), 4: (0.55, 0.7)}
    groups = [
        _clique(rng, int(s), bands[int(s)]) if s > 1 else _singles(rng, 1, bands[1])[0]
        for s in sizes.tolist()
    ]
    return VoteSource(class_balance=_even(2), groups=tuple(groups))


def _chained(rng: np.random.Generator) -> VoteSource:
    tables = [confusion(a, 2) for a in _uniform(rng, 0.58, 0.68, 4)]
    return VoteSource(class_balance=_even(2), groups=(chain(tables, 0.85), *_singles(rng, 4, (0.68, 0.82))))


def _adversarial(rng: np.random.Generator) -> VoteSource:
    groups = (*_singles(rng, 4, (0.65, 0.85)), *_singles(rng, 3, (0.3, 0.4)))
    order = rng.permutation(len(groups))
    return VoteSource(class_balance=_even(2), groups=tuple(groups[i] for i in order))


def _adversarial_cliques(rng: np.random.Generator) -> VoteSource:
    groups = (_clique(rng, 3, (0.35, 0.45)), *_singles(rng, 4, (0.68, 0.85)), *_singles(rng, 1, (0.3, 0.4)))
    return VoteSource(class_balance=np.array([0.6, 0.4]), groups=groups)


def _difficult(rng: np.random.Generator) -> VoteSource:
    m = int(rng.integers(5, 9))
    easy = [confusion(a, 2) for a in _uniform(rng, 0.85, 0.95, m)]
    hard = [confusion(a, 2) for a in _uniform(rng, 0.5, 0.6, m)]
    return VoteSource(class_balance=_even(2), groups=(shared_difficulty(easy, hard, 0.45),))


def _four_classes(rng: np.random.Generator) -> VoteSource:
    balance = rng.dirichlet([8.0] * 4)
    return VoteSource(class_balance=balance, groups=_singles(rng, int(rng.integers(4, 8)), (0.4, 0.8), k=4))


def _four_classes_confused(rng: np.random.Generator) -> VoteSource:
    tables = []
    for a in _uniform(rng, 0.5, 0.8, int(rng.integers(5, 8))):
        wrong = rng.dirichlet([0.7] * 4, size=4)
        tables.append(np.c_[a * np.eye(4) + (1 - a) * wrong, np.zeros(4)])
    return VoteSource(class_balance=rng.dirichlet([8.0] * 4), groups=tuple(map(single, tables)))


def _four_classes_cliques(rng: np.random.Generator) -> VoteSource:
    groups = (_clique(rng, 3, (0.35, 0.5), k=4), *_singles(rng, 4, (0.5, 0.8), k=4))
    return VoteSource(class_balance=_even(4), groups=groups)


def _fourteen_classes(rng: np.random.Generator) -> VoteSource:
    m = int(rng.integers(3, 6))
    return VoteSource(class_balance=_even(14), groups=_singles(rng, m, (0.5, 0.8), k=14))


def _fourteen_classes_cliques(rng: np.random.Generator) -> VoteSource:
    groups = (_clique(rng, 3, (0.3, 0.5), k=14), *_singles(rng, 4, (0.45, 0.75), k=14))
    return VoteSource(class_balance=_even(14), groups=groups)


def _abstaining(rng: np.random.Generator) -> VoteSource:
    m = int(rng.integers(6, 10))
    rates = zip(_uniform(rng, 0.6, 0.9, m), _uniform(rng, 0.1, 0.6, m), strict=True)
    groups = tuple(single(confusion(a, 2, abstain=b)) for a, b in rates)
    return VoteSource(class_balance=np.array([0.6, 0.4]), groups=groups)


def _telling_abstentions(rng: np.random.Generator) -> VoteSource:
    groups = []
    for a in _uniform(rng, 0.65, 0.85, 7):
        silent = rng.permutation([0.1, 0.6])[:, None]
        groups.append(single(np.c_[confusion(a, 2)[:, :2] * (1 - silent), silent]))
    return VoteSource(class_balance=_even(2), groups=tuple(groups))


def _one_sided(rng: np.random.Generator) -> VoteSource:
    groups = []
    for c in (0, 0, 0, 1, 1, 1):
        rates = np.zeros((2, 3))
        rates[:, c] = rng.uniform(0.05, 0.2)
        rates[c, c] = rng.uniform(0.4, 0.7)
        rates[:, 2] = 1 - rates[:, c]
        groups.append(single(rates))
    return VoteSource(class_balance=np.array([0.55, 0.45]), groups=tuple(groups))


def _silent_rows(rng: np.random.Generator) -> VoteSource:
    votes = [confusion(a, 2) for a in _uniform(rng, 0.62, 0.85, 7)]
    quiet = [
        confusion(table[0, 0], 2, abstain=b)
        for table, b in zip(votes, _uniform(rng, 0.5, 0.8, 7), strict=True)
    ]
    loud = [confusion(table[0, 0], 2, abstain=0.05) for table in votes]
    return VoteSource(class_balance=np.array([0.55, 0.45]), groups=(shared_difficulty(loud, quiet, 0.4),))


def _abstaining_cliques(rng: np.random.Generator) -> VoteSource:
    groups = (_clique(rng, 4, (0.55, 0.68), abstain=0.2), *_singles(rng, 4, (0.68, 0.85), abstain=0.2))
    return VoteSource(class_balance=_even(2), groups=groups)


GENERATORS: dict[str, Factory] = {
    "independent": _independent,
    "imbalanced": _imbalanced,
    "biased": _biased,
    "cliques": _cliques,
    "weak-cliques": _weak_cliques,
    "clusters": _clusters,
    "chained": _chained,
    "adversarial": _adversarial,
    "adversarial-cliques": _adversarial_cliques,
    "difficult": _difficult,
    "four-classes": _four_classes,
    "four-classes-confused": _four_classes_confused,
    "four-classes-cliques": _four_classes_cliques,
    "fourteen-classes": _fourteen_classes,
    "fourteen-classes-cliques": _fourteen_classes_cliques,
    "abstaining": _abstaining,
    "telling-abstentions": _telling_abstentions,
    "one-sided": _one_sided,
    "silent-rows": _silent_rows,
    "abstaining-cliques": _abstaining_cliques,
}

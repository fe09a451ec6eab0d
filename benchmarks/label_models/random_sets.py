"""Families of random vote sets: other laws, sizes and shapes than those the models were developed on.

Shapes: m prompts, k classes, Z levels of difficulty.

Each family draws a source, and how many instances to sample from it, from one generator. They were written to
see how often, and how far, a label model falls below majority vote on a single small set.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

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

__all__ = ["FAMILIES", "SIZES", "draw_set"]

Array = NDArray[np.float64]
Factory = Callable[[np.random.Generator], VoteSource]

SIZES = (100, 250, 500, 1000, 2000, 5000)


def draw_set(family: str, seed: int, *, is_held_out: bool) -> VoteSet:
    """Draw a set of a family; sizes go round with the seed. The guard was tuned on what is not held out."""
    rng = np.random.default_rng([seed, 7 + is_held_out, sorted(FAMILIES).index(family)])
    source = FAMILIES[family](rng)
    return source.sample(SIZES[seed % len(SIZES)], int(rng.integers(2**31)))


def _balance(rng: np.random.Generator, k: int, low: float = 0.5, high: float = 0.5) -> Array:
    if k > 2:
        return np.full(k, 1 / k) if high == low else rng.dirichlet([6.0] * k)
    share = rng.uniform(low, high)
    return rng.permutation([share, 1 - share])


def _alone(accuracies: Array, k: int = 2, abstain: float | Array = 0.0) -> tuple[VoteGroup, ...]:
    silent = np.broadcast_to(abstain, len(accuracies))
    return tuple(
        single(confusion(float(a), k, abstain=float(b))) for a, b in zip(accuracies, silent, strict=True)
    )


def _law(low: float, high: float, m: tuple[int, int], k: int = 2) -> Factory:
    def draw(rng: np.random.Generator) -> VoteSource:
        accuracies = rng.uniform(low, high, int(rng.integers(m[0], m[1] + 1)))
        return VoteSource(class_balance=_balance(rng, k), groups=_alone(accuracies, k))

    return draw


def _equal(rng: np.random.Generator) -> VoteSource:
    accuracies = np.full(int(rng.integers(3, 10)), rng.uniform(0.55, 0.85))
    return VoteSource(class_balance=_balance(rng, 2), groups=_alone(accuracies))


def _beta(rng: np.random.Generator) -> VoteSource:
    accuracies = rng.beta(*rng.choice([(7, 3), (3, 2), (12, 6)]), int(rng.integers(4, 13)))
    return VoteSource(class_balance=_balance(rng, 2, 0.5, 0.7), groups=_alone(np.clip(accuracies, 0.3, 0.97)))


def _one_good(rng: np.random.Generator) -> VoteSource:
    accuracies = np.r_[rng.uniform(0.8, 0.95), rng.uniform(0.5, 0.65, int(rng.integers(3, 8)))]
    return VoteSource(class_balance=_balance(rng, 2), groups=_alone(rng.permutation(accuracies)))


def _excellent(rng: np.random.Generator) -> VoteSource:
    accuracies = rng.uniform(0.85, 0.98, int(rng.integers(3, 9)))
    return VoteSource(class_balance=_balance(rng, 2, 0.5, 0.8), groups=_alone(accuracies))


def _imbalanced(rng: np.random.Generator) -> VoteSource:
    accuracies = rng.uniform(0.55, 0.85, int(rng.integers(4, 11)))
    return VoteSource(class_balance=_balance(rng, 2, 0.6, 0.9), groups=_alone(accuracies))


def _leaning(rng: np.random.Generator) -> VoteSource:
    groups = []
    for centre in rng.uniform(0.6, 0.8, int(rng.integers(4, 10))):
        lean = rng.uniform(-0.12, 0.12)
        groups.append(single(confusion([min(centre + lean, 0.97), centre - lean], 2)))
    return VoteSource(class_balance=_balance(rng, 2, 0.5, 0.7), groups=tuple(groups))


def _adversarial(rng: np.random.Generator) -> VoteSource:
    good = rng.uniform(0.65, 0.9, int(rng.integers(4, 7)))
    bad = rng.uniform(0.2, 0.45, int(rng.integers(1, 4)))
    accuracies = rng.permutation(np.r_[good, bad])
    return VoteSource(class_balance=_balance(rng, 2, 0.5, 0.6), groups=_alone(accuracies))


def _copies(rng: np.random.Generator, size: int, law: tuple[float, float], k: int, copy: float) -> VoteGroup:
    tables = [confusion(float(a), k) for a in rng.uniform(*law, size + 1)]
    return clique(tables[0], tables[1:], np.clip(rng.normal(copy, 0.05, size), 0.3, 0.98).tolist())


def _near_copy(rng: np.random.Generator) -> VoteSource:
    pair = _copies(rng, 2, (0.5, 0.75), 2, 0.95)
    accuracies = rng.uniform(0.5, 0.8, int(rng.integers(3, 7)))
    return VoteSource(class_balance=_balance(rng, 2), groups=(pair, *_alone(accuracies)))


def _cliques(rng: np.random.Generator, k: int = 2) -> VoteSource:
    low = 0.5 if k == 2 else 0.35
    n_groups = int(rng.integers(1, 3))
    copy = rng.uniform(0.7, 0.95)
    sizes = rng.integers(2, 5, n_groups)
    groups = [_copies(rng, int(size), (low, low + 0.2), k, copy) for size in sizes]
    accuracies = rng.uniform(low + 0.12, low + 0.38, int(rng.integers(3, 6)))
    return VoteSource(class_balance=_balance(rng, k, 0.5, 0.6), groups=(*groups, *_alone(accuracies, k)))


def _clusters(rng: np.random.Generator) -> VoteSource:
    copy = rng.uniform(0.75, 0.95)
    sizes = rng.permutation([[4, 4, 4], [3, 3, 3], [2, 2, 2, 2], [5, 3, 1, 1]][int(rng.integers(4))])
    groups = [
        _copies(rng, int(s), (0.58, 0.8), 2, copy) if s > 1 else _alone(rng.uniform(0.65, 0.8, 1))[0]
        for s in sizes
    ]
    return VoteSource(class_balance=_balance(rng, 2), groups=tuple(groups))


def _chained(rng: np.random.Generator) -> VoteSource:
    tables = [confusion(float(a), 2) for a in rng.uniform(0.55, 0.7, int(rng.integers(2, 5)))]
    group = chain(tables, float(rng.uniform(0.7, 0.9)))
    accuracies = rng.uniform(0.62, 0.85, int(rng.integers(3, 6)))
    return VoteSource(class_balance=_balance(rng, 2), groups=(group, *_alone(accuracies)))


def _abstaining(rng: np.random.Generator) -> VoteSource:
    m = int(rng.integers(4, 11))
    groups = _alone(rng.uniform(0.55, 0.88, m), 2, rng.uniform(0.05, 0.6, m))
    return VoteSource(class_balance=_balance(rng, 2, 0.5, 0.7), groups=groups)


def _difficult(rng: np.random.Generator) -> VoteSource:
    m = int(rng.integers(4, 10))
    easy = rng.uniform(0.8, 0.97, m)
    hard = 0.5 + (easy - 0.5) * rng.uniform(0.1, 0.5)
    tables = [[confusion(float(a), 2) for a in level] for level in (easy, hard)]
    group = shared_difficulty(tables[0], tables[1], float(rng.uniform(0.2, 0.6)))
    return VoteSource(class_balance=_balance(rng, 2, 0.5, 0.6), groups=(group,))


def _graded(rng: np.random.Generator) -> VoteSource:
    """Rows of many degrees of difficulty, as in item response theory."""
    m, levels = int(rng.integers(4, 10)), np.linspace(-1.5, 3.5, 9)
    hidden = np.exp(-0.5 * (levels - 1) ** 2 / rng.uniform(0.5, 1.5))
    sharp = rng.uniform(0.6, 1.4, m)
    right = 1 / (1 + np.exp(-np.outer(sharp, levels)))  # (m, Z)
    emission = np.zeros((m, 2, 9, 3))
    for c in range(2):
        emission[:, c, :, c], emission[:, c, :, 1 - c] = right, 1 - right
    group = VoteGroup(hidden=np.tile(hidden / hidden.sum(), (2, 1)), emission=emission, follow=np.zeros(m))
    return VoteSource(class_balance=_balance(rng, 2), groups=(group,))


def _many_classes(rng: np.random.Generator) -> VoteSource:
    k = int(rng.integers(3, 6))
    accuracies = rng.uniform(1 / k + 0.1, 0.8, int(rng.integers(3, 10)))
    balance = _balance(rng, k, *((0.0, 1.0) if rng.random() < 0.5 else (0.0, 0.0)))
    return VoteSource(class_balance=balance, groups=_alone(accuracies, k))


def _confused(rng: np.random.Generator) -> VoteSource:
    k, groups = int(rng.integers(3, 6)), []
    for a in rng.uniform(0.4, 0.8, int(rng.integers(4, 9))):
        wrong = rng.dirichlet([1.0] * k, size=k)
        groups.append(single(np.c_[a * np.eye(k) + (1 - a) * wrong, np.zeros(k)]))
    return VoteSource(class_balance=_balance(rng, k, 0.0, 1.0), groups=tuple(groups))


def _fourteen(rng: np.random.Generator) -> VoteSource:
    accuracies = rng.uniform(0.35, 0.8, int(rng.integers(3, 7)))
    return VoteSource(class_balance=np.full(14, 1 / 14), groups=_alone(accuracies, 14))


def _telling(rng: np.random.Generator) -> VoteSource:
    groups = []
    for a in rng.uniform(0.6, 0.85, int(rng.integers(4, 9))):
        silent = rng.uniform(0.05, 0.6, 2)[:, None]
        groups.append(single(np.c_[confusion(float(a), 2)[:, :2] * (1 - silent), silent]))
    return VoteSource(class_balance=_balance(rng, 2), groups=tuple(groups))


FAMILIES: dict[str, Factory] = {
    "five from .45 to .9": _law(0.45, 0.9, (5, 5)),
    "weak, .5 to .7": _law(0.5, 0.7, (3, 8)),
    "medium, .6 to .8": _law(0.6, 0.8, (3, 12)),
    "equal": _equal,
    "beta": _beta,
    "one good": _one_good,
    "excellent": _excellent,
    "imbalanced": _imbalanced,
    "leaning": _leaning,
    "adversarial": _adversarial,
    "near-copy": _near_copy,
    "cliques": _cliques,
    "clusters": _clusters,
    "chained": _chained,
    "abstaining": _abstaining,
    "telling": _telling,
    "difficult": _difficult,
    "graded": _graded,
    "3-5 classes": _many_classes,
    "confused": _confused,
    "k cliques": lambda rng: _cliques(rng, int(rng.integers(3, 6))),
    "fourteen": _fourteen,
}

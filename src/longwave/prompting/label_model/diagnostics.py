"""What a set of prompts is worth: coverage and conflict, accuracies with intervals, entropy, what to drop.

Shapes: n instances, m prompts, k classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import ConfigError, DataError, ShapeError
from longwave.prompting.label_model.label_model import LabelModel
from longwave.prompting.label_model.votes import check_votes, count_votes

__all__ = [
    "AccuracyEstimates",
    "PromptWorth",
    "VoteSummary",
    "abstention_curve",
    "analyze_votes",
    "conditional_entropy",
    "estimate_accuracies",
    "information_flow",
    "weigh_prompts",
]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class VoteSummary:
    """Counts of a vote matrix.

    Attributes
    ----------
    coverage : ndarray, shape (m,)
        Share of the rows on which each prompt votes.
    overlap, conflict : ndarray, shape (m,)
        Share of the rows on which another prompt votes, too, and on which another votes otherwise.
    class_shares : ndarray, shape (m, k)
        How the votes of each prompt are spread over the classes.
    no_votes : float
        Share of the rows without a vote.
    accuracies : ndarray, shape (m,), or None
        Share of right votes, where labels were given; NaN for a prompt that never votes.
    error_overlap : ndarray, shape (m, m), or None
        Jaccard index of the sets of rows on which two prompts are wrong, where labels were given. Two
        independent prompts that are right in 60 % of the rows have 0.25.
    """

    coverage: Array
    overlap: Array
    conflict: Array
    class_shares: Array
    no_votes: float
    accuracies: Array | None = None
    error_overlap: Array | None = None


@dataclass(frozen=True, kw_only=True)
class AccuracyEstimates:
    """Accuracy of each prompt, estimated without labels, with a bootstrap interval; shape (m,) each."""

    accuracies: Array
    low: Array
    high: Array


@dataclass(frozen=True, kw_only=True)
class PromptWorth:
    """How much each prompt tells beyond the others.

    Attributes
    ----------
    entropy : float
        ``H(y | votes)`` of all prompts, in nats.
    lost : ndarray, shape (m,)
        Entropy that is added when a prompt is left out; about 0 for one that repeats others.
    drop : tuple of int
        Prompts that can be left out together, the least useful first.
    """

    entropy: float
    lost: Array
    drop: tuple[int, ...]


def analyze_votes(votes: ArrayLike, *, n_classes: int = 2, labels: ArrayLike | None = None) -> VoteSummary:
    """Count how prompts cover, overlap and contradict each other, and with labels how they err.

    Parameters
    ----------
    votes : array_like, shape (n, m)
    n_classes : int
    labels : array_like, shape (n,), optional

    Raises
    ------
    ConfigError, ShapeError, DataError
        If votes or labels are none of the accepted, or there is no row.
    """
    v = check_votes(votes, n_classes)
    if not len(v):
        raise DataError("There are no instances to analyze (votes have 0 rows); pass one at least.")
    said = v >= 0
    counts = count_votes(v, n_classes)
    total = counts.sum(axis=1, keepdims=True)
    same = np.where(said, np.take_along_axis(counts, np.maximum(v, 0), axis=1), 0.0)
    seen = np.maximum(said.sum(axis=0), 1)
    shares = np.stack([(v == c).sum(axis=0) for c in range(n_classes)], axis=1) / seen[:, None]
    accuracies, overlap = (None, None) if labels is None else _errors(v, _labels(labels, len(v), n_classes))
    return VoteSummary(
        coverage=said.mean(axis=0),
        overlap=(said & (total > 1)).mean(axis=0),
        conflict=(said & (total > same)).mean(axis=0),
        class_shares=shares,
        no_votes=float((total == 0).mean()),
        accuracies=accuracies,
        error_overlap=overlap,
    )


def estimate_accuracies(
    model: LabelModel, votes: ArrayLike, *, n_resamples: int = 50, level: float = 0.95, seed: int = 0
) -> AccuracyEstimates:
    """Estimate the accuracy of each prompt without labels, with intervals.

    Parameters
    ----------
    model : LabelModel
        Its settings are used; it need not be fitted, and is not changed.
    votes : array_like, shape (n, m)
    n_resamples : int
        Fits on rows drawn with replacement, at least 2.
    level : float
        Share of the resamples inside the interval.
    seed : int

    Raises
    ------
    ConfigError
        If ``n_resamples`` or ``level`` is none of the accepted.

    Notes
    -----
    Percentile bootstrap with the dependencies of the first fit. The interval shows what chance does to the
    estimate, not what a wrong model does to it.
    """
    if n_resamples < 2 or not 0 < level < 1:
        raise ConfigError(
            f"n_resamples is {n_resamples} and level {level}; accepted are 2 and more, and shares in (0, 1)."
        )
    v = check_votes(votes, model.n_classes)
    fitted = _like(model).fit(v)
    again = _like(model).set_params(dependencies=fitted.edges_)
    rng = np.random.default_rng(seed)
    drawn = [again.fit(v[rng.integers(0, len(v), len(v))]).accuracies_ for _ in range(n_resamples)]
    low, high = np.nanquantile(np.array(drawn), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return AccuracyEstimates(accuracies=fitted.accuracies_, low=low, high=high)


def conditional_entropy(proba: ArrayLike) -> float:
    """Return ``H(y | votes)`` in nats, estimated without labels: the mean entropy of the posteriors (n, k).

    Notes
    -----
    As good as the model is calibrated: an overconfident one reports too little.

    Examples
    --------
    >>> round(conditional_entropy([[0.5, 0.5], [1.0, 0.0]]), 4)
    0.3466
    """
    p = np.asarray(proba, dtype=np.float64)
    if p.ndim != 2 or not len(p):
        raise ShapeError(
            f"Probabilities have shape {p.shape}; pass (instances, classes) with one row at least."
        )
    return float(-(p * np.log(np.maximum(p, 1e-300))).sum(axis=1).mean())


def information_flow(predictions: ArrayLike, labels: ArrayLike, *, n_classes: int = 2) -> float:
    """Return ``H(y | prediction)`` in nats from labels, for one prediction or vote a row.

    Parameters
    ----------
    predictions : array_like, shape (n,)
        -1 (an abstention) is a value like any other.
    labels : array_like, shape (n,)
    n_classes : int

    Notes
    -----
    ``-Σ_ŷ P(ŷ) Σ_y P(y | ŷ) log P(y | ŷ)`` from relative frequencies. ``H(y | ŷ) - H(y | votes)`` is what the
    aggregator loses of what the prompts know (section 3.2 of arXiv 2210.02441).
    """
    p = check_votes(np.asarray(predictions)[:, None], n_classes)[:, 0]
    y = _labels(labels, len(p), n_classes)
    if not len(p):
        raise DataError("There are no predictions (0 rows); pass one at least.")
    table = np.zeros((n_classes + 1, n_classes))
    np.add.at(table, (p, y), 1.0)
    total = table.sum(axis=1, keepdims=True)
    share = table / np.maximum(total, 1)
    return float(-(table * np.log(np.maximum(share, 1e-300))).sum() / len(p))


def weigh_prompts(model: LabelModel, votes: ArrayLike, *, tolerance: float = 0.005) -> PromptWorth:
    """Find out what each prompt adds, and which can be left out.

    Parameters
    ----------
    model : LabelModel
        Fitted.
    votes : array_like, shape (n, m)
    tolerance : float
        Entropy in nats that dropped prompts may add together.

    Raises
    ------
    ConfigError
        If the tolerance is negative or the model is not fitted.

    Notes
    -----
    A prompt is left out by not asking it: `LabelModel.predict_proba` with ``asked``. Prompts are dropped one
    by one, the one that costs least first, as long as the entropy stays within the tolerance and one is left.
    O(m²) predictions.
    """
    if tolerance < 0:
        raise ConfigError(f"tolerance is {tolerance}; accepted are 0 and more nats.")
    everyone = list(range(check_votes(votes, model.n_classes).shape[1]))

    def entropy(columns: Sequence[int]) -> float:
        return conditional_entropy(model.predict_proba(votes, asked=columns))

    whole = entropy(everyone)
    without = {j: entropy([i for i in everyone if i != j]) for j in everyone}
    kept, drop = list(everyone), list[int]()
    costs = dict(without)
    while len(kept) > 1:
        least = min(kept, key=lambda j: (costs[j], j))
        if costs[least] - whole > tolerance:
            break
        kept.remove(least)
        drop.append(least)
        costs = {j: entropy([i for i in kept if i != j]) for j in kept} if len(kept) > 1 else {}
    return PromptWorth(entropy=whole, lost=np.array([without[j] - whole for j in everyone]), drop=tuple(drop))


def abstention_curve(proba: ArrayLike, labels: ArrayLike | None = None) -> tuple[Array, Array]:
    """Return coverage and accuracy when only the surest rows are answered.

    Parameters
    ----------
    proba : array_like, shape (n, k)
    labels : array_like, shape (n,), optional
        Without them the accuracy is the expected one: the mean of the largest probabilities.

    Returns
    -------
    coverage, accuracy : ndarray, shape (n,)
        For the surest row, the two surest, and so on. Equally sure rows count with their mean.
    """
    p = np.asarray(proba, dtype=np.float64)
    if p.ndim != 2 or not len(p):
        raise ShapeError(
            f"Probabilities have shape {p.shape}; pass (instances, classes) with one row at least."
        )
    sure = p.max(axis=1)
    right = sure if labels is None else _credit(p, _labels(labels, len(p), p.shape[1]))
    order = np.argsort(-sure, kind="stable")
    _, tie = np.unique(-sure[order], return_inverse=True)
    tie = tie.reshape(-1)
    shared = (np.bincount(tie, weights=right[order]) / np.bincount(tie))[tie]
    place = np.arange(1, len(p) + 1)
    return place / len(p), np.asarray(np.cumsum(shared) / place)


def _credit(p: Array, y: Ints) -> Array:
    best = p >= p.max(axis=1, keepdims=True) - 1e-9
    return np.asarray(best[np.arange(len(y)), y] / best.sum(axis=1))


def _like(model: LabelModel) -> LabelModel:
    return LabelModel(
        model.n_classes,
        model.dependencies,
        class_balance=model.class_balance,
        abstentions=model.abstentions,
        seed=model.seed,
    )


def _labels(labels: ArrayLike, n: int, k: int) -> Ints:
    y = np.asarray(labels)
    if y.shape != (n,):
        raise ShapeError(f"labels have shape {y.shape}; pass one for each of the {n} rows.")
    if y.dtype.kind not in "iu" or (y < 0).any() or (y >= k).any():
        raise DataError(f"Labels must be classes 0 to {k - 1}, as whole numbers.")
    return y.astype(np.int64)


def _errors(v: Ints, y: Ints) -> tuple[Array, Array]:
    said = v >= 0
    wrong = said & (v != y[:, None])
    seen = said.sum(axis=0)
    accuracies = np.where(seen > 0, 1 - wrong.sum(axis=0) / np.maximum(seen, 1), np.nan)
    w = wrong.astype(np.float64)
    both = w.T @ w
    either = w.sum(axis=0)[:, None] + w.sum(axis=0) - both
    return accuracies, np.where(either > 0, both / np.maximum(either, 1), 0.0)

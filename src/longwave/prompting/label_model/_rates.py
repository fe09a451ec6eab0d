"""Rates at which each prompt gives each vote in each state, shrunk towards what prompts have in common.

Shapes: m prompts, k classes, S states (class and difficulty, ``state = difficulty * k + class``).

Accuracies are shrunk in two steps: those of a prompt's classes towards the prompt's, and the prompts' towards
the mean of all. With no evidence that prompts differ they are all equal, and the model is majority vote.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from longwave.prompting.label_model._strengths import best_strength

__all__ = ["Strengths", "estimate_rates"]

Array = NDArray[np.float64]

_ONE_SIDED_STRENGTH = 5.0
PRIOR_RIGHT, PRIOR_WRONG = 1.4, 0.6  # two pseudo-votes, right in 0.7: what is assumed where nothing is known


@dataclass
class Strengths:
    """Pseudo-votes that pull a prompt to all prompts, a class to its prompt, errors to the usual errors."""

    prompt: float = 30.0
    by_class: float = 30.0
    errors: float = 30.0
    silence: float = 30.0

    def __post_init__(self) -> None:
        self.learned = 0


def estimate_rates(
    counts: Array, strengths: Strengths, *, is_shared: bool, models_silence: bool, learns: bool
) -> tuple[Array, float]:
    """Return ``P(vote | state)`` of each prompt and how many free numbers they amount to.

    Parameters
    ----------
    counts : ndarray, shape (m, k + 1, S)
        Expected votes in each state; the last row of a prompt are its abstentions.
    strengths : Strengths
        Changed in place where ``learns``.
    is_shared : bool
        One accuracy for all prompts and classes: majority vote.
    models_silence : bool
        Let the rate of abstention depend on the class; else an abstention has probability 1.
    learns : bool
        Choose the strengths by evidence.

    Returns
    -------
    rates : ndarray, shape (m, k + 1, S)
    n_free : float
    """
    m, rows, n_states = counts.shape
    k = rows - 1
    n_levels = n_states // k
    # (m, k votes, levels, k classes)
    votes = counts[:, :k].reshape(m, k, n_levels, k)
    only = np.full(m, -1) if is_shared else _only_class(counts)
    is_mixed = (only < 0)[:, None, None]
    right = np.einsum("mchc->mhc", votes) * is_mixed  # (m, levels, k)
    total = votes.sum(axis=1) * is_mixed  # (m, levels, k)
    accuracy, n_free = _accuracies(right, total, strengths, is_shared, learns)
    errors, n_error_free = _errors(votes, strengths, is_shared, learns)
    rates = np.ones((m, rows, n_levels, k))
    rates[:, :k] = errors * (1 - accuracy)[:, None]
    classes = np.arange(k)
    rates[:, classes, :, classes] = np.moveaxis(accuracy, 2, 0)
    for j in np.flatnonzero(only >= 0):  # it votes for one class only: that it votes is all it says
        rates[j, :k] = 1e-9
        rates[j, only[j]] = 1.0
    if models_silence:
        silence, n_silent = _silence(counts, only, strengths, learns)
        rates[:, :k] *= 1 - silence.reshape(m, 1, n_levels, k)
        rates[:, k] = silence.reshape(m, n_levels, k)
        n_free += n_silent
    return rates.reshape(m, rows, n_states), n_free + n_error_free


def _accuracies(
    right: Array, total: Array, strengths: Strengths, is_shared: bool, learns: bool
) -> tuple[Array, float]:
    """Return the accuracy of each prompt, level and class."""
    n_levels = right.shape[1]
    r, t = right.sum(axis=2), total.sum(axis=2)  # (m, levels)
    mean = (r.sum(axis=0) + PRIOR_RIGHT) / (t.sum(axis=0) + PRIOR_RIGHT + PRIOR_WRONG)  # (levels,)
    if is_shared:
        mean = np.maximum(mean, 1 / right.shape[2] + 0.02)  # or else majority vote would be turned around
        return np.broadcast_to(mean[None, :, None], right.shape).copy(), float(n_levels)
    if n_levels > 1:
        return _accuracies_by_difficulty(right, total, strengths)
    centre = np.broadcast_to(mean, r.shape)
    if learns:
        strengths.prompt = _pair_strength(r, t, centre)
    by_prompt = (r + strengths.prompt * centre) / (t + strengths.prompt)
    n_free = n_levels + float((t / (t + strengths.prompt)).sum())
    centre = np.broadcast_to(by_prompt[:, :, None], right.shape)
    if learns:
        strengths.by_class = _pair_strength(right, total, centre)
    accuracy = (right + strengths.by_class * centre) / (total + strengths.by_class)
    extra = (total / (total + strengths.by_class)).sum()
    return accuracy, n_free + float(extra) * (1 - 1 / right.shape[2])


def _accuracies_by_difficulty(right: Array, total: Array, strengths: Strengths) -> tuple[Array, float]:
    """Return accuracies whose distance from chance shrinks by one factor for all prompts on hard rows.

    With a factor for each prompt the levels could hold two unrelated factors of the votes.
    """
    k = right.shape[2]
    r, t = right.sum(axis=2), total.sum(axis=2)  # (m, levels)
    above = r - t / k
    edge = (above.sum(axis=0) + 1.0 * (0.7 - 1 / k)) / (t.sum(axis=0) + 1.0)  # (levels,)
    factor = np.array([1.0, float(np.clip(edge[1] / max(edge[0], 1e-6), 0.0, 1.0))])
    strength = strengths.prompt
    by_prompt = (above @ factor + strength * max(edge[0], 0.0)) / (t @ factor**2 + strength)
    accuracy = np.clip(1 / k + by_prompt[:, None] * factor, 0.01, 0.99)
    n_free = 2.0 + float((t.sum(axis=1) / (t.sum(axis=1) + strength)).sum())
    return np.broadcast_to(accuracy[:, :, None], right.shape).copy(), n_free


def _pair_strength(right: Array, total: Array, centre: Array) -> float:
    counts = np.stack([right.ravel(), np.maximum(total - right, 0.0).ravel()])
    return best_strength(counts, np.stack([centre.ravel(), 1 - centre.ravel()]))


def _errors(votes: Array, strengths: Strengths, is_shared: bool, learns: bool) -> tuple[Array, float]:
    """Return ``P(vote | class, the vote is wrong)``, zero where it is right, shape (m, k, levels, k)."""
    k = votes.shape[1]
    is_wrong = 1.0 - np.eye(k)[None, :, None, :]
    if k == 2 or is_shared:
        return np.broadcast_to(is_wrong / (k - 1), votes.shape), 0.0
    wrong = votes * is_wrong
    popular = wrong.sum(axis=(0, 2, 3))  # which wrong answers all prompts tend to
    popular = (popular + 10.0 / k) / (popular.sum() + 10.0)
    own = wrong.sum(axis=(2, 3))  # (m, k)
    own = (own + 20.0 * popular) / (own.sum(axis=1, keepdims=True) + 20.0)
    centre = own[:, :, None, None] * is_wrong
    centre = np.broadcast_to(centre / centre.sum(axis=1, keepdims=True), votes.shape)
    if learns:
        strengths.errors = best_strength(
            np.moveaxis(wrong, 1, 0).reshape(k, -1), np.moveaxis(centre, 1, 0).reshape(k, -1)
        )
    total = wrong.sum(axis=1, keepdims=True)
    errors = (wrong + strengths.errors * centre) / (total + strengths.errors)
    return errors, float((total / (total + strengths.errors)).sum()) * (k - 2)


def _only_class(counts: Array) -> NDArray[np.int64]:
    """Return the class that a prompt votes for where there is just one, else -1, shape (m,)."""
    seen = counts[:, :-1].sum(axis=2) > 0
    return np.where(seen.sum(axis=1) == 1, seen.argmax(axis=1), -1)


def _silence(
    counts: Array, only: NDArray[np.int64], strengths: Strengths, learns: bool
) -> tuple[Array, float]:
    """Return the rate of abstention of each prompt in each state, shape (m, S)."""
    silent, total = counts[:, -1], counts.sum(axis=1)  # (m, S)
    rate = (silent.sum(axis=1) + 0.5) / (total.sum(axis=1) + 1.0)  # (m,)
    centre = np.broadcast_to(rate[:, None], silent.shape)
    is_mixed = (only < 0)[:, None]
    if learns:
        strengths.silence = _pair_strength(silent * is_mixed, total * is_mixed, centre)
    strength = np.where(is_mixed, strengths.silence, _ONE_SIDED_STRENGTH)
    found = (silent + strength * centre) / (total + strength)
    share = (total / (total + strength)).sum()
    return found, len(rate) + float(share) * (1 - 1 / silent.shape[1])

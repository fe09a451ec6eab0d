"""The guard: leave majority vote only where the votes give a reason to.

Shapes: U distinct rows, m prompts, k classes.

Majority vote is itself a label model: independent prompts that are all equally good, and equally frequent
classes. So it can be compared with richer ones by how probable they make the votes, at a price for each
parameter. And a fit tells how good its own answers are, and those of majority vote: it is believed only if
its answers are very probably no worse, by its own account and by those of its rivals.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from longwave.prompting.label_model._expectation import LatentFit, Settings, fit_latent_classes
from longwave.prompting.label_model._start import first_posterior, with_levels
from longwave.prompting.label_model.dependencies import Dependencies
from longwave.prompting.label_model.latent_class import class_rates, vote_accuracies
from longwave.prompting.label_model.votes import VotePatterns, count_votes

__all__ = ["ENOUGH_ROWS", "Kind", "choose_fit", "fit_majority"]

Array = NDArray[np.float64]
Kind = Literal["majority", "independent", "dependent", "difficulty"]

ASSUMED_ACCURACY = 0.7  # of a single prompt, of which votes tell nothing
_LEAST_SOURCES = 3
ENOUGH_ROWS = 100  # with fewer, nothing is learned: 50 rows of weak prompts were fitted upside down
_TELLING_ROWS = 1000  # with so many, sources that know something are seen to agree
_WORSE = 0.03  # mean accuracy that modelled abstentions may take away; more, and they are taken for the label
_LOSS = 0.005  # accuracy that may be lost against majority vote
_RISK, _RISK_IN_GROUPS = 0.02, 0.05  # how probable a greater loss may be; groups are a reason of their own
_DIFFICULTY_ROUNDS = 60
_DIFFICULTY_MARGIN = 5.0  # nats; hard rows change probabilities more than answers, and few rows mislead
_BALANCE_MARGIN = 15.0  # of a learned class balance where rows are hard: it decides all of them
_MOST_CLASSES = 5  # for more, two levels of difficulty are not tried


def choose_fit(
    patterns: VotePatterns,
    n_classes: int,
    readings: Sequence[Dependencies],
    *,
    class_balance: Array | None,
    abstentions: str,
) -> tuple[LatentFit, Kind]:
    """Fit label models and choose one.

    Parameters
    ----------
    patterns : VotePatterns
        Columns that say something, each once.
    n_classes : int
    readings : sequence of Dependencies
        The best first; the others explain the votes about as well.
    class_balance : ndarray, shape (k,), optional
        Learned when left out.
    abstentions : {"learn", "ignore", "model"}

    Returns
    -------
    fit : LatentFit
    kind : {"majority", "independent", "dependent", "difficulty"}

    Notes
    -----
    With fewer than three sources (prompts and groups), or 100 rows, nothing can be learned: majority vote.

    Under the best reading, abstentions may tell about the label, if that explains who votes by more than its
    parameters cost. In groups, what a pattern of votes says is learned, told by the members, or told by
    members that are all equal, whichever gains half a nat a parameter: what chance gains. Without groups,
    rows of two levels of difficulty must gain ``0.5 log n`` nats a parameter (the Bayesian criterion) and
    five more, for a wrong balance of hard rows costs more than a wrong weight.

    The rivals of what is chosen are the best fits under other readings and, without groups, what was fitted
    besides, each weighed by how much less probable it makes the votes, at a nat a parameter (Akaike weights).
    On average over it and its rivals, the probability that it loses more than half a point against majority
    vote must be below 2 %, or 5 % with groups; else it is majority vote. A reading under which prompts agree
    with nobody outside their group is no rival from 1,000 rows on, which would show it.
    """
    majority = fit_majority(patterns, n_classes, class_balance)
    n_sources = patterns.rows.shape[1] - sum(len(group) - 1 for group in readings[0].groups)
    if n_sources < _LEAST_SOURCES or patterns.counts.sum() < ENOUGH_ROWS:
        return majority, "majority"
    is_few = patterns.counts.sum() < _TELLING_ROWS
    fitted = [
        _fit_reading(patterns, majority, reading, class_balance, abstentions)
        for i, reading in enumerate(readings)
        if i == 0 or reading.agreement.any() or is_few
    ]
    (fit, *rivals), kind = fitted[0]
    weights = [math.exp(min(0.0, rival.score(1.0) - fit.score(1.0))) for rival in rivals]
    others = [fits[0] for fits, _ in fitted[1:]]
    judges = [(fit, 1.0), *zip(rivals, weights, strict=True), *((other, 1.0) for other in others)]
    allowed = _RISK_IN_GROUPS if kind == "dependent" else _RISK
    return (majority, "majority") if _risk(patterns, fit, judges) > allowed else (fit, kind)


def _fit_reading(
    patterns: VotePatterns,
    majority: LatentFit,
    reading: Dependencies,
    class_balance: Array | None,
    abstentions: str,
) -> tuple[list[LatentFit], Kind]:
    """Return the fits that are comparable under one reading of the dependencies, the best one first."""
    k = majority.settings.n_classes
    start = first_posterior(patterns, k, reading.agreement, reading.groups)
    settings = Settings(n_classes=k, groups=reading.groups, class_balance=class_balance)
    fits = _fit_with_balance(patterns, start, settings)
    kind: Kind = "dependent" if reading.groups else "independent"
    if abstentions != "ignore" and (patterns.rows < 0).any():
        telling = _fit_with_balance(patterns, start, replace(settings, models_silence=True))
        is_needed = abstentions == "model" or _has_one_sided(patterns)
        if is_needed or _is_silence_telling(telling[0], fits[0], patterns):
            return telling, kind
    if reading.groups:
        even = np.full(k, 1 / k) if class_balance is None else class_balance
        told = _fit_with_balance(patterns, start, replace(settings, is_free=False))
        equal = replace(settings, is_free=False, is_shared=True, class_balance=even)
        candidates = (fits[0], told[0], fit_latent_classes(patterns, start, equal))
        return [max(candidates, key=lambda candidate: candidate.score(0.5))], kind
    if patterns.rows.shape[1] > _LEAST_SOURCES and k <= _MOST_CLASSES:
        bic = 0.5 * float(np.log(max(patterns.counts.sum(), 2.0)))
        uneven = replace(settings, n_levels=2, max_iter=_DIFFICULTY_ROUNDS)
        hard = _fit_with_balance(patterns, with_levels(start, 2), uneven, margin=_BALANCE_MARGIN)
        if hard[0].score(bic) > max(fits[0].score(bic), majority.score(bic)) + _DIFFICULTY_MARGIN:
            return [*hard, *fits, majority], "difficulty"
    if majority.score(1.0) >= fits[0].score(1.0):
        return [majority], "majority"
    return [*fits, majority], kind


def _risk(patterns: VotePatterns, fit: LatentFit, judges: Sequence[tuple[LatentFit, float]]) -> float:
    """Return how probably the answers of a fit lose too much against majority vote.

    Notes
    -----
    By a judge's posterior ``q``, a row whose answer changes from class b to a gains ``q_a - q_b`` on average,
    with variance ``q_a + q_b - (q_a - q_b)²``; the sum over rows is taken to be normal. Equally probable
    classes share a row.
    """
    n = float(patterns.counts.sum())
    change = _credit(fit.class_posterior()) - _credit(count_votes(patterns.rows, fit.settings.n_classes))
    found = 0.0
    for judge, weight in judges:
        q = judge.class_posterior()
        mean = (change * q).sum(axis=1)
        variance = (change**2 * q).sum(axis=1) - mean**2
        gain, spread = patterns.counts @ mean, np.sqrt(max(patterns.counts @ variance, 1e-9))
        found += weight * 0.5 * math.erfc(float((gain + _LOSS * n) / spread) / 2**0.5)
    return found / sum(weight for _, weight in judges)


def _credit(score: Array) -> Array:
    """Return the share of a row's credit that each class gets: the best, or equally the best ones."""
    is_best = score >= score.max(axis=1, keepdims=True) - 1e-9
    return np.asarray(is_best / is_best.sum(axis=1, keepdims=True))


def _fit_with_balance(
    patterns: VotePatterns, start: Array, settings: Settings, margin: float = 0.0
) -> list[LatentFit]:
    """Fit with equally frequent classes, and where the balance is not given also with a learned one.

    The better one comes first. The learned one must be worth ``0.5 log n`` nats a class, or as many as it
    saves parameters elsewhere; and there is no other where only it finds prompts better than chance.
    """
    if settings.class_balance is not None:
        return [fit_latent_classes(patterns, start, settings)]
    k = settings.n_classes
    even = fit_latent_classes(patterns, start, replace(settings, class_balance=np.full(k, 1 / k)))
    learned = fit_latent_classes(patterns, start, settings)
    extra = learned.n_free - even.n_free
    gain = learned.log_likelihood - even.log_likelihood
    if _is_plausible(learned) and not _is_plausible(even):
        return [learned]
    # with even classes, all prompts may need different accuracies for each class
    price = extra if extra < 0 else 0.5 * (k - 1) * float(np.log(max(patterns.counts.sum(), 2.0)))
    return [learned, even] if gain > price + margin else [even, learned]


def _is_plausible(fit: LatentFit) -> bool:
    """Tell whether prompts are on average better than chance in every class."""
    k = fit.settings.n_classes
    right = np.einsum("jcc->jc", class_rates(fit)[:, :, :k])
    voting = class_rates(fit)[:, :, :k].sum(axis=2)
    return bool((right.sum(axis=0) / voting.sum(axis=0)).min() > 1 / k)


def fit_majority(patterns: VotePatterns, n_classes: int, class_balance: Array | None = None) -> LatentFit:
    """Fit the one accuracy of all prompts; the most probable class is then the one with most votes.

    Parameters
    ----------
    patterns : VotePatterns
    n_classes : int
    class_balance : ndarray, shape (k,), optional
        Only breaks ties: its log-odds are scaled down to half of those of one vote.

    Notes
    -----
    A single prompt is taken to be right in 0.7 of its votes.
    """
    k = n_classes
    counts = count_votes(patterns.rows, k)
    start = counts * np.log(ASSUMED_ACCURACY * (k - 1) / (1 - ASSUMED_ACCURACY))
    start = np.exp(start - start.max(axis=1, keepdims=True))
    start /= start.sum(axis=1, keepdims=True)
    settings = Settings(
        n_classes=k,
        class_balance=np.full(k, 1 / k),
        is_shared=True,
        max_iter=1 if patterns.rows.shape[1] == 1 else Settings(n_classes=k).max_iter,
    )
    fit = fit_latent_classes(patterns, start, settings)
    if class_balance is not None:
        fit.prior = _tie_breaking(class_balance, float(vote_accuracies(fit)[0]))
    return fit


def _tie_breaking(balance: Array, accuracy: float) -> Array:
    """Return the class balance, so flat that it weighs half a vote at most."""
    k = len(balance)
    vote = np.log(accuracy * (k - 1) / (1 - accuracy))
    spread = np.log(balance.max() / balance.min())
    flat = balance ** min(1.0, 0.5 * vote / max(spread, 1e-12))
    return np.asarray(flat / flat.sum())


def _has_one_sided(patterns: VotePatterns) -> bool:
    """Tell whether a prompt votes for one class only: then all it says is whether it votes."""
    spread = patterns.rows.max(axis=0) - np.where(patterns.rows < 0, np.inf, patterns.rows).min(axis=0)
    return bool((spread == 0).any())


@dataclass(frozen=True)
class _Silence:
    """Who votes, taken to be independent of the label: its log-likelihood, and what dependence would cost."""

    log_likelihood: float
    n_extra: float


def _is_silence_telling(telling: LatentFit, ignoring: LatentFit, patterns: VotePatterns) -> bool:
    """Tell whether abstentions that depend on the label explain more, and prompts stay as good."""
    silence = _independent_silence(patterns, ignoring)
    gain = telling.log_likelihood - ignoring.log_likelihood - silence.log_likelihood
    price = 0.5 * silence.n_extra * np.log(max(patterns.counts.sum(), 2.0))
    loss = float(np.mean(vote_accuracies(ignoring) - vote_accuracies(telling)))
    return bool(gain > price and loss < _WORSE)


def _independent_silence(patterns: VotePatterns, fit: LatentFit) -> _Silence:
    m, k = patterns.rows.shape[1], fit.settings.n_classes
    grouped = [list(group) for group in fit.settings.groups]
    members = {j for group in grouped for j in group}
    log_likelihood, n_extra = 0.0, 0.0
    for columns in [*grouped, *([j] for j in range(m) if j not in members)]:
        is_silent = patterns.rows[:, columns] < 0
        _, mask = np.unique(is_silent, axis=0, return_inverse=True)
        total = np.bincount(mask.reshape(-1), patterns.counts)
        log_likelihood += float(total @ np.log(total / total.sum()))
        n_extra += (len(total) - 1) * (k - 1)
    return _Silence(log_likelihood, n_extra)

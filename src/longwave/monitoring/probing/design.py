"""Which rows a probe asks next: adaptively, in proportion to the strata, or at random."""

# Shapes: N rows, K strata, C classes

from __future__ import annotations

import math
from typing import Literal, get_args

import numpy as np

from longwave.errors import UnknownName
from longwave.monitoring.classes import Codes, Floats
from longwave.monitoring.probing.churn import fit_churn
from longwave.monitoring.probing.strata import Strata

__all__ = ["DESIGNS", "Design", "choose_rows", "count_answers", "proportional_shares"]

Design = Literal["adaptive", "masa", "proportional", "uniform"]
DESIGNS: tuple[str, ...] = get_args(Design)


def choose_rows(
    strata: Strata,
    after: Codes,
    is_out: Codes,
    n: int,
    *,
    design: Design,
    budget: int,
    n_first: int,
    alpha: float,
) -> Codes:
    """Choose the next rows to ask.

    Parameters
    ----------
    strata : Strata
    after : ndarray of int, shape (N,)
        New predictions as codes, -1 where there is none yet.
    is_out : ndarray of int, shape (N,)
        1 where a row was handed out, answered or not.
    n : int
        At most so many.
    design, budget, n_first, alpha
        See `ProbeConfig`.

    Returns
    -------
    ndarray of int, shape (<= n,)
        Within each stratum the first rows of its random order that are not out: drawn without replacement.
    """
    if design == "uniform":
        return np.asarray(strata.order[is_out[strata.order] == 0][:n])
    out = np.bincount(strata.stratum[is_out == 1], minlength=strata.n_strata)
    takes = np.zeros(strata.n_strata, dtype=np.int64)
    shares = proportional_shares(strata.sizes, budget) if design == "proportional" else None
    first = np.minimum(n_first, strata.sizes)
    by_weight = np.argsort(-strata.sizes, kind="stable")
    base = _spread(strata, after, out, design=design, budget=budget, alpha=alpha) if shares is None else None
    chosen: list[int] = []
    for _ in range(n):
        there = out + takes
        k = (
            _most_behind(there, shares, strata.sizes, budget)
            if shares is not None
            else _next_stratum(there, strata.sizes, first, by_weight, base)
        )
        if k is None:
            break
        chosen.append(int(strata.queues[k][there[k]]))
        takes[k] += 1
    return np.array(chosen, dtype=np.int64)


def count_answers(strata: Strata, after: Codes) -> tuple[Codes, Codes]:
    """Count changed and all answers of each stratum."""
    told = after >= 0
    k = strata.stratum[told]
    changed = np.bincount(k, weights=after[told] != strata.before[told], minlength=strata.n_strata)
    return changed.astype(np.int64), np.bincount(k, minlength=strata.n_strata).astype(np.int64)


def proportional_shares(sizes: Codes, budget: int) -> Codes:
    """Share a budget among strata in proportion to their rows, by largest remainder, at least one each."""
    budget = min(budget, int(sizes.sum()))
    exact = sizes * (budget / sizes.sum())
    shares = np.minimum(np.maximum(np.floor(exact), 1), sizes).astype(np.int64)
    while (left := budget - int(shares.sum())) != 0:
        lack = np.where(shares < sizes, exact - shares, -np.inf) if left > 0 else shares - exact
        if left < 0:
            lack = np.where(shares > 1, lack, -np.inf)
            if not np.isfinite(lack).any():  # more strata than calls
                break
        shares[int(lack.argmax())] += 1 if left > 0 else -1
    return np.asarray(shares)


def _most_behind(there: Codes, shares: Codes, sizes: Codes, budget: int) -> int | None:
    """Return the stratum that is furthest behind its share; past the budget, behind its weight."""
    progress = (int(there.sum()) + 1) / budget
    behind = np.where(there < sizes, shares * progress - there, -np.inf)
    k = int(behind.argmax())
    return k if np.isfinite(behind[k]) else None


def _next_stratum(
    there: Codes, sizes: Codes, first: Codes, by_weight: Codes, base: Floats | None
) -> int | None:
    """Return the heaviest stratum without its first draws, then the one whose variance falls most."""
    lacking = by_weight[there[by_weight] < first[by_weight]]
    if len(lacking):
        fewest = lacking[there[lacking] == there[lacking].min()]
        return int(fewest[0])
    if base is None:
        return None
    gain = np.where(there < sizes, base / np.sqrt((there + 1.0) * (there + 2.0)), -1.0)
    k = int(gain.argmax())
    return k if gain[k] >= 0 else None


def _spread(strata: Strata, after: Codes, out: Codes, *, design: Design, budget: int, alpha: float) -> Floats:
    """Return ``w_k σ_k`` of each stratum, as it is known or hoped for: what makes it worth a call."""
    weights = strata.sizes / strata.n_rows
    changed, asked = count_answers(strata, after)
    if design == "adaptive":
        mean, square = fit_churn(changed, asked, strata.is_right).moments()
        # E(1 - ‖μ‖²) where changes are taken to fall on two answers: E‖μ‖² = E(1 - c)² + E c² / 2
        return np.asarray(weights * np.sqrt(np.maximum(2 * mean - 1.5 * square, 0)))
    if design == "masa":
        n = np.maximum(out, 1)
        bonus = np.sqrt(alpha * math.log(max(budget, 2)) / n)
        return np.asarray(weights * (np.sqrt(_observed_variance(strata, after, asked)) + bonus))
    raise UnknownName("design of a probe", design, DESIGNS)


def _observed_variance(strata: Strata, after: Codes, asked: Codes) -> Floats:
    """Return ``1 - ‖μ̂_k‖²``, times n/(n - 1) for few draws; 0 for a stratum without two."""
    rows = np.flatnonzero(after >= 0)
    y, o, z = strata.labels[rows], strata.before[rows], after[rows]
    n_classes = int(max(len(strata.classes), after.max(initial=0) + 1))
    kind = np.where(o == z, 0, 1 + (y * n_classes + o) * n_classes + z)  # unchanged rows are alike
    pairs, counts = np.unique(np.stack([strata.stratum[rows], kind]), axis=1, return_counts=True)
    squares = np.bincount(pairs[0], weights=counts.astype(float) ** 2, minlength=strata.n_strata)
    n = np.maximum(asked, 1)
    return np.where(asked > 1, (1 - squares / n**2) * n / np.maximum(n - 1, 1), 0.0)

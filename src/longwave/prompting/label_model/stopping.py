"""Asking fewer prompts: in which order, and when the answer is sure enough.

Shapes: n instances, m prompts, k classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import ConfigError
from longwave.prompting.label_model.diagnostics import conditional_entropy
from longwave.prompting.label_model.label_model import LabelModel
from longwave.prompting.label_model.votes import check_votes

__all__ = ["EarlyStop", "plan_order", "stop_early"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class EarlyStop:
    """What is left of a vote matrix when each row is asked only until its answer is sure.

    Attributes
    ----------
    order : tuple of int
        In which prompts were asked.
    n_asked : ndarray, shape (n,)
        Prompts asked on each row.
    proba : ndarray, shape (n, k)
        Posterior from the prompts that were asked.
    cost : float
        Mean cost of a row.
    full_cost : float
        Cost of a row on which all are asked.
    """

    order: tuple[int, ...]
    n_asked: Ints
    proba: Array
    cost: float
    full_cost: float


def plan_order(model: LabelModel, votes: ArrayLike, *, costs: ArrayLike | None = None) -> tuple[int, ...]:
    """Return the order in which to ask prompts: the most information for its cost first.

    Parameters
    ----------
    model : LabelModel
        Fitted.
    votes : array_like, shape (n, m)
        Full votes of some rows, for example those the model was fitted on.
    costs : array_like, shape (m,), optional
        Of one vote of each prompt, above 0; equal when left out.

    Raises
    ------
    ConfigError
        If there is not one cost above 0 for each prompt.

    Notes
    -----
    Greedy: next comes the prompt that takes most entropy off the posterior, per unit of cost, given those
    asked before. O(m²) predictions.
    """
    m = check_votes(votes, model.n_classes).shape[1]
    price = _checked_costs(costs, m)
    order: list[int] = []
    now = float("inf")
    while len(order) < m:
        left = [j for j in range(m) if j not in order]
        entropy = {j: conditional_entropy(model.predict_proba(votes, asked=[*order, j])) for j in left}
        before = conditional_entropy(model.class_balance_[None]) if not order else now
        best = max(left, key=lambda j: ((before - entropy[j]) / price[j], -j))
        order.append(best)
        now = entropy[best]
    return tuple(order)


def stop_early(
    model: LabelModel,
    votes: ArrayLike,
    *,
    threshold: float = 0.95,
    order: Sequence[int] | None = None,
    costs: ArrayLike | None = None,
) -> EarlyStop:
    """Ask the prompts of each row in order, until one class has the probability ``threshold``.

    Parameters
    ----------
    model : LabelModel
        Fitted.
    votes : array_like, shape (n, m)
        The votes that prompts give when they are asked.
    threshold : float
        In (0.5, 1]; at 1 every prompt is asked.
    order : sequence of int, optional
        All prompts; that of `plan_order` when left out.
    costs : array_like, shape (m,), optional
        As in `plan_order`.

    Raises
    ------
    ConfigError
        If the threshold, the order or the costs are none of the accepted.

    Examples
    --------
    >>> from longwave.prompting.label_model.generators import make_votes
    >>> drawn = make_votes("independent", 2000, seed=0)
    >>> model = LabelModel().fit(drawn.votes)
    >>> stopped = stop_early(model, drawn.votes, threshold=0.97)
    >>> stopped.cost < 0.8 * stopped.full_cost
    True
    """
    if not 0.5 < threshold <= 1:
        raise ConfigError(f"threshold is {threshold}; accepted are probabilities above 0.5 and up to 1.")
    v = check_votes(votes, model.n_classes)
    n, m = v.shape
    price = _checked_costs(costs, m)
    asked = list(plan_order(model, v, costs=price) if order is None else order)
    if sorted(asked) != list(range(m)):
        raise ConfigError(f"order is {asked}; accepted are the columns 0 to {m - 1}, each once.")
    proba = np.tile(model.class_balance_, (n, 1))
    n_asked = np.zeros(n, dtype=np.int64)
    is_open = np.ones(n, dtype=bool)
    for step in range(1, m + 1):
        rows = np.flatnonzero(is_open)
        if not len(rows):
            break
        proba[rows] = model.predict_proba(v[rows], asked=asked[:step])
        n_asked[rows] = step
        is_open[rows] = (proba[rows].max(axis=1) < threshold) | (threshold >= 1)
    spent = np.concatenate([[0.0], np.cumsum(price[asked])])
    return EarlyStop(
        order=tuple(asked),
        n_asked=n_asked,
        proba=proba,
        cost=float(spent[n_asked].mean()) if n else 0.0,
        full_cost=float(price.sum()),
    )


def _checked_costs(costs: ArrayLike | None, m: int) -> Array:
    price = np.ones(m) if costs is None else np.asarray(costs, dtype=np.float64)
    if price.shape != (m,) or not np.isfinite(price).all() or (price <= 0).any():
        raise ConfigError(f"costs are {costs!r}; accepted is a number above 0 for each of {m} prompts.")
    return price

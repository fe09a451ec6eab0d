"""Choose what to buy: the policy for a budget, or the cheapest that is as good as the best single service.

A policy that is best on the rows at hand is not as good on others: thresholds fit chance as well. So the
budget that matches a service is found by cross-validation, and savings are measured on held-out halves.
"""

# Shapes: N rows, J services

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import polars as pl

from longwave.errors import ConfigError, DataError
from longwave.monitoring.classes import Codes, Floats
from longwave.monitoring.selection.frontier import find_frontier
from longwave.monitoring.selection.policy import Policy
from longwave.monitoring.selection.services import Services
from longwave.predictions.statistics import Interval

__all__ = ["Savings", "best_single", "budget_curve", "cross_validate", "match_best", "select"]

FOLDS = 5
STEPS = 60
FEWEST = 50  # rows, below which a split leaves nothing to learn from


def select(
    services: Services, *, budget: float | None = None, margin_pp: float = 0.0, seed: int = 0
) -> Policy[object]:
    """Select a policy.

    Parameters
    ----------
    services : Services
        Recorded answers to labelled rows.
    budget : float, optional
        US dollars for 10,000 instances; default: what matches the best single service, see `match_best`.
    margin_pp : float
        Points above the best single service to aim at, without a budget.
    seed : int
        Seeds the folds, without a budget.

    Returns
    -------
    Policy
        Never worse, on these rows, than any single service within the budget.

    Raises
    ------
    ConfigError
        If the budget buys no service.
    DataError
        If there are too few rows.

    Examples
    --------
    >>> table = pl.DataFrame({"prediction": ["a", "b"] * 30, "label": ["a", "a"] * 30})
    >>> right = table.with_columns(pl.col("label").alias("prediction"))
    >>> services = Services.from_tables({"cheap": table, "dear": right}, prices={"cheap": 1, "dear": 9})
    >>> print(select(services, budget=5.5).describe())
    5.50 US dollars for 10,000 instances, expected score 1.0000
    Call cheap.
      If it says "b", ask dear.
    """
    if budget is None:
        return match_best(services, margin_pp=margin_pp, seed=seed)
    return find_frontier(services).at(budget)


def best_single(services: Services) -> int:
    """Return the place of the service with the highest mean score, the cheaper of equals."""
    return int(np.lexsort((services.prices, -services.score.mean(axis=0)))[0])


def match_best(
    services: Services, *, margin_pp: float = 0.0, folds: int = FOLDS, seed: int = 0
) -> Policy[object]:
    """Find the cheapest policy that is expected to be as good as the best single service on new rows.

    Parameters
    ----------
    services : Services
    margin_pp : float
        Points above it to aim at.
    folds : int
    seed : int
        Seeds the folds.

    Returns
    -------
    Policy
        The best service alone where nothing cheaper is as good.

    Raises
    ------
    DataError
        If there are too few rows.
    ConfigError
        If there are fewer than two folds.

    Notes
    -----
    For every budget of a grid, policies of all folds but one are scored on that one. The first budget whose
    mean difference to the best single service reaches the margin, and stays there, is spent on all rows.
    """
    if folds < 2:
        raise ConfigError(f'"folds" is {folds}; it must be at least 2.')
    best = best_single(services)
    dearest = float(services.prices[best])
    budgets = np.linspace(float(services.prices.min()), dearest, STEPS)
    gain = np.zeros(STEPS)
    for train, test in _folds(services, folds, seed):
        frontier = find_frontier(train)
        single = float(test.score[:, best].mean())
        gain += [len(test.score) * (_mean_score(frontier.at(b), test) - single) for b in budgets]
    is_enough = gain / services.n_rows >= margin_pp / 100
    frontier = find_frontier(services)
    if not is_enough.any():
        return frontier.at(dearest)
    # noise makes single budgets look good enough: what counts is the end of the last run of bad ones
    first = int(np.flatnonzero(~is_enough)[-1]) + 1 if not is_enough.all() else 0
    return frontier.at(float(budgets[min(first, STEPS - 1)]))


def _mean_score(policy: Policy[object], services: Services) -> float:
    return float(policy.apply(services)[0].mean())


def _folds(services: Services, folds: int, seed: int) -> list[tuple[Services, Services]]:
    if services.n_rows < FEWEST:
        raise DataError(
            f"{services.n_rows} rows are too few to choose a policy from; at least {FEWEST} are needed. "
            "Label more, or give a budget."
        )
    fold = np.random.default_rng(seed).permutation(services.n_rows) % folds
    return [
        (services.subset(np.flatnonzero(fold != k)), services.subset(np.flatnonzero(fold == k)))
        for k in range(folds)
    ]


def budget_curve(
    services: Services, *, n_points: int = 30, seeds: int = 5, confidence: float = 0.95
) -> pl.DataFrame:
    """Return the score for every budget, on the rows it was chosen on and on held-out ones.

    Parameters
    ----------
    services : Services
    n_points : int
        Budgets, evenly from the cheapest service to the dearest.
    seeds : int
        Splits into halves.
    confidence : float

    Returns
    -------
    DataFrame
        ``budget`` (US dollars for 10,000 instances), ``train`` (never decreasing), ``held_out, low, high``,
        and ``single``, the best score of a single service within the budget on all rows.
    """
    budgets = np.linspace(float(services.prices.min()), float(services.prices.max()), n_points)
    whole = find_frontier(services)
    held_out = np.zeros((seeds, n_points))
    for seed in range(seeds):
        train, test = _halves(services, seed)
        frontier = find_frontier(train)
        held_out[seed] = [_mean_score(frontier.at(max(b, frontier.prices[0])), test) for b in budgets]
    means = services.score.mean(axis=0)
    bounds = [_corrected(held_out[:, place], confidence) for place in range(n_points)]
    return pl.DataFrame(
        {
            "budget": budgets,
            "train": [whole.score_at(b) for b in budgets],
            "held_out": [bound.estimate for bound in bounds],
            "low": [bound.low for bound in bounds],
            "high": [bound.high for bound in bounds],
            "single": [float(means[services.prices <= b + 1e-12].max()) for b in budgets],
        }
    )


@dataclass(frozen=True, kw_only=True)
class Savings:
    """What a policy saves on rows that it was not made from.

    Parameters
    ----------
    best : str
        The best single service of the training half, where it is the same in all splits; else the commonest.
    saving : Interval
        Share of its price that is saved.
    difference_pp : Interval
        Score of the policy minus that of the service, on held-out halves, in points.
    gain_pp : Interval
        The same for the best policy at the price of that service.
    splits : DataFrame
        ``seed, best, price, best_price, saving, difference_pp, gain_pp`` of each split.
    """

    best: str
    saving: Interval
    difference_pp: Interval
    gain_pp: Interval
    splits: pl.DataFrame


def cross_validate(
    services: Services, *, margin_pp: float = 0.0, seeds: int = 10, confidence: float = 0.95
) -> Savings:
    """Measure the saving of `match_best` on held-out halves.

    Parameters
    ----------
    services : Services
    margin_pp : float
    seeds : int
        Splits into halves, at least 2.
    confidence : float

    Notes
    -----
    Splits share rows, so that their spread understates the error; it is raised by ``n_test / n_train``.

    References
    ----------
    C. Nadeau, Y. Bengio, Machine Learning 52 (2003) 239-281, section 3.
    """
    if seeds < 2:
        raise ConfigError(f'"seeds" is {seeds}; it must be at least 2 for an interval.')
    rows: list[dict[str, object]] = []
    saving, difference, gain = np.zeros((3, seeds))
    for seed in range(seeds):
        train, test = _halves(services, seed)
        best = best_single(train)
        score, price = match_best(train, margin_pp=margin_pp, seed=seed).apply(test)
        dear = float(services.prices[best])
        saving[seed] = 1 - float(price.mean()) / dear if dear else 0.0
        single = float(test.score[:, best].mean())
        difference[seed] = 100 * (float(score.mean()) - single)
        gain[seed] = 100 * (_mean_score(find_frontier(train).at(dear), test) - single)
        rows.append(
            {
                "seed": seed,
                "best": services.names[best],
                "price": float(price.mean()),
                "best_price": dear,
                "saving": float(saving[seed]),
                "difference_pp": float(difference[seed]),
                "gain_pp": float(gain[seed]),
            }
        )
    splits = pl.DataFrame(rows)
    return Savings(
        best=str(splits["best"].mode().sort()[0]),
        saving=_corrected(saving, confidence),
        difference_pp=_corrected(difference, confidence),
        gain_pp=_corrected(gain, confidence),
        splits=splits,
    )


def _halves(services: Services, seed: int) -> tuple[Services, Services]:
    if services.n_rows < FEWEST:
        raise DataError(
            f"{services.n_rows} rows are too few to hold out half of; at least {FEWEST} are needed."
        )
    order: Codes = np.random.default_rng(seed).permutation(services.n_rows)
    half = services.n_rows // 2
    return services.subset(np.sort(order[:half])), services.subset(np.sort(order[half:]))


def _corrected(values: Floats, confidence: float) -> Interval:
    mean = float(values.mean())
    n = len(values)
    error = float(np.sqrt((1 / n + 1) * values.var(ddof=1))) if n > 1 else float("nan")
    half = NormalDist().inv_cdf((1 + confidence) / 2) * error
    return Interval(estimate=mean, low=mean - half, high=mean + half, confidence=confidence)

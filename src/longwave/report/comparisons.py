"""Paired comparisons of models: the same instances, the difference with an interval, a corrected p-value."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.predictions import holm, mcnemar, paired_bootstrap
from longwave.report.estimates import MANY, mean_interval

__all__ = [
    "ALPHA",
    "COMPARISONS",
    "FLIPS",
    "compare_scores",
    "compare_systems",
    "correct_p_values",
    "find_flips",
]

ALPHA = 0.05
Array = NDArray[np.float64]

COMPARISONS = pl.Schema(
    {
        "scenario": pl.String(),
        "first": pl.String(),
        "second": pl.String(),
        "n": pl.Int64(),
        "difference": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "first_only": pl.Int64(),
        "second_only": pl.Int64(),
        "test": pl.String(),
        "p": pl.Float64(),
        "p_holm": pl.Float64(),
    }
)


FLIPS = pl.Schema(
    {
        "scenario": pl.String(),
        "first": pl.String(),
        "second": pl.String(),
        "better": pl.String(),
        "instance": pl.String(),
        "first_score": pl.Float64(),
        "second_score": pl.Float64(),
    }
)
MOST_FLIPS = 12  # instances of one scenario, pair and direction that a page lists; all are in the browser


def compare_systems(originals: pl.DataFrame, *, seed: int = 0) -> pl.DataFrame:
    """Compare every pair of systems on the instances that both answered.

    Parameters
    ----------
    originals : DataFrame
        Unperturbed rows of ranked systems, with the columns of `describe_rows`.
    seed : int
        Seeds the paired bootstrap.

    Returns
    -------
    DataFrame
        Columns of ``COMPARISONS``, one row a scenario and pair: ``difference`` is first minus second with a
        95 % interval from a paired bootstrap over instances; ``p`` is McNemar's where every score is 0 or
        1, else the paired bootstrap's; ``p_holm`` is corrected over all rows of the frame. ``first_only``
        counts the instances that only the first got right. Pairs with fewer than two instances in common
        are left out.

    Notes
    -----
    From 20,000 instances on, the normal distribution stands for the bootstrap of other scores.
    """
    rows: list[dict[str, object]] = []
    for scenario, _, systems, scores in _matrices(originals):
        for first, second in combinations(range(len(systems)), 2):
            both = np.isfinite(scores[first]) & np.isfinite(scores[second])
            if both.sum() > 1:
                pair = compare_scores(scores[first, both], scores[second, both], seed=seed)
                rows.append(
                    {"scenario": scenario, "first": systems[first], "second": systems[second], **pair}
                )
    return correct_p_values(pl.DataFrame(rows, schema=COMPARISONS))


def correct_p_values(comparisons: pl.DataFrame) -> pl.DataFrame:
    """Correct the p-values of a frame for their number, by Holm's method."""
    corrected = holm(comparisons["p"].to_numpy())
    return comparisons.with_columns(p_holm=pl.Series(corrected, dtype=pl.Float64))


def find_flips(originals: pl.DataFrame, *, lower_is_better: bool, most: int = MOST_FLIPS) -> pl.DataFrame:
    """List the instances on which two systems differ most, for every pair of systems.

    Parameters
    ----------
    originals : DataFrame
        As in `compare_systems`.
    lower_is_better : bool
        Of the score.
    most : int
        Instances of each scenario, pair and direction at most.

    Returns
    -------
    DataFrame
        Columns of ``FLIPS``; ``better`` is the system with the better score. The largest differences first,
        equal ones by the instance's name.
    """
    rows: list[dict[str, object]] = []
    for scenario, instances, systems, scores in _matrices(originals):
        for first, second in combinations(range(len(systems)), 2):
            gap = scores[first] - scores[second]
            gap = np.where(np.isfinite(gap), -gap if lower_is_better else gap, 0.0)
            for sign, better in ((1, first), (-1, second)):
                order = np.argsort(-sign * gap, kind="stable")[:most]
                rows += [
                    {
                        "scenario": scenario,
                        "first": systems[first],
                        "second": systems[second],
                        "better": systems[better],
                        "instance": instances[place],
                        "first_score": scores[first, place],
                        "second_score": scores[second, place],
                    }
                    for place in order
                    if sign * gap[place] > 0
                ]
    return pl.DataFrame(rows, schema=FLIPS)


def _matrices(originals: pl.DataFrame) -> Iterator[tuple[str, list[str], list[str], Array]]:
    """Yield each scenario with its instances, its systems and their mean scores (systems, instances)."""
    means = originals.group_by("scenario", "instance", "system").agg(pl.col("score").mean())
    means = means.filter(pl.col("score").is_finite())
    for (scenario,), part in means.sort("scenario").group_by("scenario", maintain_order=True):
        instances = part["instance"].unique().sort()
        systems = part["system"].unique().sort()
        # by place, not pivoted: a model's name is data, not the name of a column
        rows = systems.search_sorted(part["system"]).to_numpy()
        columns = instances.search_sorted(part["instance"]).to_numpy()
        scores = np.full((len(systems), len(instances)), np.nan)
        scores[rows, columns] = part["score"].to_numpy()
        yield str(scenario), instances.to_list(), systems.to_list(), scores


def compare_scores(first: Array, second: Array, *, seed: int = 0) -> dict[str, object]:
    """Compare two scores of the same instances.

    Parameters
    ----------
    first, second : ndarray, shape (n,)
        Finite, two at least.
    seed : int
        Seeds the paired bootstrap.

    Returns
    -------
    dict
        The columns of ``COMPARISONS`` from ``n`` on; ``p_holm`` is None.
    """
    difference = first - second
    if len(first) < MANY or len(np.unique(difference)) <= 3:
        interval = paired_bootstrap(first, second, seed=seed)
        low, high, p = interval.low, interval.high, interval.p_value
    else:
        low, high = mean_interval(difference)
        error = float(difference.std(ddof=1)) / math.sqrt(len(difference))
        p = math.erfc(abs(float(difference.mean())) / error / math.sqrt(2)) if error else 1.0
    found: dict[str, object] = {
        "n": len(first),
        "difference": float(difference.mean()),
        "low": low,
        "high": high,
        "first_only": None,
        "second_only": None,
        "test": "paired bootstrap" if len(first) < MANY else "paired z",
        "p": p,
        "p_holm": None,
    }
    if np.isin(first, (0.0, 1.0)).all() and np.isin(second, (0.0, 1.0)).all():
        test = mcnemar(first, second, method="exact" if len(first) < MANY else "corrected")
        found |= {"first_only": test.first_only, "second_only": test.second_only}
        found |= {"test": "McNemar", "p": test.p_value}
    return found

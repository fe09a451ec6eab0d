"""Which services nobody should buy: another one is cheaper, better, and fairer to the worst group."""

# Shapes: N rows, J services

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from longwave.monitoring.classes import Floats
from longwave.monitoring.selection.policy import Policy
from longwave.monitoring.selection.services import Services
from longwave.predictions.statistics import bootstrap_interval, wilson_interval

__all__ = ["pareto"]

SMALLEST_GROUP = 30


def pareto(
    services: Services, *, policies: Mapping[str, Policy[object]] | None = None, confidence: float = 0.95
) -> pl.DataFrame:
    """Compare services, and policies over them, by price, score and worst group.

    Parameters
    ----------
    services : Services
    policies : mapping of str to Policy, optional
    confidence : float

    Returns
    -------
    DataFrame
        By price: ``name, price`` (US dollars for 10,000 instances), ``score, low, high``, ``worst_group,
        worst_group_score`` (groups of fewer than 30 rows left out; null without groups), ``is_efficient``
        (no other is at least as good in all three and better in one), ``beaten_by`` (one that is).

    Notes
    -----
    Intervals are Wilson's for 0/1 scores, else a bootstrap. A policy judged on the rows it was made from
    looks better than it is; give rows it has not seen.
    """
    columns = {
        name: (services.score[:, j], np.full(services.n_rows, services.prices[j]))
        for j, name in enumerate(services.names)
    }
    columns |= {name: policy.apply(services) for name, policy in (policies or {}).items()}
    rows = [_describe(name, score, price, services, confidence) for name, (score, price) in columns.items()]
    frame = pl.DataFrame(rows, schema_overrides={"worst_group": pl.String, "worst_group_score": pl.Float64})
    frame = frame.sort("price", "name")
    beaten = _beaten(frame)
    return frame.with_columns(
        is_efficient=pl.Series([name is None for name in beaten]),
        beaten_by=pl.Series(beaten, dtype=pl.String),
    )


def _describe(
    name: str, score: Floats, price: Floats, services: Services, confidence: float
) -> dict[str, object]:
    is_binary = bool(np.isin(score, (0.0, 1.0)).all())
    bounds = (
        wilson_interval(int(score.sum()), len(score), confidence=confidence)
        if is_binary
        else bootstrap_interval(score, confidence=confidence)
    )
    group, worst = _worst_group(score, services)
    return {
        "name": name,
        "price": float(price.mean()),
        "score": bounds.estimate,
        "low": bounds.low,
        "high": bounds.high,
        "worst_group": group,
        "worst_group_score": worst,
    }


def _worst_group(score: Floats, services: Services) -> tuple[str | None, float | None]:
    if not services.groups:
        return None, None
    frame = pl.DataFrame({"group": services.groups, "score": score}, schema_overrides={"group": pl.String})
    means = (
        frame.drop_nulls("group")
        .group_by("group")
        .agg(pl.col("score").mean(), pl.len().alias("n"))
        .filter(pl.col("n") >= SMALLEST_GROUP)
        .sort("score", "group")
    )
    return (str(means["group"][0]), float(means["score"][0])) if len(means) else (None, None)


def _beaten(frame: pl.DataFrame) -> list[str | None]:
    """Name for each row the cheapest one that is at least as good in everything and better in something."""
    worst = frame["worst_group_score"].fill_null(0.0).to_numpy()
    values = np.stack([-frame["price"].to_numpy(), frame["score"].to_numpy(), worst], axis=1)
    names = frame["name"].to_list()
    found: list[str | None] = []
    for mine in values:
        better = np.flatnonzero((values >= mine).all(axis=1) & (values > mine).any(axis=1))
        found.append(str(names[better[0]]) if len(better) else None)
    return found

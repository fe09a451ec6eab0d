"""Paired comparisons of models: the same instances, the difference with an interval, a corrected p-value."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from longwave.predictions import holm, mcnemar, paired_bootstrap

__all__ = ["ALPHA", "COMPARISONS", "compare_systems"]

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
    """
    scores = originals.group_by(["scenario", "instance", "system"]).agg(pl.col("score").mean())
    scores = scores.filter(pl.col("score").is_finite())
    rows: list[dict[str, object]] = []
    for (scenario,), part in scores.sort("scenario").group_by("scenario", maintain_order=True):
        # joined rather than pivoted: a model's name is data, not the name of a column
        columns = {
            system: part.filter(pl.col("system") == system) for system in part["system"].unique().sort()
        }
        for first, second in combinations(columns, 2):
            both = columns[first].join(columns[second], on="instance", suffix="_second").sort("instance")
            if len(both) > 1:
                pair = _compare(both["score"].to_numpy(), both["score_second"].to_numpy(), seed)
                rows.append({"scenario": scenario, "first": first, "second": second, **pair})
    frame = pl.DataFrame(rows, schema=COMPARISONS)
    corrected = holm(frame["p"].to_numpy())
    return frame.with_columns(p_holm=pl.Series(corrected, dtype=pl.Float64))


def _compare(first: Array, second: Array, seed: int) -> dict[str, object]:
    interval = paired_bootstrap(first, second, seed=seed)
    found: dict[str, object] = {
        "n": len(first),
        "difference": interval.estimate,
        "low": interval.low,
        "high": interval.high,
        "first_only": None,
        "second_only": None,
        "test": "paired bootstrap",
        "p": interval.p_value,
        "p_holm": None,
    }
    if np.isin(first, (0.0, 1.0)).all() and np.isin(second, (0.0, 1.0)).all():
        test = mcnemar(first, second)
        found |= {"first_only": test.first_only, "second_only": test.second_only}
        found |= {"test": "McNemar", "p": test.p_value}
    return found

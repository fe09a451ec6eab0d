"""Floors: what a model that understands nothing would score, by guessing or by always giving one answer."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from longwave.report.measures import Measure
from longwave.report.style import FLOOR_PREFIX

__all__ = ["FLOORS", "floor_values"]

FLOORS = pl.Schema(
    {"scenario": pl.String(), "floor": pl.String(), "value": pl.Float64(), "is_measured": pl.Boolean()}
)


def floor_values(
    cells: pl.DataFrame, instances: pl.DataFrame, measures: Mapping[str, Measure]
) -> pl.DataFrame:
    """Collect the floors of every scenario.

    Parameters
    ----------
    cells : DataFrame
        Estimates by scenario and system; systems named ``floor:...`` are measured floors.
    instances : DataFrame
        The instances side table, from which floors that were not measured are computed.
    measures : dict
        What each scenario's score is; a floor is computed for shares only.

    Returns
    -------
    DataFrame
        Columns of ``FLOORS``. ``random`` is the mean over instances of right options over options;
        ``majority`` is the share of the answer, or of the place in the list of options, that is right most
        often. Only for scenarios whose instances all list at least two options.
    """
    measured = cells.filter(
        pl.col("system").str.starts_with(FLOOR_PREFIX), pl.col("value").is_not_null()
    ).select(
        "scenario",
        pl.col("system").str.strip_prefix(FLOOR_PREFIX).str.split(" · ").list.first().alias("floor"),
        "value",
        is_measured=pl.lit(True),
    )
    known = set(measured.select("scenario", "floor").iter_rows())
    rows = []
    for scenario, measure in sorted(measures.items()):
        if not measure.is_share:
            continue
        options = instances.filter(pl.col("scenario") == scenario, pl.col("perturbation").is_null())
        for floor, value in _guesses(options).items():
            if (scenario, floor) not in known:
                rows.append({"scenario": scenario, "floor": floor, "value": value, "is_measured": False})
    computed = pl.DataFrame(rows, schema=FLOORS)
    return pl.concat([measured.cast(FLOORS), computed]).sort("scenario", "floor")


def _guesses(options: pl.DataFrame) -> dict[str, float]:
    right = pl.col("correct_references").list.len()
    listed = options.filter(right > 0)
    if not len(listed) or listed.select((pl.col("references").list.len() < 2).any()).item():
        return {}
    random = listed.select((right / pl.col("references").list.len()).mean()).item()
    places = listed.explode("correct_references")["correct_references"].value_counts()["count"].max()
    texts = (
        listed.select(
            "instance",
            answer=pl.col("references").list.gather(pl.col("correct_references"), null_on_oob=True),
        )
        .explode("answer")
        .unique(["instance", "answer"])["answer"]
        .value_counts()["count"]
        .max()
    )
    most = max(count for count in (places, texts) if isinstance(count, int))
    return {"random": float(random), "majority": most / len(listed)}

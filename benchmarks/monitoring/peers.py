"""The same analysis in SQL (DuckDB) and in plain polars, as one would write it there.

Each function returns a dict of small frames: accuracy by run and by group, confusions, calibration bins and
flips between the two runs of a pair, so that all three can be held against each other.
"""

from __future__ import annotations

from typing import Any

import polars as pl

BINS = 15
RUN = ["dataset", "api", "date"]


def plain_polars(predictions: pl.LazyFrame, labels: pl.LazyFrame, pairs: str) -> dict[str, pl.DataFrame]:
    """One join with the labels, then group-bys, collected together."""
    rows = predictions.join(labels, on=["dataset", "row"], how="left").with_columns(
        right=(pl.col("predicted_label") == pl.col("true_label")).cast(pl.Int8),
        bin=(pl.col("confidence") * BINS).cast(pl.Int8).clip(0, BINS - 1),
    )
    queries = {
        "runs": rows.group_by(RUN).agg(n=pl.len(), right=pl.col("right").sum()),
        "groups": rows.group_by([*RUN, "group"]).agg(n=pl.len(), right=pl.col("right").sum()),
        "confusions": rows.group_by([*RUN, "true_label", "predicted_label"]).agg(n=pl.len()),
        "bins": rows.group_by([*RUN, "bin"]).agg(
            n=pl.len(), right=pl.col("right").sum(), confidence=pl.col("confidence").cast(pl.Float64).sum()
        ),
        "flips": _flips(rows, pairs),
    }
    return dict(zip(queries, pl.collect_all(list(queries.values())), strict=True))


def _flips(rows: pl.LazyFrame, pairs: str) -> pl.LazyFrame:
    own = "date" if pairs == "dates" else "api"
    on = ["dataset", "row", "api"] if pairs == "dates" else ["dataset", "row"]
    both = rows.join(rows, on=on, suffix="_after").filter(
        pl.col(own).cast(pl.String) < pl.col(f"{own}_after").cast(pl.String)
    )
    same = pl.col("predicted_label") == pl.col("predicted_label_after")
    first, second = pl.col("right") == 1, pl.col("right_after") == 1
    api_after = [] if pairs == "dates" else ["api_after"]
    return both.group_by(["dataset", "api", *api_after]).agg(
        n=pl.len(),
        right_wrong=(first & ~second).sum(),
        wrong_right=(~first & second).sum(),
        wrong_same=(~first & ~second & same).sum(),
    )


def duckdb_sql(connection: Any, predictions: str, labels: str, pairs: str) -> dict[str, pl.DataFrame]:
    """One table joined with the labels, then group-bys over it."""
    connection.execute(f"""
        create or replace temp table scored as
        select p.*, l.true_label, l."group", (p.predicted_label = l.true_label)::tinyint as "right",
               least(cast(floor(p.confidence * {BINS}) as integer), {BINS - 1}) as bin
        from {predictions} p left join {labels} l using (dataset, "row")""")
    run = "dataset, api, date"
    own, on = ("date", 'dataset, "row", api') if pairs == "dates" else ("api", 'dataset, "row"')
    after = "" if pairs == "dates" else ", b.api as api_after"
    queries = {
        "runs": f'select {run}, count(*) as n, sum("right") as "right" from scored group by {run}',
        "groups": f'select {run}, "group", count(*) as n, sum("right") as "right" from scored '
        f'group by {run}, "group"',
        "confusions": f"select {run}, true_label, predicted_label, count(*) as n from scored "
        f"group by {run}, true_label, predicted_label",
        "bins": f'select {run}, bin, count(*) as n, sum("right") as "right", '
        f"sum(confidence::double) as confidence from scored group by {run}, bin",
        "flips": f"""
            select dataset, a.api{after}, count(*) as n,
                   sum((a."right" = 1 and b."right" = 0)::int) as right_wrong,
                   sum((a."right" = 0 and b."right" = 1)::int) as wrong_right,
                   sum((a."right" = 0 and a.predicted_label = b.predicted_label)::int) as wrong_same
            from scored a join scored b using ({on}) where a.{own}::text < b.{own}::text
            group by dataset, a.api{", b.api" if after else ""}""",
    }
    return {name: pl.DataFrame(connection.execute(query).fetchnumpy()) for name, query in queries.items()}

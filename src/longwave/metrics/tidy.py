"""The form of every summary: one row a group and metric, with standard error, count and interval."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import NormalDist

import polars as pl

from longwave.errors import TableError, nearest

__all__ = ["TIDY"]

TIDY = pl.Schema(
    {
        "metric": pl.String(),
        "value": pl.Float64(),
        "stderr": pl.Float64(),
        "n": pl.Int64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
    }
)

Z = NormalDist().inv_cdf(0.975)  # every interval of a summary is one of 95 %
CLUSTER = ("scenario", "instance")  # rows of one instance are not independent
Bounds = tuple[float | None, float | None]


def require(
    frame: pl.DataFrame, columns: Sequence[str], advice: str = "Pass rows of the predictions table."
) -> None:
    """Refuse a frame that lacks columns.

    Raises
    ------
    TableError
        Naming the first missing column and the nearest one there is.
    """
    for name in columns:
        if name not in frame.columns:
            close = nearest(name, frame.columns, n=1)
            hint = f' Did you mean "{close[0]}"?' if close else ""
            raise TableError(
                f'The frame has no column "{name}".{hint} It has: {", ".join(frame.columns) or "none"}. '
                f"{advice}"
            )


def originals(frame: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Keep the unperturbed rows, unless the summary is by perturbation or the frame knows none."""
    if "perturbation" in by or "perturbation" not in frame.columns:
        return frame
    return frame.filter(pl.col("perturbation").is_null())


def groups_of(frame: pl.DataFrame, by: Sequence[str]) -> Iterator[tuple[dict[str, object], pl.DataFrame]]:
    """Walk over the groups of a frame in the order of their keys; nothing for an empty frame."""
    if not len(frame):
        return
    if not by:
        yield {}, frame
        return
    for key, group in frame.sort(by).group_by(by, maintain_order=True):
        yield dict(zip(by, key, strict=True)), group


def tidy_row(
    metric: str, value: float | None, stderr: float | None, *, bounds: Bounds = (None, None)
) -> dict[str, object]:
    """Make a row of a summary; its interval is ``value ± 1.96 stderr``, cut at the bounds."""
    low = high = None
    if value is not None and stderr is not None:
        low = value - Z * stderr if bounds[0] is None else max(bounds[0], value - Z * stderr)
        high = value + Z * stderr if bounds[1] is None else min(bounds[1], value + Z * stderr)
    return {"metric": metric, "value": value, "stderr": stderr, "low": low, "high": high}


def collect(rows: Sequence[dict[str, object]], frame: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Put rows into a tidy frame whose grouping columns have the types of ``frame``."""
    return pl.DataFrame(rows, schema={**{name: frame.schema[name] for name in by}, **TIDY}, orient="row")


def summarize_mean(
    frame: pl.DataFrame, by: Sequence[str], value: pl.Expr, *, metric: str, bounds: Bounds = (0.0, 1.0)
) -> pl.DataFrame:
    """Average a value over the original rows of each group.

    Parameters
    ----------
    frame : DataFrame
    by : sequence of str
    value : Expr
        Column to average; nulls are left out. A group without any value has a null one and n = 0.
    metric : str
        What the result is called.
    bounds : tuple
        Least and greatest possible value; intervals are cut there.

    Notes
    -----
    The standard error is clustered by instance (`longwave.predictions.clustered_stderr`); null for a single
    instance. The interval is Wilson's where all values are 0 or 1, with the effective number of independent
    rows ``p(1-p) / stderr²``, kept between the number of instances and that of rows; else ``value ± 1.96
    stderr``.
    """
    require(frame, [*by, *CLUSTER, *value.meta.root_names()])
    rows = originals(frame, by).select(
        *(pl.col(name).alias(f"by_{i}") for i, name in enumerate(by)), *CLUSTER, value=value
    )
    keys = [f"by_{i}" for i in range(len(by))]
    clusters = _clusters(rows, keys)
    known = pl.col("count") > 0
    mean = pl.col("total").sum() / pl.col("count").sum()
    residual = (pl.col("total") - pl.col("count") * mean).filter(known)
    aggregates = {
        "n": pl.col("count").sum().cast(pl.Int64),
        "clusters": known.sum().cast(pl.Float64),
        "mean": mean,
        "squares": (residual**2).sum(),
        "binary": pl.col("binary").all(),
    }
    groups = (
        clusters.group_by(keys, maintain_order=True).agg(**aggregates)
        if by
        else clusters.select(**aggregates)
    )
    return _finish(groups, by, metric, bounds)


def _clusters(rows: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Sum the values of each instance; where each has one row, which hashes tell, there is nothing to sum."""
    value = pl.col("value")
    if rows.select(*keys, *CLUSTER).hash_rows().n_unique() == len(rows):
        return rows.select(
            *keys,
            total=value.fill_null(0.0),
            count=value.is_not_null().cast(pl.get_index_type()),
            binary=value.is_in([0.0, 1.0]).fill_null(value=True),
        )
    # in a fixed order: sums of floats depend on it in their last digits
    return rows.group_by([*keys, *CLUSTER], maintain_order=True).agg(
        total=value.sum(), count=value.count(), binary=value.is_in([0.0, 1.0]).all()
    )


def _finish(groups: pl.DataFrame, by: Sequence[str], metric: str, bounds: Bounds) -> pl.DataFrame:
    n, clusters, mean = pl.col("n").cast(pl.Float64), pl.col("clusters"), pl.col("value")
    stderr = (clusters / (clusters - 1) * pl.col("squares")).sqrt() / n
    spread = mean * (1 - mean)
    effective = (spread / pl.col("stderr") ** 2).fill_nan(0.0).fill_null(0.0).clip(clusters, n)
    centre = (mean + Z**2 / (2 * effective)) / (1 + Z**2 / effective)
    half = Z * (spread / effective + Z**2 / (4 * effective**2)).sqrt() / (1 + Z**2 / effective)
    is_share = bounds[0] is None or bounds[1] is not None  # a latency of 0 is none
    wilson = pl.col("binary") & is_share
    return (
        groups.with_columns(value=pl.when(n > 0).then(pl.col("mean")), metric=pl.lit(metric))
        .with_columns(stderr=pl.when(clusters > 1).then(stderr).fill_nan(None))  # infinite values have none
        .with_columns(
            low=pl.when(wilson)
            .then(centre - half)
            .otherwise(mean - Z * pl.col("stderr"))
            .clip(bounds[0], bounds[1]),
            high=pl.when(wilson)
            .then(centre + half)
            .otherwise(mean + Z * pl.col("stderr"))
            .clip(bounds[0], bounds[1]),
        )
        .sort([f"by_{i}" for i in range(len(by))] or "n")
        .select(
            *(pl.col(f"by_{i}").alias(name) for i, name in enumerate(by)),
            *(pl.col(name).cast(dtype) for name, dtype in TIDY.items()),
        )
    )

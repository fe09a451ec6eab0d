"""Tags that came and went: how the vocabulary of an API changed between two runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from longwave.errors import DataError
from longwave.monitoring.paired import PairedRows

__all__ = ["TAGS", "LabelSetShift", "label_sets"]

TAGS = pl.Schema(
    {
        "label": pl.String(),
        "status": pl.String(),
        "is_known": pl.Boolean(),
        "n_true": pl.Int64(),
        "n_before": pl.Int64(),
        "n_after": pl.Int64(),
        "frequency_before": pl.Float64(),
        "frequency_after": pl.Float64(),
        "precision_before": pl.Float64(),
        "precision_after": pl.Float64(),
        "recall_before": pl.Float64(),
        "recall_after": pl.Float64(),
    }
)


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelSetShift:
    """How the labels that two runs used differ.

    Parameters
    ----------
    tags : DataFrame
        One row a label that occurs, see `TAGS`: ``status`` is "added" (only the second run used it),
        "removed", "kept" or "unused" (only in the truth); ``is_known`` tells whether it is in the common
        label space, null where none was given; ``frequency`` is the share of rows with it; precision and
        recall are null where nothing was predicted, or nothing is true. Most changed frequency first.
    n : int
        Rows compared.
    mean_tags_before, mean_tags_after : float
        Distinct labels a row.
    empty_before, empty_after : float
        Share of rows with no label at all.
    unknown_before, unknown_after : float or None
        Share of predicted labels outside the common label space.
    """

    tags: pl.DataFrame
    n: int
    mean_tags_before: float
    mean_tags_after: float
    empty_before: float
    empty_after: float
    unknown_before: float | None
    unknown_after: float | None

    @property
    def added(self) -> tuple[str, ...]:
        """Labels that only the second run used."""
        return tuple(self.tags.filter(pl.col("status") == "added")["label"].sort())

    @property
    def removed(self) -> tuple[str, ...]:
        """Labels that only the first run used."""
        return tuple(self.tags.filter(pl.col("status") == "removed")["label"].sort())


def label_sets(pair: PairedRows, *, known: Sequence[object] | None = None) -> LabelSetShift:
    """Compare the labels that two runs used, tag by tag.

    Parameters
    ----------
    pair : PairedRows
        Of lists of tags, or of single labels, which are sets of one. Repeated tags of a row count once.
    known : sequence, optional
        The common label space; labels outside it are counted apart.

    Raises
    ------
    DataError
        If there is no row.

    Notes
    -----
    Precision of a tag: share of the rows predicted to have it whose truth has it. Recall: share of the rows
    whose truth has it that are predicted to.
    """
    if not pair.n:
        raise DataError("There are no rows; comparing label sets needs at least 1.")
    vocabulary = None if known is None else [str(label) for label in known]
    truth = _exploded(pair.frame, "true_label") if pair.has_truth else None
    sides = {side: _exploded(pair.frame, f"predicted_label_{side}") for side in ("before", "after")}
    counts = [_counts(rows, truth, side) for side, rows in sides.items()]
    if truth is not None:
        counts.append(truth.group_by("label").agg(n_true=pl.len().cast(pl.Int64)))
    frame = pl.DataFrame(schema={"label": pl.String})
    for part in counts:
        frame = frame.join(part, on="label", how="full", coalesce=True)
    return LabelSetShift(
        tags=_finish(frame, pair, vocabulary, truth is not None),
        n=pair.n,
        mean_tags_before=len(sides["before"]) / pair.n,
        mean_tags_after=len(sides["after"]) / pair.n,
        empty_before=1 - sides["before"]["row"].n_unique() / pair.n,
        empty_after=1 - sides["after"]["row"].n_unique() / pair.n,
        unknown_before=_unknown(sides["before"], vocabulary),
        unknown_after=_unknown(sides["after"], vocabulary),
    )


def _exploded(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return (row, label) for each distinct label of each row."""
    rows = frame.select("row", label=pl.col(name))
    if isinstance(frame.schema[name], pl.List):
        rows = rows.explode("label").unique()
    return rows.drop_nulls("label").with_columns(pl.col("label").cast(pl.String))


def _counts(rows: pl.DataFrame, truth: pl.DataFrame | None, side: str) -> pl.DataFrame:
    if truth is None:
        marked = rows.with_columns(hit=pl.lit(None, dtype=pl.Int64))
    else:
        marked = rows.join(truth.with_columns(hit=pl.lit(1)), on=["row", "label"], how="left")
    return marked.group_by("label").agg(
        pl.len().cast(pl.Int64).alias(f"n_{side}"), pl.col("hit").sum().cast(pl.Int64).alias(f"hits_{side}")
    )


def _finish(
    frame: pl.DataFrame, pair: PairedRows, vocabulary: Sequence[str] | None, has_truth: bool
) -> pl.DataFrame:
    if not has_truth:
        frame = frame.with_columns(n_true=pl.lit(None, dtype=pl.Int64))
    counted = [name for name in frame.columns if name not in ("label", "n_true")]
    frame = frame.with_columns(pl.col(counted).fill_null(0))
    if has_truth:
        frame = frame.with_columns(pl.col("n_true").fill_null(0))
    used_before, used_after = pl.col("n_before") > 0, pl.col("n_after") > 0
    status = (
        pl.when(used_before & used_after)
        .then(pl.lit("kept"))
        .when(used_after)
        .then(pl.lit("added"))
        .when(used_before)
        .then(pl.lit("removed"))
        .otherwise(pl.lit("unused"))
    )
    shares = {
        f"{share}_{side}": pl.when(pl.col(of) > 0).then(pl.col(f"hits_{side}") / pl.col(of))
        for side in ("before", "after")
        for share, of in (("precision", f"n_{side}"), ("recall", "n_true"))
    }
    unknown = pl.lit(None, dtype=pl.Boolean)
    return (
        frame.with_columns(
            status=status,
            is_known=unknown if vocabulary is None else pl.col("label").is_in(vocabulary),
            **{f"frequency_{side}": pl.col(f"n_{side}") / pair.n for side in ("before", "after")},
            **{
                name: share if has_truth else pl.lit(None, dtype=pl.Float64) for name, share in shares.items()
            },
        )
        .sort((pl.col("n_after") - pl.col("n_before")).abs(), pl.col("label"), descending=[True, False])
        .select(pl.col(name).cast(dtype) for name, dtype in TAGS.items())
    )


def _unknown(rows: pl.DataFrame, vocabulary: Sequence[str] | None) -> float | None:
    if vocabulary is None or not len(rows):
        return None
    return 1 - int(rows["label"].is_in(vocabulary).sum()) / len(rows)

"""Free answers of two runs as two labels: every text against every other is no confusion to speak of."""

from __future__ import annotations

import polars as pl

__all__ = ["MOST_LABELS", "fold_free_answers"]

MOST_LABELS = 200  # of two runs and their truth; beyond, answers are texts and no classes
SAME, OTHER = "as before", "another"


def fold_free_answers(
    before: pl.DataFrame, after: pl.DataFrame, *, most: int = MOST_LABELS
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Replace the labels of two runs by whether they are the same, where there are too many of them.

    Parameters
    ----------
    before, after : DataFrame
        One run each: ``row``, ``predicted_label``, ``score`` and, where known, ``true_label``.
    most : int
        Distinct labels up to which nothing is replaced.

    Returns
    -------
    before, after : DataFrame
        As they were, or with two labels and without truth: scores, flips, overlap and missing answers are the
        same as before, and there is no confusion to speak of.

    Examples
    --------
    >>> runs = [pl.DataFrame({"row": [0, 1], "predicted_label": said}) for said in (["a", "b"], ["a", "c"])]
    >>> fold_free_answers(*runs, most=2)[1]["predicted_label"].to_list()
    ['as before', 'another']
    """
    names = [name for name in ("predicted_label", "true_label") if name in before.columns]
    texts = [frame[name] for frame in (before, after) for name in names if name in frame.columns]
    if any(isinstance(each.dtype, pl.List) for each in texts):
        return before, after
    if pl.concat([each.cast(pl.String) for each in texts]).drop_nulls().n_unique() <= most:
        return before, after
    said, earlier = pl.col("predicted_label"), pl.col("earlier")
    first = before.select("row", earlier=said)
    joined = after.join(first, on="row", how="left", maintain_order="left")
    kept = [name for name in after.columns if name != "true_label"]
    second = joined.with_columns(
        predicted_label=pl.when(said.is_null())
        .then(None)
        .when(said == earlier)
        .then(pl.lit(SAME))
        .otherwise(pl.lit(OTHER))
    ).select(kept)
    folded = before.with_columns(predicted_label=pl.when(said.is_not_null()).then(pl.lit(SAME)))
    return folded.select([name for name in before.columns if name != "true_label"]), second

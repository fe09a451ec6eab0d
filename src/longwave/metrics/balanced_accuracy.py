"""Balanced accuracy of whole tables: every class counts alike, however rare it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import polars as pl

from longwave.metrics.base import TableMetric
from longwave.metrics.legal import read_answer
from longwave.metrics.summed_counts import balanced_share, count_choices, draw_sums, spread, sum_by_instance
from longwave.metrics.tidy import CLUSTER, collect, groups_of, originals, require

__all__ = ["summarize_balanced_accuracy"]


def summarize_balanced_accuracy(
    frame: pl.DataFrame,
    by: Sequence[str] = (),
    *,
    mode: Literal["strict", "lenient"] = "strict",
    n_resamples: int = 1000,
    seed: int = 0,
) -> pl.DataFrame:
    """Average the share of right answers over the classes of each group.

    Parameters
    ----------
    frame : DataFrame
        Rows of the predictions table; perturbed ones count only when ``by`` holds ``"perturbation"``, rows
        without a label and failed requests never. A row without a prediction is wrong.
    by : sequence of str
        Grouping columns; classes are the labels of a group, so group by what shares them.
    mode : {"strict", "lenient"}
        An answer is the first line of what was written, but for case and ASCII punctuation; or the first
        label that is named (see `evaluate_legal`).
    n_resamples, seed : int
        Of the bootstrap over instances behind ``stderr`` and the interval (of percentiles).

    Returns
    -------
    DataFrame
        See `longwave.metrics.TIDY`; one row a group, metric ``"balanced_accuracy"``.

    Notes
    -----
    ``1/K sum_k TP_k / n_k`` over the K classes among the labels. A resample without a class is averaged over
    the others. Always giving one class scores ``1/K``.

    References
    ----------
    arXiv 2308.11462, section 5.
    """
    require(frame, [*by, *CLUSTER, "prediction", "label"])
    rows = originals(frame, by).filter(pl.col("label").is_not_null())
    if "error" in rows.columns:
        rows = rows.filter(pl.col("error").is_null())
    found: list[dict[str, object]] = []
    for key, group in groups_of(rows, by):
        labels = group["label"].to_list()
        space = sorted(set(labels))
        answers = [read_answer(text, space, mode) for text in group["prediction"]]
        counts = sum_by_instance(group, count_choices(answers, [read_answer(label, ()) for label in labels]))
        value = float(balanced_share(counts.sum(axis=0, keepdims=True))[0])
        draws = balanced_share(draw_sums(counts, n_resamples, seed))
        row = {**key, "metric": "balanced_accuracy", "value": value, "n": len(group)}
        found.append({**row, **spread(draws, len(counts))})
    return collect(found, frame, by)


BALANCED_ACCURACY = TableMetric(
    name="balanced_accuracy", family="accuracy", higher_is_better=True, function=summarize_balanced_accuracy
)

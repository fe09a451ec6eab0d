"""Fairness: scores when inputs speak of other people, and how far groups are apart in any metric.

Two views of arXiv 2211.09110, section 4.5: counterfactual, the worst case over edits that change a dialect, a
pronoun or a name; and disparity, the same metric on every group of instances. Contrast sets, whose edits
change the right answer too, are a third thing: there a model should change its mind.

Where we differ from the reference code: the worst is the maximum where lower is better, and the gap of a
scenario is computed, not left to the reader of a table.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import polars as pl

from longwave.metrics.base import TableMetric
from longwave.metrics.robustness import summarize_robustness
from longwave.metrics.tidy import collect, groups_of, require, summarize_mean, tidy_row
from longwave.predictions import KEY

__all__ = [
    "CONTRAST_SETS",
    "compare_groups",
    "summarize_contrast",
    "summarize_disparities",
    "summarize_fairness",
]

CONTRAST_SETS = "contrast-sets"
_SAME = tuple(name for name in KEY if name != "perturbation")


def summarize_fairness(
    frame: pl.DataFrame,
    by: Sequence[str] = (),
    *,
    perturbations: Sequence[str] | None = None,
    lower_is_better: Collection[str] = (),
) -> pl.DataFrame:
    """Average the worst case of each instance over fairness perturbations; metric ``"fairness"``.

    Parameters
    ----------
    frame : DataFrame
        Rows of the predictions table, original and perturbed.
    by : sequence of str
        Grouping columns.
    perturbations : sequence of str, optional
        Names of the fairness perturbations, as in the ``perturbation`` column
        (`longwave.evaluation.fairness_names` knows them); default all in the frame.
    lower_is_better : collection of str
        Scenarios whose score is better when lower; there the worst is the maximum.

    Returns
    -------
    DataFrame
        See `longwave.metrics.TIDY`. A group without any score under these perturbations has a null value.

    Raises
    ------
    TableError
        If a column is missing.
    """
    found = summarize_robustness(frame, by, perturbations=perturbations, lower_is_better=lower_is_better)
    return found.with_columns(metric=pl.lit("fairness"))


def summarize_disparities(
    frame: pl.DataFrame, by: Sequence[str] = (), *, lower_is_better: Collection[str] = ()
) -> pl.DataFrame:
    """Average the score of each group of instances, and tell how far the worst is from the average.

    Parameters
    ----------
    frame : DataFrame
        Rows of the predictions table; perturbed ones count only when ``by`` holds ``"perturbation"``, rows
        without a group or a score never.
    by : sequence of str
        Grouping columns besides ``group``; ``"scenario"`` among them where scenarios differ in direction.
    lower_is_better : collection of str
        Scenarios whose score is better when lower.

    Returns
    -------
    DataFrame
        See `compare_groups`.

    Raises
    ------
    TableError
        If a column is missing.

    Notes
    -----
    `longwave.metrics.summarize_groups` is the same of the ``correct`` column, in percentage points. Bits per
    byte of a group are a ratio of sums: pass `longwave.metrics.summarize_language` by group to
    `compare_groups`.
    """
    keys = [name for name in by if name != "group"]
    require(frame, [*keys, "group", "score"])
    rows = frame.filter(pl.col("group").is_not_null())
    parts = summarize_mean(rows, [*keys, "group"], pl.col("score"), metric="group_score", bounds=(None, None))
    return compare_groups(parts, keys, lower_is_better=lower_is_better)


def compare_groups(
    parts: pl.DataFrame, by: Sequence[str] = (), *, lower_is_better: Collection[str] = ()
) -> pl.DataFrame:
    """Add the worst group and its gap to a summary by group.

    Parameters
    ----------
    parts : DataFrame
        A tidy frame of one metric with the columns of ``by`` and ``group``.
    by : sequence of str
        Grouping columns besides ``group``.
    lower_is_better : collection of str
        Scenarios where a lower value is better; the column ``scenario`` tells.

    Returns
    -------
    DataFrame
        See `longwave.metrics.TIDY`, with the column ``group`` after those of ``by``; metrics ``group_score``,
        one row a group; ``worst_group_score``, the least (where lower is better the greatest) of them; and
        ``score_gap``, how much worse than the average over all instances it is, at least 0, in the unit of
        the metric. The ``group`` of the last two is the worst one. Where fewer than two groups have a value
        there is no gap and they are left out. The gap has no interval.

    Raises
    ------
    TableError
        If a column is missing.
    """
    require(parts, [*by, "group", "value", "n", *(["scenario"] if lower_is_better else [])])
    keys = list(by)
    found: list[dict[str, object]] = []
    for key, part in groups_of(parts.filter(pl.col("value").is_finite()), keys):
        if len(part) < 2:
            continue
        is_lower_better = bool(lower_is_better) and part["scenario"].is_in(list(lower_is_better)).all()
        place = part["value"].arg_max() if is_lower_better else part["value"].arg_min()
        worst = part.row(int(place or 0), named=True)
        average = float(np.average(part["value"].to_numpy(), weights=part["n"].to_numpy()))
        gap = worst["value"] - average if is_lower_better else average - worst["value"]
        found.append({**worst, "metric": "worst_group_score"})
        where = {**key, "group": worst["group"], "n": part["n"].sum()}
        found.append({**where, **tidy_row("score_gap", max(gap, 0.0), None)})
    shown = parts.with_columns(metric=pl.lit("group_score"))
    return pl.concat([shown, collect(found, parts, [*keys, "group"])])


def summarize_contrast(
    frame: pl.DataFrame, by: Sequence[str] = (), *, perturbation: str = CONTRAST_SETS
) -> pl.DataFrame:
    """Compare the original of each contrast pair with its counterpart, whose right answer is another one.

    Parameters
    ----------
    frame : DataFrame
        Rows of the predictions table, originals and counterparts.
    by : sequence of str
        Grouping columns.
    perturbation : str
        Name of the counterparts in the ``perturbation`` column.

    Returns
    -------
    DataFrame
        See `longwave.metrics.TIDY`; metrics ``contrast_score`` (mean score of the counterparts),
        ``contrast_original`` (of the same instances before) and ``contrast_both_right`` (share of pairs whose
        two answers are right). Empty without pairs; a pair counts where both have the value in question.

    Raises
    ------
    TableError
        If a column is missing.

    References
    ----------
    arXiv 2211.09110, section 4.4 (equivariance); arXiv 2004.02709 (contrast sets).
    """
    require(frame, [*by, *KEY, "score", "correct"])
    before = frame.filter(pl.col("perturbation").is_null()).select(
        *_SAME, original="score", original_right="correct"
    )
    pairs = (
        frame.filter(pl.col("perturbation") == perturbation)
        .join(before, on=_SAME, how="inner")
        .with_columns(
            both=(pl.col("correct") & pl.col("original_right")).cast(pl.Float64),
            is_scored=pl.col("score").is_not_null() & pl.col("original").is_not_null(),
        )
        # a failure leaves "wrong and unknown" wrong, which would count half a pair
        .with_columns(
            both=pl.when(pl.col("correct").is_not_null() & pl.col("original_right").is_not_null()).then(
                "both"
            )
        )
    )
    shown = pairs if "perturbation" in by else pairs.drop("perturbation")
    parts = []
    for name, value, bounds in (
        ("contrast_score", pl.when("is_scored").then("score"), (None, None)),
        ("contrast_original", pl.when("is_scored").then("original"), (None, None)),
        ("contrast_both_right", pl.col("both"), (0.0, 1.0)),
    ):
        measured = shown.with_columns(value.alias("value"))
        parts.append(summarize_mean(measured, by, pl.col("value"), metric=name, bounds=bounds))
    return pl.concat(parts).filter(pl.col("n") > 0)


FAIRNESS = TableMetric(
    name="fairness",
    family="fairness",
    higher_is_better=True,
    low=None,
    high=None,
    function=summarize_fairness,
)
SCORE_GAP = TableMetric(
    name="score_gap", family="fairness", higher_is_better=False, high=None, function=summarize_disparities
)

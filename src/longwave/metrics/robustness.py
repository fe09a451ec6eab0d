"""Robustness: what is left of a score when the worst of several harmless edits is counted."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from longwave.metrics.base import TableMetric
from longwave.metrics.tidy import require, summarize_mean
from longwave.predictions import KEY

__all__ = ["summarize_perturbations", "summarize_robustness", "worst_case"]

_SAME = tuple(name for name in KEY if name != "perturbation")


def worst_case(
    frame: pl.DataFrame, *, perturbations: Sequence[str] | None = None, lower_is_better: Collection[str] = ()
) -> pl.DataFrame:
    """Find the worst score of every instance over its original and perturbed inputs.

    Parameters
    ----------
    frame : DataFrame
        Rows of the predictions table, original and perturbed.
    perturbations : sequence of str, optional
        Those that count; default all in the frame.
    lower_is_better : collection of str
        Scenarios whose score is better when lower; there the worst is the maximum.

    Returns
    -------
    DataFrame
        The original rows with a score, in their order and with all their columns; added are ``worst``, and
        ``edits``, the number of perturbed scores that were looked at. An instance that no perturbation
        changed keeps its score.

    Raises
    ------
    TableError
        If a column is missing.

    Notes
    -----
    ``worst_i = min(m(i), min_s m(s(i)))``. A failed request has no score and does not count. The reference
    code takes the minimum in every case, also where lower is better.

    References
    ----------
    arXiv 2211.09110, section 4.4.
    """
    require(frame, [*KEY, "score"])
    scored = frame.filter(pl.col("score").is_not_null())
    edited = scored.filter(pl.col("perturbation").is_not_null())
    if perturbations is not None:
        edited = edited.filter(pl.col("perturbation").is_in(list(perturbations)))
    bounds = edited.group_by(_SAME).agg(
        least=pl.col("score").min(), greatest=pl.col("score").max(), edits=pl.len().cast(pl.Int64)
    )
    lower = pl.col("scenario").is_in(list(lower_is_better))
    worst = (
        pl.when(lower)
        .then(pl.max_horizontal("score", "greatest"))
        .otherwise(pl.min_horizontal("score", "least"))
    )
    return (
        scored.filter(pl.col("perturbation").is_null())
        .join(bounds, on=_SAME, how="left", maintain_order="left")
        .with_columns(worst=worst, edits=pl.col("edits").fill_null(0))
        .drop("least", "greatest")
    )


def summarize_robustness(
    frame: pl.DataFrame,
    by: Sequence[str] = (),
    *,
    perturbations: Sequence[str] | None = None,
    lower_is_better: Collection[str] = (),
) -> pl.DataFrame:
    """Average the worst case of each instance; metric ``"robustness"``.

    Parameters
    ----------
    frame, perturbations, lower_is_better
        As in `worst_case`.
    by : sequence of str
        Grouping columns.

    Returns
    -------
    DataFrame
        See `longwave.metrics.TIDY`. A group without any perturbed score has a null value: nothing is known
        about it.
    """
    require(frame, by)
    rows = worst_case(frame, perturbations=perturbations, lower_is_better=lower_is_better)
    is_tested = (pl.col("edits").max().over(by) if by else pl.col("edits").max()) > 0
    rows = rows.with_columns(worst=pl.when(is_tested).then("worst"))
    return summarize_mean(rows, by, pl.col("worst"), metric="robustness", bounds=(None, None))


def summarize_perturbations(
    frame: pl.DataFrame, by: Sequence[str] = (), *, lower_is_better: Collection[str] = ()
) -> pl.DataFrame:
    """Compare, perturbation by perturbation, the instances it changed before and after.

    Parameters
    ----------
    frame, lower_is_better
        As in `worst_case`.
    by : sequence of str
        Grouping columns; ``perturbation`` is added.

    Returns
    -------
    DataFrame
        See `longwave.metrics.TIDY`; metrics ``perturbed`` (mean score after), ``original`` (mean score of the
        same instances before) and ``worst`` (mean of the worse of the two). Instances that a perturbation
        left alone do not count for it.
    """
    require(frame, [*by, *KEY, "score"])
    scored = frame.filter(pl.col("score").is_not_null())
    before = scored.filter(pl.col("perturbation").is_null()).select(*_SAME, original="score")
    pairs = scored.filter(pl.col("perturbation").is_not_null()).join(before, on=_SAME, how="inner")
    lower = pl.col("scenario").is_in(list(lower_is_better))
    pairs = pairs.rename({"score": "perturbed"}).with_columns(
        worst=pl.when(lower)
        .then(pl.max_horizontal("original", "perturbed"))
        .otherwise(pl.min_horizontal("original", "perturbed"))
    )
    keys = list(dict.fromkeys([*by, "perturbation"]))
    return pl.concat(
        summarize_mean(pairs, keys, pl.col(name), metric=name, bounds=(None, None))
        for name in ("perturbed", "original", "worst")
    )


ROBUSTNESS = TableMetric(
    name="robustness",
    family="robustness",
    higher_is_better=True,
    low=None,
    high=None,
    function=summarize_robustness,
)

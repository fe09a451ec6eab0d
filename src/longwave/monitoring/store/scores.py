"""The score of one prediction, from its label and the true one: ours, and that of the released tables."""

from __future__ import annotations

import polars as pl

from longwave.monitoring.store.parts import LabelKind

__all__ = ["released_score_expression", "score_expression"]

_SEPARATORS = r"[\W_]+"


def score_expression(kind: LabelKind) -> pl.Expr:
    """Return the score of each row from its ``predicted_label`` and ``true_label``.

    Parameters
    ----------
    kind : {"class", "tags", "text"}

    Returns
    -------
    Expr
        Float64. Classes and texts: 1 where both are equal, else 0. Tags: the Jaccard index of the two *sets*,
        ``|P & Y| / |P | Y|``, 1 where both are empty; a tag that is listed twice counts once. Null where
        there is no truth; a missing prediction counts as wrong, a missing list as an empty one.

    See Also
    --------
    released_score_expression : how the released tables score tags.
    """
    predicted, true = pl.col("predicted_label"), pl.col("true_label")
    if kind == "tags":
        value = _jaccard(predicted.fill_null([]), true, of_nothing=1.0)
    else:
        value = predicted.eq_missing(true).cast(pl.Float64)
    return pl.when(true.is_not_null()).then(value).alias("score")


def released_score_expression(kind: LabelKind) -> pl.Expr:
    """Return the score of each row as the tables behind HAPI have it.

    Returns
    -------
    Expr
        Float64, as `score_expression`; but tags are broken into pieces at everything that is no letter or
        digit, and two empty lists score 0.

    Notes
    -----
    Found from the released rewards, all of which it gives exactly. Where tags are single words, as in PASCAL,
    it differs from the Jaccard index only for two empty lists. For entities it is far from it: ``alatas_per``
    counts as a name and a type apart, so that a wrong type costs little once another entity has it; and a
    sentence without entities in which none were found counts as wrong.
    """
    if kind != "tags":
        return score_expression(kind).alias("released_score")
    predicted, true = _pieces(pl.col("predicted_label").fill_null([])), _pieces(pl.col("true_label"))
    value = _jaccard(predicted, true, of_nothing=0.0)
    return pl.when(pl.col("true_label").is_not_null()).then(value).alias("released_score")


def _jaccard(first: pl.Expr, second: pl.Expr, *, of_nothing: float) -> pl.Expr:
    union = first.list.set_union(second).list.len()
    shared = first.list.set_intersection(second).list.len()
    return pl.when(union == 0).then(of_nothing).otherwise(shared / union)


def _pieces(tags: pl.Expr) -> pl.Expr:
    """Return what is left of tags between separators, an empty piece where a tag begins with one."""
    one_separator = pl.element().str.replace_all(_SEPARATORS, "_")
    return tags.list.eval(one_separator.str.split("_").explode())

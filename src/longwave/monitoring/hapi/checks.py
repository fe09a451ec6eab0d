"""Checks that every row of a run passes, whoever wrote it: label, confidence, place in the dataset."""

from __future__ import annotations

import polars as pl

from longwave.errors import DataError
from longwave.monitoring.hapi.labels import LabelSpace

__all__ = ["check_confidence", "check_labels", "place_rows"]


def check_labels(labels: pl.Series, space: LabelSpace, where: str) -> None:
    """Refuse labels that are missing or not of the space.

    Parameters
    ----------
    labels : Series
        Codes, lists of texts or texts.
    space : LabelSpace
    where : str
        Begins the message.

    Raises
    ------
    DataError
    """
    if labels.null_count():
        row = int(labels.is_null().arg_max() or 0)
        none = {"tags": "an empty list", "class": f"the class {space.no_answer}", "text": '"none"'}[
            space.kind
        ]
        advice = (
            f"No answer is {none}."
            if space.kind != "class" or space.no_answer is not None
            else "Leave it out."
        )
        raise DataError(f"{where}, row {row}: there is no label. {advice}")
    if space.kind == "class" and space.n_classes is not None:
        wrong = ~labels.is_between(0, space.n_classes - 1)
        if wrong.any():
            row = int(wrong.arg_max() or 0)
            raise DataError(
                f"{where}, row {row}: the label {labels[row]} is none of the classes 0 to "
                f"{space.n_classes - 1}. Labels of a vendor need a labelmap to the common ones."
            )
    if space.kind == "tags":
        tags = labels.explode(empty_as_null=False, keep_nulls=False)
        if tags.null_count():
            raise DataError(f"{where}: a list of tags holds null. Leave such tags out.")


def check_confidence(confidence: pl.Series, where: str) -> None:
    """Refuse confidences that are not finite or not in [0, 1]; null is accepted, it says that there is none.

    Raises
    ------
    DataError
    """
    wrong = ~confidence.is_between(0, 1).fill_null(True) | confidence.is_nan().fill_null(False)
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        hint = (
            " A vendor's 0 to 100 is divided by 100 once, by whoever collects." if confidence[row] > 1 else ""
        )
        raise DataError(
            f"{where}, row {row}: the confidence is {confidence[row]}; accepted are numbers in [0, 1] and "
            f"null.{hint}"
        )


def place_rows(ids: pl.Series, known: pl.Series, where: str) -> pl.Series:
    """Return the place of every row in its dataset.

    Parameters
    ----------
    ids : Series
        Of the rows, in their order.
    known : Series
        Of the dataset, in its order.
    where : str
        Begins the message.

    Returns
    -------
    Series
        ``row``, Int32: counted where both list the same ids in the same order, looked up where all ids are
        unique.

    Raises
    ------
    DataError
        If an id is not of the dataset, occurs twice, or stands for several examples in another order.
    """
    if len(ids) == len(known) and bool((ids == known).all()):
        return pl.int_range(len(ids), dtype=pl.Int32, eager=True).alias("row")
    places = pl.DataFrame({"example_id": known}).with_row_index("row")
    if known.is_duplicated().any():
        raise DataError(
            f"{where} has {len(ids):,} rows, the dataset {len(known):,} examples of {known.n_unique():,} "
            "ids, and the two do not list the same ids in the same order. Where ids repeat only position "
            "tells examples apart: give all rows in the order of the labels."
        )
    if ids.is_duplicated().any():
        first = ids.filter(ids.is_duplicated())[0]
        raise DataError(f'{where} has the example_id "{first}" more than once. Keep one row of each example.')
    found = pl.DataFrame({"example_id": ids}).join(places, on="example_id", how="left", maintain_order="left")
    strange = found.filter(pl.col("row").is_null())["example_id"]
    if len(strange):
        raise DataError(
            f'{where} has {len(strange):,} rows whose example_id the dataset does not have, "{strange[0]}" '
            "first. The rows are of another dataset, or the labels are."
        )
    return found["row"].cast(pl.Int32)

"""Put two runs side by side, example by example, without ever multiplying rows."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from longwave.errors import DataError
from longwave.monitoring.store.runs import RunStore

__all__ = ["Pairing", "align", "pair_runs"]

logger = logging.getLogger(__name__)
_SHARED = ("example_id", "true_label", "group")  # of the example, not of a run


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """Two runs side by side.

    Parameters
    ----------
    frame : DataFrame
        One row an example that both have: what belongs to the example once, everything else twice, ending in
        ``_before`` and ``_after``.
    how : {"row", "position", "example_id"}
        What the rows were matched by.
    only_before, only_after : int
        Rows of one side without a partner; they are left out.
    note : str or None
        What a reader should know about the match.
    """

    frame: pl.DataFrame
    how: Literal["row", "position", "example_id"]
    only_before: int = 0
    only_after: int = 0
    note: str | None = None


def pair_runs(
    store: RunStore,
    *,
    task: str,
    dataset: str,
    api: str | tuple[str, str],
    before: str,
    after: str,
    columns: Sequence[str] = ("predicted_label", "confidence", "score"),
) -> Pairing:
    """Put two runs on one dataset side by side.

    Parameters
    ----------
    store : RunStore
    task, dataset : str
    api : str or (str, str)
        One API at two dates, or two APIs.
    before, after : str
        The dates.
    columns : sequence of str
        To bring along from both runs.

    Returns
    -------
    Pairing
        With ``row``, ``example_id``, ``true_label``, ``group``, and the columns of both.

    Raises
    ------
    UnknownName, DataError
        As `RunStore.table`.
    """
    first, second = (api, api) if isinstance(api, str) else api
    sides = [
        store.table(
            task=task, dataset=dataset, api=name, date=day, columns=["row", *_SHARED, *columns]
        ).collect()
        for name, day in ((first, before), (second, after))
    ]
    return align(*sides)


def align(before: pl.DataFrame, after: pl.DataFrame) -> Pairing:
    """Match the rows of two frames on one dataset.

    Parameters
    ----------
    before, after : DataFrame
        With ``row``, or with ``example_id``.

    Returns
    -------
    Pairing
        In the order of ``before``.

    Raises
    ------
    DataError
        If neither column is in both frames, a row occurs twice, the same row has two ids, or ids that stand
        for several examples are not in the same sequence on both sides.

    Notes
    -----
    Where both have ``row``, it decides. Otherwise equal sequences of ids are matched by position, even where
    ids repeat; ids that are unique on both sides are matched by id. Anything else is refused: a join on ids
    that repeat would pair every example of an id with every other.
    """
    if "row" in before.columns and "row" in after.columns:
        return _by_row(before, after)
    if "example_id" not in before.columns or "example_id" not in after.columns:
        raise DataError('Nothing to match by: both frames need a column "row", or both "example_id".')
    ids = before["example_id"], after["example_id"]
    distinct = ids[0].n_unique(), ids[1].n_unique()
    if len(ids[0]) == len(ids[1]) and bool((ids[0] == ids[1]).all()):
        note = None
        if distinct[0] < len(ids[0]):
            note = (
                f"An example_id stands for several examples ({distinct[0]:,} ids, {len(ids[0]):,} rows); "
                "both sides list them in the same order, and rows were matched by position."
            )
            logger.info(note)
        place = pl.int_range(pl.len(), dtype=pl.Int64).alias("__place")
        joined = _join(before.with_columns(place), after.with_columns(place), on="__place")
        return Pairing(frame=joined.drop("__place"), how="position", note=note)
    for side, count, column in zip(("before", "after"), distinct, ids, strict=True):
        if count < len(column):
            first = column.filter(column.is_duplicated())[0]
            raise DataError(
                f'example_id "{first}" occurs more than once {side} ({count:,} ids in {len(column):,} rows), '
                "and the two sides do not list the same ids in the same order. Give both a column row, the "
                "position in the dataset."
            )
    return _matched(before, after, on="example_id", how="example_id")


def _by_row(before: pl.DataFrame, after: pl.DataFrame) -> Pairing:
    for side, frame in (("before", before), ("after", after)):
        if frame["row"].is_duplicated().any():
            row = frame["row"].filter(frame["row"].is_duplicated())[0]
            raise DataError(f"Row {row} occurs more than once {side}. Choose one run a side.")
    pairing = _matched(before, after, on="row", how="row")
    frame = pairing.frame
    if "example_id" in before.columns and "example_id" in after.columns:
        ids = before.select("row", "example_id").join(after.select("row", "example_id"), on="row")
        wrong = ids.filter(pl.col("example_id") != pl.col("example_id_right"))
        if len(wrong):
            row, one, other = wrong.row(0)
            raise DataError(
                f'Row {row} is "{one}" before and "{other}" after ({len(wrong):,} such rows): the two are '
                "not about one dataset in one order."
            )
    return Pairing(
        frame=frame,
        how="row",
        only_before=pairing.only_before,
        only_after=pairing.only_after,
        note=pairing.note,
    )


def _matched(
    before: pl.DataFrame, after: pl.DataFrame, *, on: str, how: Literal["row", "example_id"]
) -> Pairing:
    joined = _join(before, after, on=on)
    left, right = len(before) - len(joined), len(after) - len(joined)
    note = None
    if left or right:
        note = f"{len(joined):,} rows are on both sides; {left:,} before and {right:,} after have no partner."
        logger.info(note)
    return Pairing(frame=joined, how=how, only_before=left, only_after=right, note=note)


def _join(before: pl.DataFrame, after: pl.DataFrame, *, on: str) -> pl.DataFrame:
    shared = [name for name in ("row", *_SHARED) if name in before.columns and name != on]
    twice = [name for name in before.columns if name in after.columns and name not in (on, *shared)]
    left = before.rename({name: f"{name}_before" for name in twice})
    right = after.drop(shared, strict=False).rename({name: f"{name}_after" for name in twice})
    return left.join(right, on=on, how="inner", maintain_order="left")

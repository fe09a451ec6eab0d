"""Read and write the predictions table and its side tables.

On disk a table is a folder of shards, ``OUT/predictions/part-*.parquet`` and likewise ``requests``,
``instances`` and ``scores``. A shard is written once, whole, and never changed; so a killed run loses at most
the rows it had not yet handed over, and any engine that reads Parquet reads the table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import polars as pl

from longwave.errors import MissingFile, TableError, UnknownName
from longwave.predictions._conform import conform
from longwave.predictions._shards import (
    list_shards,
    read_keys,
    read_shards,
    read_steadily,
    write_shard,
)
from longwave.predictions.schema import KEY, TABLES, Table

__all__ = [
    "SideTable",
    "append_side",
    "count_answers",
    "done_keys",
    "join_completions",
    "join_instances",
    "read_predictions",
    "read_side",
    "skip_done",
    "write_predictions",
]

SideTable = Literal["requests", "instances", "scores"]

_PREDICTIONS = TABLES["predictions"]


def write_predictions(
    folder: Path | str, frame: pl.DataFrame, *, run: str = "", place: str = "", is_known_new: bool = False
) -> Path | None:
    """Append predictions to ``folder/predictions`` as one shard.

    Parameters
    ----------
    folder : Path or str
        Output folder of a run; made when missing.
    frame : DataFrame
        Columns of ``SCHEMA`` in any order; those outside the key may be missing and become null. Narrower
        numbers, all-null columns and categories are converted.
    run, place : str
        Remembered in the shard, for ``finish_run``: the run, and what sorts its shards into the order of its
        plan.
    is_known_new : bool
        The caller knows that the table holds none of these keys, and they are not looked up again.

    Returns
    -------
    Path or None
        The new shard; None when the frame has no rows.

    Raises
    ------
    TableError
        If the frame breaks the schema, or a key occurs twice in it or is in the table already (a null
        ``perturbation`` is a value like any other). Nothing is written then.
    StorageError
        If the disk is full or the folder cannot be written. Nothing is written then.

    Notes
    -----
    Several processes may write into one folder at once as long as their keys differ (shards of one evaluation
    do); two that write the same key in the same instant are not kept apart.
    """
    rows = conform(frame, _PREDICTIONS)
    if not len(rows):
        return None
    target = Path(folder) / _PREDICTIONS.name
    keys = rows.select(KEY)
    if keys.n_unique() < len(keys):
        raise _duplicate(keys.filter(keys.is_duplicated()), "twice in the rows to write", "Keep one of them.")
    known = keys.clear() if is_known_new else _keys_of(target)
    again = keys.join(known, on=KEY, how="semi", nulls_equal=True)
    if len(again):
        raise _duplicate(
            again, f'in "{target}" already', "Leave out what is done (skip_done) or use another folder."
        )
    return write_shard(target, rows, run=run, place=place)


def read_predictions(path: Path | str) -> pl.DataFrame:
    """Read a predictions table.

    Parameters
    ----------
    path : Path or str
        Output folder of a run, its ``predictions`` folder, or one Parquet file.

    Returns
    -------
    DataFrame
        Columns of ``SCHEMA`` in that order, rows in the order they were written; empty when there are none.

    Raises
    ------
    MissingFile
        If the path does not exist.
    TableError
        If a file is damaged, breaks the schema or was written by a newer Longwave; the message names it.
    """
    return _read(Path(path), _PREDICTIONS)


def done_keys(folder: Path | str) -> pl.DataFrame:
    """Return the keys that a folder's predictions table holds, failed requests included.

    Returns
    -------
    DataFrame
        Columns of ``KEY``; empty when there is no table yet. ``set(done_keys(folder).iter_rows())`` is a set
        of tuples.

    Raises
    ------
    TableError
        If a shard is damaged or was written by a newer Longwave.
    """
    return _keys_of(Path(folder) / _PREDICTIONS.name)


def count_answers(folder: Path | str) -> int:
    """Count the rows of a folder that are a model's; those of floors do not count, no table has none."""

    def count(paths: list[Path]) -> int:
        if not paths:
            return 0
        rows = pl.scan_parquet(paths, glob=False, hive_partitioning=False)
        return int(rows.filter(~pl.col("model").str.starts_with("floor:")).select(pl.len()).collect().item())

    return read_steadily(lambda: list_shards(Path(folder) / _PREDICTIONS.name), count)


def skip_done(plan: pl.DataFrame, folder: Path | str) -> pl.DataFrame:
    """Keep the planned rows whose key is not in the folder's predictions table yet, in their order.

    Parameters
    ----------
    plan : DataFrame
        At least the columns of ``KEY``; others travel along.
    folder : Path or str

    Raises
    ------
    TableError
        If a key column is missing or has a wrong type, or a shard is damaged.
    """
    others = [name for name in plan.columns if name not in KEY]
    keys = conform(plan.drop(others), Table(name="plan", schema=_PREDICTIONS.key_schema, key=KEY))
    plan = pl.concat([keys, plan.select(others)], how="horizontal")
    return plan.join(done_keys(folder), on=KEY, how="anti", nulls_equal=True, maintain_order="left")


def append_side(
    folder: Path | str, table: SideTable, frame: pl.DataFrame, *, run: str = "", place: str = ""
) -> Path | None:
    """Append rows to a side table; unlike predictions, a row may be written again (the last one counts).

    Parameters
    ----------
    folder : Path or str
        Output folder of a run.
    table : {"requests", "instances", "scores"}
    frame : DataFrame
        Columns of ``REQUESTS``, ``INSTANCES`` or ``SCORES``; those outside the key may be missing.
    run, place : str
        Remembered in the shard, for ``finish_run``: the run, and what sorts its shards into the order of its
        plan.

    Returns
    -------
    Path or None
        The new shard; None when the frame has no rows.

    Raises
    ------
    TableError, StorageError
        As `write_predictions`, duplicates apart.
    """
    side = _side(table)
    rows = conform(frame, side)
    return write_shard(Path(folder) / side.name, rows, run=run, place=place) if len(rows) else None


def read_side(folder: Path | str, table: SideTable) -> pl.DataFrame:
    """Read a side table, one row a key: of rows that were written several times the last.

    Parameters
    ----------
    folder : Path or str
        Output folder of a run.
    table : {"requests", "instances", "scores"}

    Raises
    ------
    MissingFile
        If the folder does not exist; a missing table is an empty one.
    TableError
        If a file is damaged, breaks the schema or was written by a newer Longwave.
    """
    side = _side(table)
    rows = _read(Path(folder), side)
    return rows.unique(side.key, keep="last", maintain_order=True)


def join_instances(predictions: pl.DataFrame, instances: pl.DataFrame) -> pl.DataFrame:
    """Put the text and the references of its instance beside every prediction.

    Parameters
    ----------
    predictions : DataFrame
        With at least ``scenario``, ``instance`` and ``perturbation``.
    instances : DataFrame
        Columns of ``INSTANCES``.

    Returns
    -------
    DataFrame
        The predictions, same rows in the same order, with ``input``, ``references``,
        ``correct_references``, ``tags`` and ``extra``; null where the instance is not listed.

    Raises
    ------
    TableError
        If a frame lacks a column or has it in another type.
    """
    side = TABLES["instances"]
    listed = conform(instances, side).unique(side.key, keep="last")
    _check_key(predictions, side)
    return predictions.join(
        listed.select(*side.key, "input", "references", "correct_references", "tags", "extra"),
        on=side.key,
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )


def join_completions(predictions: pl.DataFrame, requests: pl.DataFrame) -> pl.DataFrame:
    """Put what the model wrote beside every prediction.

    Parameters
    ----------
    predictions : DataFrame
        With at least ``request_hash``.
    requests : DataFrame
        Columns of ``REQUESTS``.

    Returns
    -------
    DataFrame
        The predictions, same rows in the same order, with ``completions``, a list of texts; null where the
        request is not listed, or where it was for the score of a given text and the model wrote nothing.

    Raises
    ------
    TableError
        If a frame lacks a column or has it in another type.
    """
    side = TABLES["requests"]
    listed = conform(requests, side).unique(side.key, keep="last")
    _check_key(predictions, side)
    written = listed.filter(pl.col("continuation").is_null())
    return predictions.join(
        written.select(*side.key, "completions"), on=side.key, how="left", maintain_order="left"
    )


def _check_key(predictions: pl.DataFrame, side: Table) -> None:
    for name in side.key:
        if predictions.schema.get(name) != side.schema[name]:
            raise TableError(
                f'Column "{name}" of the predictions is {predictions.schema.get(name, "missing")}; accepted '
                f"is {side.schema[name]}. Pass a frame that read_predictions returned."
            )


def _keys_of(folder: Path) -> pl.DataFrame:
    empty = pl.DataFrame(schema=_PREDICTIONS.key_schema)
    return read_steadily(
        lambda: list_shards(folder),
        lambda paths: pl.concat([empty, *(read_keys(path, _PREDICTIONS.name) for path in paths)]),
    )


def _read(path: Path, table: Table) -> pl.DataFrame:
    return read_steadily(lambda: _find_shards(path, table), lambda paths: read_shards(paths, table))


def _find_shards(path: Path, table: Table) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise MissingFile(
            f'No folder or file "{path}". Give the folder that "longwave evaluate --out" wrote.'
        )
    inner = path / table.name
    return list_shards(inner if inner.is_dir() or table is not _PREDICTIONS else path)


def _side(table: str) -> Table:
    if table not in TABLES or table == _PREDICTIONS.name:
        raise UnknownName("side table", table, [name for name in TABLES if name != _PREDICTIONS.name])
    return TABLES[table]


def _duplicate(keys: pl.DataFrame, where: str, advice: str) -> TableError:
    first = ", ".join(f"{name} {value!r}" for name, value in keys.row(0, named=True).items())
    return TableError(
        f"{len(keys)} rows have a key that is {where}, first: {first}. Keys are unique. {advice}"
    )

"""Write the shards of a finished run anew: one a table, rows in an order that no interruption changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from longwave.predictions._shards import (
    DAMAGE,
    list_shards,
    read_shards,
    replace_shards,
    rewrite_shard,
    shards_of,
)
from longwave.predictions.schema import TABLES, Table

__all__ = ["drop_failed", "drop_rows", "finish_run"]


def finish_run(folder: Path | str, run: str) -> None:
    """Write what a finished run wrote in pieces as one shard a table.

    Parameters
    ----------
    folder : Path or str
        Output folder; nobody else may write the run's rows meanwhile.
    run : str
        As it was given to ``write_predictions`` and ``append_side``.

    Raises
    ------
    StorageError
        If the disk is full; the pieces stay as they are.

    Notes
    -----
    Rows come in the order of the run's plan. So an evaluation that was killed and continued, or that several
    processes shared, ends in the same bytes as one that went through, as far as its rows are the same. A
    process that is killed in here leaves either the pieces or the whole; both are read as one table.
    """
    for name, table in TABLES.items():
        pieces = shards_of(Path(folder) / name, run)
        if pieces:
            replace_shards(Path(folder) / name, pieces, _chain(pieces, table), run=run)


def drop_failed(folder: Path | str, *, date: str | None = None) -> int:
    """Take the rows with an error out of a predictions table, so that the next evaluation asks them again.

    Parameters
    ----------
    folder : Path or str
        Output folder; nobody else may write to it meanwhile.
    date : str, optional
        Take out rows of this day only: those of another day cannot be asked again. Default: of every day.

    Returns
    -------
    int
        Rows that were taken out. Shards without such rows stay as they are.

    Raises
    ------
    StorageError
        If the disk is full; what was rewritten before stays so.
    """
    failed = pl.col("error").is_not_null()
    return drop_rows(folder, failed if date is None else failed & (pl.col("date") == date))


def drop_rows(folder: Path | str, which: pl.Expr) -> int:
    """Take rows out of a predictions table.

    Parameters
    ----------
    folder : Path or str
        Output folder; nobody else may write to it meanwhile.
    which : Expr
        True for the rows to take out; null is false.

    Returns
    -------
    int
        Rows that were taken out. Shards without such rows stay as they are.

    Raises
    ------
    StorageError
        If the disk is full; what was rewritten before stays so.
    """
    table = TABLES["predictions"]
    dropped = 0
    for path in list_shards(Path(folder) / table.name):
        rows = read_shards([path], table)
        kept = rows.filter(~which.fill_null(value=False))
        if len(kept) < len(rows):
            rewrite_shard(path, kept)
            dropped += len(rows) - len(kept)
    return dropped


def _chain(pieces: Sequence[Path], table: Table) -> pl.LazyFrame:
    """Put the pieces one behind the other, the first of equal keys kept; read later, a part at a time."""
    parts = [_scan(path, table) for path in pieces]
    return pl.concat(_keep_first(parts, table) if _may_repeat(parts, table) else parts)


def _scan(path: Path, table: Table) -> pl.LazyFrame:
    """Read a piece later; at once and whole where another version or program wrote it, with other columns."""
    try:
        rows = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        is_ours = dict(rows.collect_schema()) == dict(table.schema)
    except DAMAGE:
        is_ours = False  # reading it says what is wrong
    return rows.select(table.schema.names()) if is_ours else read_shards([path], table).lazy()


def _may_repeat(parts: Sequence[pl.LazyFrame], table: Table) -> bool:
    """Tell whether a key may occur twice, by hashes: equal for equal keys, in a tenth of their memory."""
    hashes = pl.concat([part.select(table.key).collect().hash_rows() for part in parts])
    return hashes.n_unique() < len(hashes)


def _keep_first(parts: Sequence[pl.LazyFrame], table: Table) -> list[pl.LazyFrame]:
    """Leave rows out whose key an earlier row has."""
    seen = pl.DataFrame(schema={name: table.schema[name] for name in table.key})
    kept = []
    for rows in parts:
        keys = rows.select(table.key).collect()
        new = keys.unique(maintain_order=True).join(seen, on=table.key, how="anti", nulls_equal=True)
        seen = pl.concat([seen, new])
        if len(new) < len(keys):
            rows = rows.unique(table.key, keep="first", maintain_order=True)
            rows = rows.join(new.lazy(), on=table.key, how="semi", nulls_equal=True, maintain_order="left")
        kept.append(rows)
    return kept

"""Shards: immutable Parquet files that appear whole or not at all, and carry the schema version."""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import polars as pl

from longwave._damage import POLARS_DAMAGE
from longwave.config import replacing
from longwave.errors import StorageError, TableError
from longwave.predictions._conform import conform
from longwave.predictions.schema import SCHEMA_VERSION, TABLES, Table

T = TypeVar("T")
VERSION_KEY = "longwave_schema"
RUN_KEY = "longwave_run"  # the run that wrote the shard
PLACE_KEY = "longwave_place"  # where its rows stand in the plan of the run
PATTERN = "part-*.parquet"
WHOLE = re.compile(
    r"part-\d{8}-[0-9a-f]{16}\.parquet"
)  # the one shard of a finished run; pieces have 8 digits
PIECE = re.compile(r"part-[^/\\]*\.parquet")
REPLACES = ".replaces"  # beside a shard: names of the pieces whose rows it holds, while they are there

DAMAGE = (*POLARS_DAMAGE, OSError)
TRIES = 4
ROW_GROUP = 20_000  # fixed, so that equal rows are equal bytes

# (table, version): how a file of that version becomes one of the next; only renamed, dropped or retyped
# columns need an entry, columns that were added since are filled with null
MIGRATIONS: dict[tuple[str, int], Callable[[pl.DataFrame], pl.DataFrame]] = {}


def list_shards(folder: Path) -> list[Path]:
    """List the shards of a table's folder, oldest first.

    Files that are still being written do not count, nor do pieces whose rows a finished run wrote anew.
    """
    found = sorted(folder.glob(PATTERN), key=lambda path: path.name)  # three times faster than by path
    replaced = {
        name
        for note in folder.glob(f".*{REPLACES}")
        if (folder / note.name[1:].removesuffix(REPLACES)).exists()
        for name in _names_in(note)
    }
    return [path for path in found if path.name not in replaced] if replaced else found


def write_shard(folder: Path, rows: pl.DataFrame, *, run: str = "", place: str = "") -> Path:
    """Write a new shard: into memory, to a temporary file, to the disk's surface, then renamed.

    Parameters
    ----------
    folder : Path
    rows : DataFrame
    run, place : str
        The run that writes them, and what sorts its shards into the order of its plan.

    Raises
    ------
    StorageError
        If the disk is full or the folder cannot be written; nothing is left behind.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        index = 1 + max(map(_index, folder.glob(PATTERN)), default=0)
    except OSError as error:
        raise StorageError(
            f'Cannot write to "{folder}": {error}. Earlier rows are kept. Free some space or choose another '
            "folder, then run the same command again."
        ) from error
    # the random end keeps two writers that count alike from overwriting each other
    path = folder / f"part-{index:08d}-{secrets.token_hex(4)}.parquet"
    _write(path, rows.rechunk().lazy(), {RUN_KEY: run, PLACE_KEY: place} if run else {})
    return path


def read_steadily(find: Callable[[], list[Path]], read: Callable[[list[Path]], T]) -> T:
    """List shards and read them; again where another process wrote them anew in between (`finish_run`)."""
    for _ in range(TRIES):
        paths = find()
        try:
            return read(paths)
        except (TableError, *DAMAGE):
            if all(path.exists() for path in paths):
                raise
    return read(find())


def shards_of(folder: Path, run: str) -> list[Path]:
    """List the shards that a run wrote, in the order of its plan."""
    found = [path for path in list_shards(folder) if _metadata_of(path).get(RUN_KEY) == run]
    return sorted(found, key=lambda path: (_metadata_of(path).get(PLACE_KEY, ""), path.name))


def replace_shards(folder: Path, pieces: Sequence[Path], rows: pl.LazyFrame, *, run: str) -> Path:
    """Write the whole of a finished run in place of its pieces; nothing is done where it is whole already.

    Parameters
    ----------
    folder : Path
    pieces : sequence of Path
        As `shards_of` lists them.
    rows : LazyFrame
        All of their rows; computed only when they are needed, a part at a time where that is possible.
    run : str

    Raises
    ------
    StorageError
        As ``write_shard``; the pieces stay then.
    """
    if len(pieces) == 1 and WHOLE.fullmatch(pieces[0].name):
        whole = pieces[0]
    else:
        index = min(map(_index, pieces))
        while (whole := folder / f"part-{index:08d}-{run}.parquet") in pieces:
            index += 1  # it was whole before and lost rows since
        note = whole.with_name(f".{whole.name}{REPLACES}")
        with replacing(note) as temporary:  # it says nothing before the whole is there
            temporary.write_text("\n".join(path.name for path in pieces), "utf-8")
        _write(whole, rows, {RUN_KEY: run})
    _remove_replaced(folder, whole)
    return whole


def rewrite_shard(path: Path, rows: pl.DataFrame) -> None:
    """Put other rows of the same run in the place of a shard's; it goes when there are none.

    Raises
    ------
    StorageError
        As ``write_shard``; the shard stays then.
    """
    kept = {key: value for key, value in _metadata_of(path).items() if key in (RUN_KEY, PLACE_KEY)}
    if len(rows):
        _write(path, rows.rechunk().lazy(), kept)
    else:
        path.unlink()


def _remove_replaced(folder: Path, whole: Path) -> None:
    note = whole.with_name(f".{whole.name}{REPLACES}")
    if note.exists():
        for name in _names_in(note):
            (folder / name).unlink(missing_ok=True)
        note.unlink()


def _names_in(note: Path) -> list[str]:
    """Return the pieces that a note names; other files are none of its business, whoever wrote it."""
    try:
        names = note.read_text("utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(
            f'"{note}" cannot be read: {error}. It names shards whose rows another one holds; get the folder '
            "again, or delete both this file and the shard it is named after."
        ) from error
    return [name for name in names if PIECE.fullmatch(name)]


def _write(path: Path, rows: pl.LazyFrame, metadata: dict[str, str]) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        if temporary.is_symlink():  # in a folder from elsewhere it may lead to any file of ours
            temporary.unlink()
        with temporary.open("wb") as file:
            rows.sink_parquet(
                file,
                row_group_size=ROW_GROUP,
                metadata={VERSION_KEY: str(SCHEMA_VERSION), **metadata},
                engine="streaming",
            )
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except DAMAGE as error:
        temporary.unlink(missing_ok=True)
        raise StorageError(
            f'Cannot write "{path}": {error}. Earlier rows are kept. Free some space or choose another '
            "folder, then run the same command again."
        ) from error


def _metadata_of(path: Path) -> dict[str, str]:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        return {}
    return _read_metadata(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4096)
def _read_metadata(path: Path, _mtime_ns: int, _size: int) -> dict[str, str]:
    try:
        return dict(pl.read_parquet_metadata(path))
    except DAMAGE:
        return {}  # damaged; whoever reads its rows says so


def _index(shard: Path) -> int:
    """Return the number in a shard's name; 0 where another program chose the name."""
    number = shard.name.removesuffix(".parquet").split("-")[1]
    return int(number) if number.isdecimal() else 0


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut (only POSIX can and must)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_shards(paths: Sequence[Path], table: Table) -> pl.DataFrame:
    """Read shards of any schema version up to ours into one frame of the table's columns, in order.

    Raises
    ------
    TableError
        If a file is damaged, newer than this version of Longwave or breaks the schema; the message names it.
    """
    frames = [pl.DataFrame(schema=table.schema)]
    for version, group in groupby(paths, key=shard_version):
        members = list(group)
        try:
            frames.append(_upgrade(_read(members), table, version))
        except (TableError, *DAMAGE):
            # one is bad, or plain files differ in columns: one by one, so that the message names the file
            frames.extend(_read_one(path, table, version) for path in members)
    return pl.concat(frames, rechunk=False)


def shard_version(path: Path) -> int:
    """Return the schema version a file was written with; plain Parquet without one counts as current.

    Raises
    ------
    TableError
        If the file cannot be read or is newer than this version of Longwave.
    """
    if not path.is_file():  # reading a pipe would never end
        raise _damaged(path, OSError("it is no file"))
    try:
        version = int(pl.read_parquet_metadata(path).get(VERSION_KEY, SCHEMA_VERSION))
    except (*DAMAGE, ValueError) as error:
        raise _damaged(path, error) from error
    if version > SCHEMA_VERSION:
        raise TableError(
            f'"{path}" has schema version {version}; this Longwave reads versions up to {SCHEMA_VERSION}. '
            f"Upgrade it: pip install --upgrade longwave."
        )
    return version


def read_keys(path: Path, name: str) -> pl.DataFrame:
    """Read the key columns of one shard; shards never change, so each is read once in a process."""
    try:
        status = path.stat()
    except OSError as error:
        raise _damaged(path, error) from error
    return _read_keys(path, name, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4096)
def _read_keys(path: Path, name: str, _mtime_ns: int, _size: int) -> pl.DataFrame:
    table = TABLES[name]
    if shard_version(path) < SCHEMA_VERSION:
        return read_shards([path], table).select(table.key)
    return _read_one(path, Table(name=name, schema=table.key_schema, key=table.key), SCHEMA_VERSION)


def _read(paths: Sequence[Path], columns: Sequence[str] | None = None) -> pl.DataFrame:
    # folder names are the user's: "run [2]" is no pattern and "date=2024" no column
    return pl.read_parquet(
        list(paths), columns=None if columns is None else list(columns), glob=False, hive_partitioning=False
    )


def _read_one(path: Path, table: Table, version: int) -> pl.DataFrame:
    columns = table.key if len(table.schema) == len(table.key) else None
    try:
        return _upgrade(_read([path], columns), table, version)
    except TableError as error:
        raise TableError(f'"{path}": {error}') from error
    except DAMAGE as error:
        raise _damaged(path, error) from error


def _upgrade(frame: pl.DataFrame, table: Table, version: int) -> pl.DataFrame:
    for step in range(version, SCHEMA_VERSION):
        frame = MIGRATIONS.get((table.name, step), _keep)(frame)
    return conform(frame, table)


def _keep(frame: pl.DataFrame) -> pl.DataFrame:
    return frame


def _damaged(path: Path, error: BaseException) -> TableError:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return TableError(
        f'"{path}" cannot be read as Parquet: {reason}. The other shards are unharmed; delete this file and '
        "run the same command again to fill the gap."
    )

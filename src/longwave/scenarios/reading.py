"""Read the files of official homes, row by row; a row that breaks the form is told with its file and place.

Every ``read_...`` of rows gives ``SourceRow`` objects, which are asked for a field in the form it must have::

    for row in read_jsonl(folder / "train.jsonl"):
        question, answers = row.text("question"), row.texts("answer")
        if not answers:
            raise row.error("there is no answer")

Plain files and files that end in ``.gz`` are read alike. Archives are read in memory, nothing is unpacked.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import polars as pl

from longwave._damage import POLARS_DAMAGE
from longwave.errors import DataError, MissingFile

__all__ = [
    "SourceRow",
    "decode_text",
    "list_tar_members",
    "list_zip_members",
    "parse_csv",
    "parse_json",
    "parse_jsonl",
    "read_csv",
    "read_json",
    "read_jsonl",
    "read_lines",
    "read_parquet",
    "read_tar_member",
    "read_tar_members",
    "read_text",
    "read_tsv",
    "read_zip_member",
]

T = TypeVar("T")
LARGEST_MEMBER = 1 << 31  # bytes of a member of an archive, unpacked
LARGEST_LINE = 1 << 28  # bytes of a line
# what reading a damaged archive raises; RuntimeError is what an encrypted member does
_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error),
    *(OSError, EOFError, RuntimeError, ValueError, LookupError, ArithmeticError, MemoryError),
)
NEXT_STEP = "Delete it to fetch it again; if it stays so, its source has changed."


@dataclass(frozen=True)
class SourceRow:
    """One row of an official file, and where it stands.

    Parameters
    ----------
    place : str
        File and row, as error messages name them.
    values : mapping
        Fields by name.
    """

    place: str
    values: Mapping[str, object]

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def __getitem__(self, name: str) -> object:
        if name not in self.values:
            known = ", ".join(map(str, self.values)) or "none"
            raise self.error(f'the field "{name}" is missing; there are: {known}')
        return self.values[name]

    def error(self, message: str) -> DataError:
        """Make the error that tells what is wrong with this row."""
        return DataError(f"{self.place}: {message}. {NEXT_STEP}")

    def text(self, name: str) -> str:
        """Return a field that must be text."""
        return self._field(name, str)

    def integer(self, name: str) -> int:
        """Return a field that must be a whole number, or text that writes one."""
        value = self[name]
        if isinstance(value, str):
            try:
                return int(value)
            except ValueError as error:
                raise self.error(f'"{name}" is "{value}"; it must be a whole number') from error
        if isinstance(value, bool):
            raise self.error(f'"{name}" is bool; it must be int')
        return self._field(name, int)

    def number(self, name: str) -> float:
        """Return a field that must be a number, or text that writes one."""
        value = self[name]
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise self.error(f'"{name}" is {type(value).__name__}; it must be a number')
        try:
            return float(value)
        except ValueError as error:
            raise self.error(f'"{name}" is "{value}"; it must be a number') from error

    def boolean(self, name: str) -> bool:
        """Return a field that must be true or false."""
        return self._field(name, bool)

    def items(self, name: str) -> list[object]:
        """Return a field that must be a list."""
        return self._field(name, list)

    def texts(self, name: str) -> list[str]:
        """Return a field that must be a list of texts."""
        items = self.items(name)
        wrong = next((item for item in items if not isinstance(item, str)), None)
        if wrong is not None or None in items:
            raise self.error(f'"{name}" holds {type(wrong).__name__}; it must be a list of str')
        return [str(item) for item in items]

    def row(self, name: str) -> SourceRow:
        """Return a field that must be a mapping, as a row of its own."""
        return SourceRow(f"{self.place}, {name}", self._field(name, dict))

    def rows(self, name: str) -> list[SourceRow]:
        """Return a field that must be a list of mappings, each as a row of its own."""
        found = []
        for index, item in enumerate(self.items(name)):
            if not isinstance(item, dict):
                raise self.error(f'"{name}" holds {type(item).__name__}; it must be a list of dict')
            found.append(SourceRow(f"{self.place}, {name}[{index}]", item))
        return found

    def choice(self, name: str, options: Sequence[T]) -> T:
        """Return the option at the place that a field tells, counted from 0."""
        index = self.integer(name)
        if not 0 <= index < len(options):
            raise self.error(f'"{name}" is {index}; accepted are 0 to {len(options) - 1}')
        return options[index]

    def _field(self, name: str, kind: type[T]) -> T:
        value = self[name]
        if not isinstance(value, kind):
            raise self.error(f'"{name}" is {type(value).__name__}; it must be {kind.__name__}')
        return value


def read_lines(path: Path) -> Iterator[str]:
    """Read the lines of a UTF-8 text one by one; a line ends with a line feed and nothing else."""
    _check_exists(path)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(iter(partial(file.readline, LARGEST_LINE + 1), b"")):
                if len(line) > LARGEST_LINE:
                    raise DataError(f'"{path}" has a line of more than {LARGEST_LINE:,} bytes. {NEXT_STEP}')
                yield line.decode("utf-8-sig" if number == 0 else "utf-8").rstrip("\n").removesuffix("\r")
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f'"{path}" cannot be read: {error}. {NEXT_STEP}') from error
    except UnicodeDecodeError as error:
        raise DataError(f'"{path}" is not UTF-8 text (byte {error.start} of a line). {NEXT_STEP}') from error


def read_text(path: Path) -> str:
    """Read a whole UTF-8 text; every line ends with a line feed alone, but the last has no end."""
    return "\n".join(read_lines(path))


def read_json(path: Path) -> object:
    """Read a file that is one JSON value."""
    return parse_json(read_text(path), f'"{path}"')


def parse_json(text: str | bytes, place: str) -> object:
    """Read one JSON value from text; ``place`` names it in errors."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place} is not JSON: {error}. {NEXT_STEP}") from error


def read_jsonl(path: Path) -> Iterator[SourceRow]:
    """Read the rows of a JSON lines file; empty lines are skipped."""
    return _jsonl(read_lines(path), f'"{path}"')


def parse_jsonl(data: bytes, place: str) -> Iterator[SourceRow]:
    """Read the rows of JSON lines that lie in memory, such as a member of an archive."""
    return _jsonl(decode_text(data, place).split("\n"), place)


def read_csv(
    path: Path, *, delimiter: str = ",", columns: Sequence[str] | None = None
) -> Iterator[SourceRow]:
    """Read the rows of a CSV file, in which quoted cells may hold delimiters and line ends.

    Parameters
    ----------
    path : Path
    delimiter : str
        A tab for tab-separated files with quotes; see ``read_tsv`` for those without.
    columns : sequence of str, optional
        Names of the columns of a file without a line of names.
    """
    return _csv((line + "\n" for line in read_lines(path)), f'"{path}"', delimiter, columns)


def parse_csv(
    data: bytes, place: str, *, delimiter: str = ",", columns: Sequence[str] | None = None
) -> Iterator[SourceRow]:
    """Read the rows of a CSV file that lies in memory, such as a member of an archive."""
    return _csv(io.StringIO(decode_text(data, place), newline=""), place, delimiter, columns)


def read_tsv(path: Path, columns: Sequence[str], *, delimiter: str | None = "\t") -> Iterator[SourceRow]:
    """Read the rows of a file without a line of names and without quotes, streaming.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        One name a column; every line must have as many cells.
    delimiter : str or None
        None splits at any white space, as the files of TREC want it.
    """
    for number, line in enumerate(read_lines(path), 1):
        cells = line.split(delimiter)
        if len(cells) != len(columns):
            raise DataError(
                f'"{path}", line {number} has {len(cells)} cells; accepted are {len(columns)} '
                f"({', '.join(columns)}). {NEXT_STEP}"
            )
        yield SourceRow(f'"{path}", line {number}', dict(zip(columns, cells, strict=True)))


def read_parquet(path: Path, columns: Sequence[str]) -> Iterator[SourceRow]:
    """Read the named columns of a Parquet file row by row; structs become mappings."""
    _check_exists(path)
    try:
        frame = pl.read_parquet(path, columns=list(columns), glob=False, hive_partitioning=False)
    except (*POLARS_DAMAGE, OSError) as error:
        raise DataError(
            f'"{path}" cannot be read as Parquet with the columns {", ".join(columns)}: {error}. {NEXT_STEP}'
        ) from error
    for number, values in enumerate(frame.iter_rows(named=True), 1):
        yield SourceRow(f'"{path}", row {number}', values)


def list_zip_members(path: Path) -> list[str]:
    """List the files of a zip archive in its order."""
    with _open_zip(path) as archive:
        return [member.filename for member in archive.infolist() if not member.filename.endswith("/")]


def read_zip_member(path: Path, name: str) -> bytes:
    """Read one file of a zip archive."""
    with _open_zip(path) as archive:
        try:
            member = archive.getinfo(name)
        except KeyError as error:
            raise _no_member(path, name) from error
        try:
            with archive.open(member) as file:
                data = file.read(LARGEST_MEMBER + 1)  # a member may be larger than it says
        except _DAMAGE as error:
            raise DataError(f'"{name}" in "{path}" cannot be read: {error}. {NEXT_STEP}') from error
    if len(data) > LARGEST_MEMBER:
        raise _too_large(path, name)
    return data


def list_tar_members(path: Path) -> list[str]:
    """List the files of a tar archive, compressed or not, in its order."""
    names: list[str] = []

    def note(name: str) -> bool:
        names.append(name)
        return False

    for _ in read_tar_members(path, note):
        pass
    return names


def read_tar_member(path: Path, name: str) -> bytes:
    """Read one file of a tar archive, compressed or not."""
    for _, data in read_tar_members(path, name.__eq__):
        return data
    raise _no_member(path, name)


def read_tar_members(path: Path, is_wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """Read the files of a tar archive whose names are wanted, one by one in its order, in one pass."""
    _check_exists(path)
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isfile() and is_wanted(member.name) else None
                if file is not None and member.size > LARGEST_MEMBER:
                    raise _too_large(path, member.name)
                if file is not None:
                    yield member.name, file.read()
    except DataError:
        raise
    except _DAMAGE as error:
        raise DataError(f'"{path}" cannot be read as a tar archive: {error}. {NEXT_STEP}') from error


def _open_zip(path: Path) -> zipfile.ZipFile:
    _check_exists(path)
    try:
        return zipfile.ZipFile(path)
    except _DAMAGE as error:
        raise DataError(f'"{path}" cannot be read as a zip archive: {error}. {NEXT_STEP}') from error


def _too_large(path: Path, name: str) -> DataError:
    return DataError(
        f'"{name}" in "{path}" has more than {LARGEST_MEMBER:,} bytes when unpacked, which is refused. '
        f"{NEXT_STEP}"
    )


def _no_member(path: Path, name: str) -> DataError:
    return DataError(f'"{path}" holds no file "{name}". {NEXT_STEP}')


def _check_exists(path: Path) -> None:
    if not path.is_file():
        raise MissingFile(
            f'There is no file "{path}". Fetch the scenario\'s official files, or put it there.'
        )


def decode_text(data: bytes, place: str) -> str:
    """Read bytes as UTF-8 text; ``place`` names them in errors."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{place} is not UTF-8 text (byte {error.start}). {NEXT_STEP}") from error


def _jsonl(lines: Iterable[str], place: str) -> Iterator[SourceRow]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{place}, line {number}"
        values = parse_json(line, where)
        if not isinstance(values, dict):
            raise DataError(f"{where} holds {type(values).__name__}; it must be an object. {NEXT_STEP}")
        yield SourceRow(where, values)


def _csv(
    lines: Iterable[str], place: str, delimiter: str, columns: Sequence[str] | None
) -> Iterator[SourceRow]:
    reader = csv.reader(lines, delimiter=delimiter)
    names = None if columns is None else list(columns)
    try:
        for cells in reader:
            where = f"{place}, line {reader.line_num}"
            if names is None:
                names = cells
            elif cells and len(cells) != len(names):
                raise DataError(
                    f"{where} has {len(cells)} cells; accepted are {len(names)} ({', '.join(names)}). "
                    f"{NEXT_STEP}"
                )
            elif cells:
                yield SourceRow(where, dict(zip(names, cells, strict=True)))
    except csv.Error as error:
        raise DataError(f"{place}, line {reader.line_num} is not CSV: {error}. {NEXT_STEP}") from error

"""JSON that other programs wrote: read within limits, and every complaint names the file and the place."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

from longwave.errors import DataError, MissingFile

__all__ = [
    "Json",
    "as_map",
    "clean",
    "list_in",
    "map_in",
    "maps_in",
    "number",
    "parse_json",
    "read_bytes",
    "read_json",
    "read_lines",
    "text",
    "whole",
]

Json = dict[str, object]

LARGEST_FILE = 2**32  # bytes of a document that is held in memory at once
LARGEST_LINE = 2**28  # bytes of a line
_SHOWN = 60


def read_bytes(path: Path) -> bytes:
    """Read a file that fits into memory.

    Raises
    ------
    MissingFile
        If it does not exist.
    DataError
        If it is too large or cannot be read.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise DataError(
                f'"{path}" has {size:,} bytes; accepted are {LARGEST_FILE:,} at most. Split it and import '
                "the parts."
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        raise MissingFile(f'No file "{path}". Name what the other tool wrote.') from error
    except OSError as error:
        raise DataError(f'"{path}" cannot be read: {error}. Mend it or leave it out.') from error


def read_json(path: Path) -> object:
    """Read a whole JSON document; errors as `read_bytes` and `parse_json`."""
    return parse_json(read_bytes(path), f'"{path}"')


def read_lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the filled lines of a file with their places; one at a time is in memory.

    Raises
    ------
    MissingFile, DataError
        As `read_bytes`; or if a line is too long.
    """
    try:
        with path.open("rb") as file:
            count = 0
            while line := file.readline(LARGEST_LINE + 1):
                count += 1
                if len(line) > LARGEST_LINE:
                    raise DataError(
                        f'Line {count} of "{path}" is longer than {LARGEST_LINE:,} bytes. Accepted is one '
                        "sample a line; mend the file or leave it out."
                    )
                if line.strip():
                    yield f'"{path}", line {count}', line
    except FileNotFoundError as error:
        raise MissingFile(f'No file "{path}". Name what the other tool wrote.') from error
    except OSError as error:
        raise DataError(f'"{path}" cannot be read: {error}. Mend it or leave it out.') from error


def parse_json(data: bytes, where: str) -> object:
    """Parse a JSON document; ``NaN`` and ``Infinity``, which Python writes, are let through.

    Raises
    ------
    DataError
        If it is no JSON, too deep, or holds a number of thousands of digits.
    """
    try:
        return json.loads(data)
    except RecursionError as error:
        raise DataError(f"{where} is nested too deeply to be read. Mend the file or leave it out.") from error
    except ValueError as error:  # also of bytes that are no Unicode
        raise DataError(
            f"{where} is no JSON: {error}. It may be cut short; copy it again or leave it out."
        ) from error


def as_map(value: object, where: str) -> Json:
    """Return a JSON object; a DataError that names the place where it is something else."""
    if not isinstance(value, dict):
        raise DataError(f"{where} is {_kind(value)}; accepted is an object. Mend the file or leave it out.")
    return value


def map_in(parent: Json, key: str, where: str) -> Json:
    """Return the object under a key, an empty one where there is none or null."""
    value = parent.get(key)
    return {} if value is None else as_map(value, f'"{key}" of {where}')


def list_in(parent: Json, key: str, where: str) -> list[object]:
    """Return the list under a key, an empty one where there is none or null."""
    value = parent.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise DataError(
            f'"{key}" of {where} is {_kind(value)}; accepted is a list. Mend the file or leave it out.'
        )
    return value


def maps_in(parent: Json, key: str, where: str) -> list[Json]:
    """Return the objects of the list under a key."""
    return [
        as_map(value, f'"{key}[{index}]" of {where}')
        for index, value in enumerate(list_in(parent, key, where))
    ]


def text(value: object) -> str | None:
    """Return a text, or a number or truth value as text; None for all else."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool | int | float):
        return str(value)
    return None


def number(value: object) -> float | None:
    """Return a finite number, also one that is written as text; None for all else."""
    if not isinstance(value, bool | int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def whole(value: object, most: int = 2**53) -> int | None:
    """Return a whole number from 0 that a column holds and a float does too; None for all else."""
    found = number(value)
    return int(found) if found is not None and 0 <= found <= most and found == int(found) else None


def clean(value: str) -> str:
    """Spell out halves of surrogate pairs, which JSON can hold and a table cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def _kind(value: object) -> str:
    names = {list: "a list", dict: "an object", str: "a text", bool: "a truth value", type(None): "null"}
    shown = str(value)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    return f"{names.get(type(value), 'a number')} ({shown})"

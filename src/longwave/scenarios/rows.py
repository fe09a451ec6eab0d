"""Read instances from JSON lines, plain or gzip: the one row format of all scenarios that come as files."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal, TypeVar, cast

from longwave.errors import DataError, MissingFile, nearest
from longwave.scenarios.base import Instance, Reference

__all__ = ["read_instances", "read_sample"]

T = TypeVar("T")
FIELDS = ("id", "scenario", "input", "references", "split", "group", "extra")
SPLITS = ("train", "valid", "test")


def read_instances(path: Path, *, group_by: str | None = None) -> list[Instance]:
    """Read the instances of a JSON lines file, in its order.

    Parameters
    ----------
    path : Path
        ``.jsonl`` or ``.jsonl.gz``, one row a line: ``input`` (text), and optionally ``references`` (list of
        ``{"text": ..., "tags": [...]}``; the tag ``"correct"`` marks a right answer), ``split`` (default
        ``test``), ``id`` (default ``id0``, ``id1``, ...), ``group`` and ``extra`` (a mapping).
    group_by : str, optional
        Key of ``extra`` whose value is the group of rows that name none.

    Raises
    ------
    MissingFile
        If the file does not exist.
    DataError
        If it holds no rows, an id twice, or a row that breaks the format; the message names the line.
    """
    found: dict[str, Instance] = {}
    for number, line in _lines(path):
        instance = _instance(line, path, number, len(found), group_by)
        if instance.id in found:
            raise DataError(
                f'"{path}", line {number}: the id "{instance.id}" was used before. Give every row its own.'
            )
        found[instance.id] = instance
    if not found:
        raise DataError(
            f'"{path}" holds no rows. Write one JSON object a line, for example {{"input": "..."}}.'
        )
    return list(found.values())


def read_sample(name: str, *, group_by: str | None = None) -> list[Instance]:
    """Read the instances of a scenario that is bundled with the package."""
    with as_file(files("longwave") / "samples" / "scenarios" / f"{name}.jsonl.gz") as path:
        return read_instances(path, group_by=group_by)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    if not path.is_file():
        raise MissingFile(f'No rows file "{path}". Give the path of a .jsonl or .jsonl.gz file.')
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            # only "\n" ends a row: text files would also break at "\r"
            for number, line in enumerate(file, 1):
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                if text.strip():
                    yield number, text
    except UnicodeDecodeError as error:
        raise DataError(f'"{path}", line {number} is not UTF-8 text. Save the file as UTF-8.') from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f'"{path}" cannot be read: {error}. Write it again.') from error


def _instance(line: str, path: Path, number: int, index: int, group_by: str | None) -> Instance:
    place = f'"{path}", line {number}'
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place} is not JSON: {error}. Write one JSON object a line.") from error
    if not isinstance(row, dict):
        raise DataError(f"{place} holds {type(row).__name__}. Write one JSON object a line.")
    unknown = [key for key in row if key not in FIELDS]
    if unknown:
        close = nearest(unknown[0], FIELDS, n=1)
        hint = f' Did you mean "{close[0]}"?' if close else ""
        raise DataError(f'{place} has the unknown field "{unknown[0]}".{hint} Known: {", ".join(FIELDS)}.')
    extra = _field(row, "extra", dict, {}, place)
    group = _field(row, "group", str, None, place)
    split = _field(row, "split", str, "test", place)
    if split not in SPLITS:
        raise DataError(f'{place}: the split is "{split}"; it must be one of {", ".join(SPLITS)}.')
    if group is None and group_by is not None and extra and group_by in extra:
        group = str(extra[group_by])
    return Instance(
        id=_field(row, "id", str, f"id{index}", place) or f"id{index}",
        input=_field(row, "input", str, "", place) or "",
        references=tuple(
            _reference(item, place) for item in _field(row, "references", list, [], place) or []
        ),
        split=cast(Literal["train", "valid", "test"], split),
        group=group,
        extra=extra or {},
    )


def _reference(item: object, place: str) -> Reference:
    if not isinstance(item, dict) or not isinstance(item.get("text"), str) or set(item) - {"text", "tags"}:
        raise DataError(f'{place}: a reference is {item!r}; write {{"text": "...", "tags": ["correct"]}}.')
    tags = item.get("tags", [])
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise DataError(
            f'{place}: the tags of a reference are {tags!r}; write a list of strings such as ["correct"].'
        )
    return Reference(text=item["text"], tags=tuple(tags))


def _field(row: dict[str, object], name: str, kind: type[T], default: T | None, place: str) -> T | None:
    value = row.get(name, default)
    if value is None:
        return default
    if not isinstance(value, kind):
        raise DataError(f'{place}: "{name}" is {type(value).__name__}; it must be {kind.__name__}.')
    return value

"""Read documents from text files, JSON lines, folders, bundled samples and Hugging Face data sets."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, cast

from longwave.errors import DataError, MissingExtra, MissingFile
from longwave.samples import sample_path

__all__ = ["hash_source", "read_documents"]

SUFFIXES = (".txt", ".jsonl", ".jsonl.gz")
SAMPLE = "sample:"
HUB = "hf:"


def read_documents(source: Path | str, *, text_field: str = "text", split: str = "train") -> Iterator[str]:
    """Yield the documents of a source one after the other; empty ones are left out.

    Parameters
    ----------
    source : Path or str
        A ``.txt`` file (one document, read whole), ``.jsonl`` or ``.jsonl.gz`` (one document a line, read
        line by line), a folder of such files (sorted by name, subfolders too), ``"sample:books"``, or
        ``"hf:NAME"`` / ``"hf:NAME:CONFIG"`` for a data set of the Hugging Face hub.
    text_field : str
        Key of the text in JSON lines and data sets.
    split : str
        Split of a data set, or of a bundled sample (``"train"``, ``"validation"``, ``"test"``).

    Raises
    ------
    MissingFile, DataError
        If the source does not exist, is not UTF-8, is not what its name says, or lacks the field.
    MissingExtra
        If a Hugging Face data set is named and ``datasets`` is not installed.
    """
    if _is_hub(source):
        yield from _read_hub(str(source), text_field, split)
        return
    for path in _list_files(source, split):
        documents = _read_text(path) if path.suffix == ".txt" else _read_json_lines(path, text_field)
        yield from (text for text in documents if text)


def hash_source(source: Path | str, *, text_field: str = "text", split: str = "train") -> str:
    """Hash what a source holds to 16 hexadecimal digits, so that derived files can be reused.

    Files are hashed by content. Of a Hugging Face data set its name, split, version and size are hashed.

    Raises
    ------
    MissingFile, DataError, MissingExtra
        As ``read_documents``.
    """
    digest = hashlib.sha256()
    if _is_hub(source):
        rows = _load_hub(str(source), split)
        version = getattr(getattr(rows, "info", None), "version", None)
        digest.update(json.dumps([str(source), split, text_field, str(version), _count(rows)]).encode())
        return digest.hexdigest()[:16]
    for path in _list_files(source, split):
        kind = "text" if path.suffix == ".txt" else f"lines of {text_field}"
        digest.update(f"{kind}, {path.stat().st_size} bytes:".encode())
        with _open_binary(path) as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]


def _is_hub(source: Path | str) -> bool:
    return isinstance(source, str) and source.startswith(HUB)


def _list_files(source: Path | str, split: str) -> list[Path]:
    if isinstance(source, str) and source.startswith(SAMPLE):
        return [sample_path(f"{source.removeprefix(SAMPLE)}/{split}.txt")]
    path = Path(source)
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file() and p.name.endswith(SUFFIXES))
        if not files:
            raise DataError(f'The folder "{path}" holds no text. Accepted files: {", ".join(SUFFIXES)}.')
        return files
    if not path.is_file():
        raise MissingFile(
            f'No text at "{path}". Name a file ({", ".join(SUFFIXES)}), a folder of such files, '
            f'"sample:books" or "hf:NAME".'
        )
    if not path.name.endswith(SUFFIXES):
        raise DataError(
            f'"{path}" is no text file by its name. Accepted: {", ".join(SUFFIXES)}, or a folder.'
        )
    return [path]


def _read_text(path: Path) -> Iterator[str]:
    with _open_binary(path) as file:
        data = file.read()
    mark = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
    yield _decode(data[mark:], path, mark)


def _read_json_lines(path: Path, field: str) -> Iterator[str]:
    try:
        with _open_binary(path) as packed, gzip.open(packed) if path.suffix == ".gz" else packed as file:
            offset = 0
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _field_of(_decode(line, path, offset), path, number, field)
                offset += len(line)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(
            f'"{path}" is a damaged gzip file: {error}. Download or compress it again.'
        ) from error


def _open_binary(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f'"{path}" cannot be read: {error.strerror}. Check its permissions.') from error


def _field_of(line: str, path: Path, number: int, field: str) -> str:
    try:
        row = json.loads(line.removeprefix("\ufeff"))  # a byte order mark, as in text files
    except (ValueError, RecursionError) as error:
        raise DataError(
            f'Line {number} of "{path}" is not JSON: {error}. Write one JSON object a line.'
        ) from error
    return _text_of(row, field, f'line {number} of "{path}"')


def _text_of(row: object, field: str, place: str) -> str:
    text = row.get(field) if isinstance(row, Mapping) else None
    if not isinstance(text, str):
        found = ", ".join(sorted(map(str, row))) if isinstance(row, Mapping) else type(row).__name__
        raise DataError(
            f'There is no text under "{field}" in {place} (found: {found}). Set text_field to its key.'
        )
    return text


def _decode(data: bytes, path: Path, offset: int) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        at = offset + error.start
        raise DataError(
            f'"{path}" is not UTF-8: byte {at} is 0x{data[error.start]:02x}. Convert it, for example with '
            f"iconv -f latin1 -t utf-8."
        ) from error


def _read_hub(source: str, field: str, split: str) -> Iterator[str]:
    for number, row in enumerate(_load_hub(source, split)):
        text = _text_of(row, field, f'row {number} of "{source}"')
        if text:
            yield text


def _load_hub(source: str, split: str) -> Iterable[object]:
    name, _, config = source.removeprefix(HUB).partition(":")
    try:
        import datasets
    except ImportError as error:
        raise MissingExtra("Reading a Hugging Face data set", "hf") from error
    try:
        return cast(Iterable[object], datasets.load_dataset(name, config or None, split=split))
    except (OSError, ValueError) as error:
        raise DataError(
            f'The data set "{source}" (split "{split}") cannot be loaded: {error}. Check its name, '
            f'configuration ("hf:NAME:CONFIG"), split and the network.'
        ) from error


def _count(rows: object) -> int | None:
    size = getattr(rows, "num_rows", None)
    return int(size) if size is not None else None

"""Token files: a text tokenised once into a memory-mapped array, reused while text and tokenizer agree.

A folder holds ``tokens.bin`` (uint16 or uint32, little-endian) and ``meta.json``. Every document is followed
by the end token. ``meta.json`` is written last: a folder without it is unfinished and is built anew.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import operator
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from longwave.config import config_hash, write_json
from longwave.data.corpus import hash_source, read_documents
from longwave.data.tokenizers import Tokenizer
from longwave.errors import DataError, MissingFile, StorageError

__all__ = ["TokenFile", "TokenMeta", "build_token_file"]

SCHEMA = 1
TOKENS = "tokens.bin"
META = "meta.json"


@dataclass(frozen=True, kw_only=True)
class TokenMeta:
    """What ``meta.json`` says about a token file.

    Parameters
    ----------
    schema : int
        Version of the format.
    dtype : str
        Type of one token in the file, ``"<u2"`` or ``"<u4"``.
    tokens, documents, bytes : int
        Counts; every document's end token is a token, and stands for no byte.
    vocab_size : int
    hash : str
        Of text and tokenizer together; equal hashes mean equal tokens.
    """

    schema: int
    dtype: str
    tokens: int
    documents: int
    bytes: int
    vocab_size: int
    hash: str


class TokenFile:
    """A memory-mapped token file, or a part of one.

    Parameters
    ----------
    folder : Path
        Written by ``build_token_file``.
    start, stop : int, optional
        First token and the one after the last.

    Attributes
    ----------
    tokens : ndarray, shape (n,)
        Read-only; pages are loaded when they are touched.
    meta : TokenMeta
        Of the whole file.

    Raises
    ------
    MissingFile, DataError
        If the folder holds no finished token file, or a damaged one.
    """

    def __init__(self, folder: Path | str, *, start: int = 0, stop: int | None = None) -> None:
        self.folder = Path(folder)
        self.meta = _read_meta(self.folder)
        path = self.folder / TOKENS
        expected = self.meta.tokens * np.dtype(self.meta.dtype).itemsize
        actual = path.stat().st_size if path.is_file() else 0
        if actual != expected:
            raise DataError(
                f'"{path}" has {actual} bytes where {expected} are due. Delete its folder to build it again.'
            )
        self.start, self.stop = start, self.meta.tokens if stop is None else stop
        self.tokens = np.memmap(path, dtype=self.meta.dtype, mode="r")[self.start : self.stop]

    def __len__(self) -> int:
        return len(self.tokens)

    def split(self, fraction: float) -> tuple[TokenFile, TokenFile]:
        """Cut off the last ``fraction`` of the tokens, e.g. for validation."""
        cut = self.stop - round(len(self) * fraction)
        return (
            TokenFile(self.folder, start=self.start, stop=cut),
            TokenFile(self.folder, start=cut, stop=self.stop),
        )


def build_token_file(
    source: Path | str,
    folder: Path | str,
    tokenizer: Tokenizer,
    *,
    text_field: str = "text",
    split: str = "train",
) -> TokenFile:
    """Tokenise a source into a folder, unless the folder already holds exactly that.

    Parameters
    ----------
    source, text_field, split
        As in ``read_documents``.
    folder : Path
        Where ``tokens.bin`` and ``meta.json`` go.
    tokenizer : Tokenizer

    Raises
    ------
    MissingFile, DataError, MissingExtra
        As ``read_documents``; also DataError if the source holds no text at all.
    StorageError
        If the disk is full; nothing unfinished stays behind.

    Notes
    -----
    Documents stream through in pieces of about a million tokens, so memory is bounded by the longest
    document.
    """
    folder = Path(folder)
    wanted = config_hash(hash_source(source, text_field=text_field, split=split), tokenizer.fingerprint)
    if (folder / META).is_file():
        try:
            found = TokenFile(folder)
        except DataError:
            found = None
        if found is not None and found.meta.hash == wanted:
            return found
    documents = read_documents(source, text_field=text_field, split=split)
    counts = _write_tokens(documents, folder, tokenizer)
    if not counts["documents"]:
        raise DataError(f'"{source}" holds no text. Give at least one document that is not empty.')
    meta = TokenMeta(
        schema=SCHEMA, dtype=_dtype(tokenizer), vocab_size=tokenizer.vocab_size, hash=wanted, **counts
    )
    write_json(folder / META, dataclasses.asdict(meta))
    return TokenFile(folder)


def _write_tokens(documents: Iterable[str], folder: Path, tokenizer: Tokenizer) -> dict[str, int]:
    """Write ``tokens.bin`` under another name, then rename it; return its counts."""
    temporary = folder / f"{TOKENS}.tmp-{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / META).unlink(missing_ok=True)
        with temporary.open("wb") as file:
            counts = _stream_tokens(documents, file, tokenizer)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / TOKENS)
    except OSError as error:
        if isinstance(error, DataError):  # about the source, not about this file
            raise
        raise StorageError(
            f'Cannot write "{folder / TOKENS}": {error}. Free some space or choose another folder.'
        ) from error
    finally:
        with contextlib.suppress(OSError):  # the folder itself may be what is wrong
            temporary.unlink()
    return counts


def _stream_tokens(documents: Iterable[str], file: IO[bytes], tokenizer: Tokenizer) -> dict[str, int]:
    dtype = _dtype(tokenizer)
    end = np.array([tokenizer.end_id], dtype=dtype).tobytes()
    counts = {"tokens": 0, "documents": 0, "bytes": 0}
    for text in documents:
        for piece in tokenizer.encode_pieces(text):
            file.write(piece.astype(dtype).tobytes())
            counts["tokens"] += len(piece)
            counts["bytes"] += int(tokenizer.byte_lengths[piece].sum())
        file.write(end)
        counts["tokens"] += 1
        counts["documents"] += 1
    return counts


def _dtype(tokenizer: Tokenizer) -> str:
    return "<u2" if tokenizer.vocab_size <= 1 << 16 else "<u4"


def _read_meta(folder: Path) -> TokenMeta:
    path = folder / META
    if not path.is_file():
        raise MissingFile(f'No finished token file in "{folder}". Build one with build_token_file.')
    try:
        meta = TokenMeta(**json.loads(path.read_text("utf-8")))
        np.dtype(meta.dtype)
        operator.index(meta.tokens)
    except (OSError, TypeError, ValueError, RecursionError) as error:
        raise DataError(f'"{path}" is damaged: {error}. Delete its folder to build it again.') from error
    if meta.schema != SCHEMA:
        raise DataError(
            f'"{path}" has format {meta.schema}; this version reads {SCHEMA}. Delete its folder to build it '
            "again."
        )
    return meta

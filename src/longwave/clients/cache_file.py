"""The SQLite file behind the request cache: results by request hash, token counts and cuts by text hash."""

from __future__ import annotations

import hashlib
import itertools
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from longwave.clients.base import Completion, Result
from longwave.errors import DamagedCache, StorageError

__all__ = ["CacheFile", "ModelEntry", "cut_at", "text_key"]

TABLES = """
CREATE TABLE IF NOT EXISTS models (
    name TEXT, version TEXT, scope TEXT, max_length INTEGER, PRIMARY KEY (name, version, scope));
CREATE TABLE IF NOT EXISTS results (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS texts (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
"""
LOCK_TIMEOUT_S = 30.0
CHUNK = 500  # values in one SQL statement; SQLite takes 999 at least


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """A model whose answers a cache holds."""

    name: str
    version: str
    scope: str
    max_length: int | None


class CacheFile:
    """An SQLite file of results by request hash, and of token counts and cuts by text hash.

    Raises
    ------
    DamagedCache
        If the file is damaged or something else than a cache.
    StorageError
        If it cannot be written, or was closed or opened in another thread.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._guard():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=LOCK_TIMEOUT_S)
        try:
            with self._guard():
                # a killed process loses nothing that was committed; only a power cut may lose the last commit
                self._connection.execute("PRAGMA synchronous=NORMAL")
                self._connection.executescript(TABLES)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def add_model(self, entry: ModelEntry) -> None:
        """Remember whose answers are in the file."""
        with self._guard(), self._connection:
            self._connection.execute(
                "INSERT OR REPLACE INTO models VALUES (?, ?, ?, ?)",
                (entry.name, entry.version, entry.scope, entry.max_length),
            )

    def models(self) -> list[ModelEntry]:
        """List whose answers are in the file, oldest first."""
        with self._guard():
            rows = self._connection.execute(
                "SELECT name, version, scope, max_length FROM models ORDER BY rowid"
            )
            return [ModelEntry(name=n, version=v, scope=s, max_length=m) for n, v, s, m in rows]

    def find(self, keys: Sequence[str]) -> dict[str, Result]:
        """Look up results."""
        return {key: _decode(value, self.path) for key, value in self._select("results", keys)}

    def put(self, results: Mapping[str, Result], texts: Mapping[str, str]) -> None:
        """Store results and what is known of texts in one transaction."""
        rows = [(key, _encode(result)) for key, result in results.items()]
        with self._guard(), self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO results VALUES (?, ?)", rows)
            self._connection.executemany("INSERT OR REPLACE INTO texts VALUES (?, ?)", list(texts.items()))

    def find_text(self, key: str) -> str | None:
        """Look up what is known of a text."""
        value = next((value for _, value in self._select("texts", [key])), None)
        if value is not None:
            _check_numbers(value, self.path)
        return value

    def _select(self, table: str, keys: Sequence[str]) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        with self._guard():
            for start in range(0, len(keys), CHUNK):
                part = keys[start : start + CHUNK]
                marks = ",".join("?" * len(part))
                # the table's name is a constant of this file, never a caller's text
                query = f"SELECT key, value FROM {table} WHERE key IN ({marks})"
                found += self._connection.execute(query, part).fetchall()
        return found

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:
            raise StorageError(
                f'Cannot use the cache "{self.path}": {error}. Free some space, or end the other process '
                "that uses it."
            ) from error
        except sqlite3.ProgrammingError as error:
            raise StorageError(
                f'Cannot use the cache "{self.path}": {error} Open it again, in every thread its own.'
            ) from error
        except sqlite3.DatabaseError as error:
            raise DamagedCache(
                f'The cache "{self.path}" is damaged: {error}. Finished rows are safe; delete the file and '
                "run again, which asks again only what has no row yet."
            ) from error


def text_key(name: str, version: str, text: str, max_tokens: int | None = None) -> str:
    """Return the key of a text's token count, or of its cut into pieces of ``max_tokens``."""
    what = "count" if max_tokens is None else f"split {max_tokens}"
    return hashlib.sha256("\0".join((name, version, what, text)).encode()).hexdigest()[:16]


def cut_at(text: str, lengths: Sequence[int]) -> list[str]:
    """Cut a text into pieces of the given numbers of characters."""
    ends = list(itertools.accumulate(lengths))
    return [text[end - length : end] for end, length in zip(ends, lengths, strict=True)]


def _encode(result: Result) -> str:
    """Write a result as a list of its fields' values: names would take most of the file."""
    completions = [
        [item.text, item.logprob, item.n_tokens, item.finish_reason] for item in result.completions
    ]
    numbers = [result.latency_s, result.tokens_in, result.tokens_out, result.cost_usd]
    return json.dumps([completions, *numbers], separators=(",", ":"))


def _decode(value: str, path: Path) -> Result:
    try:
        fields = json.loads(value)
        if isinstance(fields, list):
            return _from_list(*fields)
        # the older form, with names
        completions = tuple(Completion(**completion) for completion in fields.pop("completions"))
        return Result(completions=completions, **fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedCache(
            f'The cache "{path}" holds a result that cannot be read: {error}. Delete the file and run again.'
        ) from error


def _from_list(
    completions: list[tuple[str, float | None, int, str]],
    latency_s: float,
    tokens_in: int,
    tokens_out: int,
    cost_usd: float | None,
) -> Result:
    return Result(
        completions=tuple(_completion(*item) for item in completions),
        latency_s=latency_s,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost_usd=cost_usd,
    )


def _completion(text: str, logprob: float | None, n_tokens: int, finish_reason: str) -> Completion:
    return Completion(text=text, logprob=logprob, n_tokens=n_tokens, finish_reason=finish_reason)


def _check_numbers(value: str, path: Path) -> None:
    """Check a token count, or the lengths of pieces."""
    try:
        found = json.loads(value)
    except (ValueError, TypeError):
        found = None
    numbers = found if isinstance(found, list) else [found]
    if not all(isinstance(number, int) for number in numbers):
        raise DamagedCache(
            f'The cache "{path}" holds {value!r} where a number of tokens or lengths of pieces belong. '
            "Delete the file and run again."
        )

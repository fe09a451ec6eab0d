"""A request cache on disk: no request is asked twice, also when the process was killed in between."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from longwave.clients.base import Client, Request, Result, StreamingClient
from longwave.clients.cache_file import CacheFile, ModelEntry, cut_at, text_key
from longwave.errors import ClientError

__all__ = ["CachedClient"]


class CachedClient:
    """A client that remembers every answer in a file and never asks for it again.

    Parameters
    ----------
    client : Client
    path : Path
        SQLite file; made when it is not there. Several clients may share it.
    scope : str
        Answers are shared within a scope only; the evaluation gives the date, so that another date asks anew.

    Attributes
    ----------
    hits, misses : int
        Requests answered from the file and by the client.

    Notes
    -----
    The key is the request's hash with the model's name and version. Answers are on disk before ``complete``
    returns, those of a ``StreamingClient`` as soon as they come; failed requests are not stored. Requests
    that are equal within one call are asked once. Greedy or not, an equal request gets an equal answer: to
    sample anew, change its ``seed``.
    """

    def __init__(self, client: Client, path: Path, *, scope: str = "") -> None:
        self.client = client
        self.name = client.name
        self.version = client.version
        self.max_length = client.max_length
        self.scope = scope
        self.hits = 0
        self.misses = 0
        self._file = CacheFile(path)
        self._texts: dict[str, str] = {}  # known, not yet in the file
        self._file.add_model(
            ModelEntry(name=self.name, version=self.version, scope=scope, max_length=self.max_length)
        )

    def __enter__(self) -> CachedClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write what is left and close the file."""
        try:
            self._file.put({}, self._texts)
        finally:
            self._texts = {}
            self._file.close()

    def complete(self, requests: Sequence[Request]) -> list[Result]:
        """Answer from the file where possible, else ask the client and remember.

        Raises
        ------
        ClientError
            If the client does, or gives another number of results than it got requests. What a
            ``StreamingClient`` answered before is kept.
        """
        keys = [scoped_key(self.scope, request.hash(self.name, self.version)) for request in requests]
        known = self._file.find(list(dict.fromkeys(keys)))
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in known}
        fresh: dict[str, Result] = {}
        if missing:
            fresh = self._ask(missing)
        self.misses += len(missing)
        self.hits += len(requests) - len(missing)
        by_key = {**{key: replace(result, is_cached=True) for key, result in known.items()}, **fresh}
        return [by_key[key] for key in keys]

    def _ask(self, missing: dict[str, Request]) -> dict[str, Result]:
        keys, requests = list(missing), list(missing.values())
        fresh: dict[str, Result] = {}
        with closing(self._groups(requests)) as groups:  # a full disk ends what is under way
            for group in groups:
                answers = {keys[place]: result for place, result in group if 0 <= place < len(keys)}
                self._file.put(
                    {key: result for key, result in answers.items() if result.error is None}, self._texts
                )
                self._texts = {}
                fresh.update(answers)
        if len(fresh) != len(missing):
            raise self._miscounted(len(fresh), len(missing))
        return fresh

    def _groups(self, requests: list[Request]) -> Generator[list[tuple[int, Result]], None, None]:
        """Yield results with their places as the client gives them, all at once where it cannot stream."""
        if isinstance(self.client, StreamingClient):
            yield from self.client.complete_stream(requests)
            return
        answers = self.client.complete(requests)
        if len(answers) != len(requests):
            raise self._miscounted(len(answers), len(requests))
        yield list(enumerate(answers))

    def _miscounted(self, n_results: int, n_requests: int) -> ClientError:
        return ClientError(
            f'"{self.name}" gave {n_results} results to {n_requests} requests; one a request is accepted, in '
            "order. Mend its method complete."
        )

    def count_tokens(self, text: str) -> int:
        """Count tokens; remembered, so that a replay writes the same prompts without the tokenizer."""
        if self.max_length is None:
            return self.client.count_tokens(text)
        key = text_key(self.name, self.version, text)
        return int(self._remember(key, lambda: str(self.client.count_tokens(text))))

    def split_text(self, text: str, max_tokens: int) -> list[str]:
        """Cut a text; remembered as the lengths of its pieces."""
        if self.max_length is None:
            return self.client.split_text(text, max_tokens)

        def lengths() -> str:
            return json.dumps([len(piece) for piece in self.client.split_text(text, max_tokens)])

        key = text_key(self.name, self.version, text, max_tokens)
        return cut_at(text, json.loads(self._remember(key, lengths)))

    def _remember(self, key: str, compute: Callable[[], str]) -> str:
        value = self._texts.get(key) or self._file.find_text(key)
        if value is None:
            value = self._texts[key] = compute()
        return value


def scoped_key(scope: str, request_hash: str) -> str:
    """Return the key of a result in the file."""
    return f"{scope}/{request_hash}"

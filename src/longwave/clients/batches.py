"""Requests as token ids, put into batches of similar length; texts as they grow token by token.

For clients that run a model on this machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from longwave.clients.base import Completion, Request, Result

__all__ = ["Encoded", "Writer", "answer_all", "pack", "pack_by"]

Completions = list[tuple[Completion, ...]]


@dataclass(frozen=True)
class Encoded:
    """A request as token ids; ``index`` is its place in the call."""

    index: int
    request: Request
    prompt: list[int]
    continuation: list[int]

    @property
    def length(self) -> int:
        """Tokens the model reads when it scores: the last one of the continuation is predicted, not read."""
        return len(self.prompt) + max(len(self.continuation) - 1, 0)


class Writer:
    """One completion as it grows; stops at the end of the document or before a stop string.

    Parameters
    ----------
    decode : callable
        From all new ids to their text.
    end_ids : frozenset of int
        Ids that end a document.
    stop : tuple of str
    """

    def __init__(
        self, decode: Callable[[list[int]], str], end_ids: frozenset[int], stop: tuple[str, ...]
    ) -> None:
        self.is_done = False
        self._decode = decode
        self._end_ids = end_ids
        self._stop = stop
        self._ids: list[int] = []
        self._logprobs: list[float] = []
        self._text = ""

    def add(self, token: int, logprob: float) -> None:
        """Take the next token unless the completion has ended."""
        if self.is_done:
            return
        if token in self._end_ids:
            self.is_done = True
            return
        self._ids.append(token)
        self._logprobs.append(logprob)
        self._text = self._decode(self._ids)
        cuts = [self._text.find(text) for text in self._stop if text in self._text]
        if cuts:
            self.is_done = True
            self._text = self._text[: min(cuts)]
            while self._ids and len(self._decode(self._ids)) > len(self._text):
                self._ids.pop()
                self._logprobs.pop()

    def completion(self) -> Completion:
        """Return what was written."""
        return Completion(
            text=self._text,
            logprob=sum(self._logprobs),
            n_tokens=len(self._ids),
            finish_reason="stop" if self.is_done else "length",
        )


def pack(items: Sequence[Encoded], batch_tokens: int) -> Iterator[list[Encoded]]:
    """Cut requests, sorted by length, into batches of at most ``batch_tokens`` padded tokens."""
    batch: list[Encoded] = []
    for item in sorted(items, key=lambda item: item.length):
        if batch and item.length * (len(batch) + 1) > batch_tokens:  # the newest is the longest
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def pack_by(
    key: Callable[[Encoded], tuple[object, ...]], items: Sequence[Encoded], batch_tokens: int
) -> Iterator[list[Encoded]]:
    """Put requests of equal key together, those of similar length in one batch."""
    groups: dict[tuple[object, ...], list[Encoded]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    for group in groups.values():
        yield from pack(group, batch_tokens)


def answer_all(
    batches: Iterator[list[Encoded]], answer: Callable[[Sequence[Encoded]], Completions]
) -> Iterator[list[tuple[int, Result]]]:
    """Answer batch after batch; a batch's wall time is shared by its requests."""
    for batch in batches:
        start_s = time.perf_counter()
        answers = answer(batch)
        latency_s = (time.perf_counter() - start_s) / len(batch)
        yield [
            (
                item.index,
                Result(
                    completions=completions,
                    latency_s=latency_s,
                    tokens_in=len(item.prompt),
                    tokens_out=sum(completion.n_tokens for completion in completions),
                ),
            )
            for item, completions in zip(batch, answers, strict=True)
        ]

"""One completion: from the engine's tokens to text, cut before stop strings, token by token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, cast

from longwave.generation import SamplingConfig, StopCutter, TextCodec, TextPieces
from longwave.serving.requests import EngineStats, Event, Finished, NewToken, PromptScores, TokenRequest

__all__ = ["Choice", "Order", "Piece", "ScoredToken", "TextEngine", "gather", "merge"]

LONG_PROMPT = 4096  # ids from which on a prompt is decoded in a thread, so that others do not wait


class TextEngine(Protocol):
    """What the server needs of an engine."""

    @property
    def max_length(self) -> int:
        """Most tokens that are read of a prompt and its continuation, whose last one is not read."""
        ...

    def stream(self, request: TokenRequest) -> AsyncIterator[Event]:
        """Take a request, or refuse it at once; closing what is returned gives the request up."""
        ...

    def stats(self) -> EngineStats:
        """Return counters."""
        ...

    def close(self, grace_s: float) -> None:
        """Take no more requests, and end those that run after a while."""
        ...


@dataclass(frozen=True, kw_only=True)
class Order:
    """A completion that was asked for.

    Parameters
    ----------
    index : int
        Its place in the answer.
    copy : int
        Its place among the completions of the same prompt.
    ids : tuple of int
    max_new_tokens : int
    sampling : SamplingConfig
    seed : int
    stop : tuple of str
    n_top : int, optional
        Most probable tokens to tell at each place; None tells no log-probabilities.
    echo : bool
        Whether the text begins with the prompt.
    """

    index: int
    copy: int = 0
    ids: tuple[int, ...]
    max_new_tokens: int
    sampling: SamplingConfig
    seed: int
    stop: tuple[str, ...] = ()
    n_top: int | None = None
    echo: bool = False


@dataclass(frozen=True, slots=True)
class ScoredToken:
    """A token of a text: what it says, where that begins (in characters), how probable it was."""

    id: int
    text: str
    offset: int
    log_prob: float | None
    top: tuple[tuple[int, float], ...] | None


@dataclass(frozen=True, slots=True)
class Piece:
    """What is new in a completion; the last piece has a reason."""

    index: int
    text: str = ""
    tokens: tuple[ScoredToken, ...] = ()
    reason: Literal["stop", "length"] | None = None


class Choice:
    """A completion under way: the engine has the request, ``pieces`` reads what comes.

    Tokens that end a text stand for no characters. They count as drawn, and are told with their
    log-probability where those are asked for. Concatenated texts of tokens are the text, except that a token
    which reaches into a stop string is told whole.

    Parameters
    ----------
    engine : TextEngine
    tokenizer : TextCodec
    order : Order
    on_first : callable, optional
        Called when the first token has come.

    Raises
    ------
    Overloaded, EngineClosed, ConfigError, ShapeError
        What the engine refuses the request with.
    """

    def __init__(
        self,
        engine: TextEngine,
        tokenizer: TextCodec,
        order: Order,
        *,
        on_first: Callable[[], None] | None = None,
    ) -> None:
        self.order = order
        self.n_new = 0
        self._on_first = on_first
        self._tokenizer = tokenizer
        self._is_scored = order.n_top is not None
        self._text = TextPieces(tokenizer)
        self._cutter = StopCutter(order.stop)
        self._length = 0  # characters of what was decoded
        self._released = 0  # characters of what was sent
        self._pending: list[ScoredToken] = []
        self._settled = 0  # pending tokens whose last character is whole
        request = TokenRequest(
            ids=order.ids,
            max_new_tokens=order.max_new_tokens,
            sampling=order.sampling,
            seed=order.seed,
            # where log-probabilities are told the end's is too, so it has to come as a token
            end_id=None if self._is_scored else tokenizer.end_id,
            n_top=order.n_top or 0,
            score_prompt=self._is_scored and order.echo,
        )
        self._events = cast(AsyncGenerator[Event], engine.stream(request))

    async def pieces(self) -> AsyncGenerator[Piece]:
        """Yield the completion piece by piece; closing it early gives the request up."""
        try:
            if self.order.echo and not self._is_scored:
                yield await self._prompt(None)
            async for event in self._events:
                if isinstance(event, PromptScores):
                    piece = await self._prompt(event)
                else:
                    piece = self._take(event)
                if piece.text or piece.tokens or piece.reason:
                    yield piece
                if piece.reason:
                    return
        finally:
            await self.close()

    async def close(self) -> None:
        """Give the request up, unless it is finished."""
        await self._events.aclose()

    async def _prompt(self, scores: PromptScores | None) -> Piece:
        if len(self.order.ids) < LONG_PROMPT:
            return self._read_prompt(scores)
        return await asyncio.to_thread(self._read_prompt, scores)

    def _take(self, event: NewToken | Finished) -> Piece:
        if isinstance(event, Finished):
            self.n_new += event.reason == "stop"  # the end was drawn and not sent
            return self._finish(event.reason)
        if self.n_new == 0 and self._on_first is not None:
            self._on_first()
        self.n_new += 1
        if event.id == self._tokenizer.end_id:
            return self._finish("stop", end=event)
        text = self._text.push(event.id)
        self._note(event.id, text, event.log_prob, event.top)
        return self._release(self._cutter.push(text))

    def _read_prompt(self, scores: PromptScores | None) -> Piece:
        text = ""
        for place, token in enumerate(self.order.ids):
            piece = self._text.push(token)
            if scores is not None:
                self._note(token, piece, scores.log_probs[place], scores.top[place])
            text += piece
            self._length += len(piece) if scores is None else 0
        return self._release(text)

    def _note(
        self, token: int, text: str, log_prob: float | None, top: tuple[tuple[int, float], ...] | None
    ) -> None:
        """Remember a token until its text is sent."""
        if self._is_scored:
            self._pending.append(ScoredToken(token, text, self._length, log_prob, top))
            if self._text.is_whole:
                self._settled = len(self._pending)
            self._length += len(text)

    def _release(self, text: str, reason: Literal["stop", "length"] | None = None) -> Piece:
        """Return text that is ready, and the tokens that end in what was sent."""
        self._released += len(text)
        if self._cutter.is_done:
            ready = sum(token.offset < self._released for token in self._pending)
            reason = "stop"
        elif reason is not None:
            ready = len(self._pending)
        else:
            ready = 0
            while ready < self._settled and self._end(ready) <= self._released:
                ready += 1
        tokens, self._pending = tuple(self._pending[:ready]), self._pending[ready:]
        self._settled -= ready
        return Piece(self.order.index, text, tokens, reason)

    def _end(self, place: int) -> int:
        return self._pending[place].offset + len(self._pending[place].text)

    def _finish(self, reason: Literal["stop", "length"], *, end: NewToken | None = None) -> Piece:
        """Return what was held back, and the token that ends the text where there is one."""
        rest = self._text.flush()
        if rest and self._pending:
            last = self._pending[-1]
            self._pending[-1] = replace(last, text=last.text + rest)
            self._length += len(rest)
        if end is not None:
            self._note(end.id, "", end.log_prob, end.top)
        text = self._cutter.push(rest)
        return self._release(text + self._cutter.flush(), reason)


async def gather(choices: Sequence[Choice]) -> list[list[Piece]]:
    """Read completions to their ends, all at once; the first error gives the others up."""
    tasks = [asyncio.ensure_future(_read(choice)) for choice in choices]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        await _end_all(tasks, choices)


async def merge(choices: Sequence[Choice]) -> AsyncGenerator[Piece]:
    """Yield the pieces of completions as they come; the first error gives the others up."""
    if len(choices) == 1:
        async with aclosing(choices[0].pieces()) as pieces:
            async for piece in pieces:
                yield piece
        return
    queue: asyncio.Queue[Piece | asyncio.Future[None]] = asyncio.Queue()
    tasks = [asyncio.ensure_future(_pump(choice, queue)) for choice in choices]
    for task in tasks:
        task.add_done_callback(queue.put_nowait)
    try:
        left = len(tasks)
        while left:
            new = await queue.get()
            if isinstance(new, Piece):
                yield new
            else:
                new.result()  # an error ends the stream
                left -= 1
    finally:
        await _end_all(tasks, choices)


async def _read(choice: Choice) -> list[Piece]:
    async with aclosing(choice.pieces()) as pieces:
        return [piece async for piece in pieces]


async def _pump(choice: Choice, queue: asyncio.Queue[Piece | asyncio.Future[None]]) -> None:
    async with aclosing(choice.pieces()) as pieces:
        async for piece in pieces:
            queue.put_nowait(piece)


async def _end_all(tasks: Iterable[asyncio.Future[Any]], choices: Sequence[Choice]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for choice in choices:
        await choice.close()

"""A request on its way between the event loop that asked and the thread that answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Self

from longwave.serving.requests import Event, Finished, TokenRequest

__all__ = ["Job", "Outbox", "TokenStream"]


class Job:
    """A request, and the way back to whoever reads the answer; made in an event loop.

    Parameters
    ----------
    request : TokenRequest

    Attributes
    ----------
    is_cancelled : bool
        Whether nobody reads the answer any more; set by either thread, never unset.
    events : asyncio.Queue
        What is there for the reader.
    loop : asyncio.AbstractEventLoop
        Where it reads.
    """

    def __init__(self, request: TokenRequest) -> None:
        self.request = request
        self.is_cancelled = False
        self.events: asyncio.Queue[Event | Exception] = asyncio.Queue()
        self.loop = asyncio.get_running_loop()


class Outbox:
    """What the engine's thread has to tell, collected, as it costs something to wake an event loop."""

    def __init__(self) -> None:
        self._letters: dict[asyncio.AbstractEventLoop, list[tuple[Job, Event | Exception]]] = {}

    def put(self, job: Job, event: Event | Exception) -> None:
        """Add an event, or the error that ends an answer."""
        self._letters.setdefault(job.loop, []).append((job, event))

    def send(self) -> None:
        """Hand everything to its readers."""
        letters, self._letters = self._letters, {}
        for loop, own in letters.items():
            try:
                loop.call_soon_threadsafe(_deliver, own)
            except RuntimeError:  # the loop is closed, and with it whoever read
                for job, _ in own:
                    job.is_cancelled = True


class TokenStream(AsyncIterator[Event]):
    """The answer to a request, event by event; ends after ``Finished``.

    Closing it, cancelling who waits for the next event, or dropping it gives the request up: its place in the
    batch is free at the next step.

    Parameters
    ----------
    job : Job
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._is_over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        if self._is_over:
            raise StopAsyncIteration
        try:
            event = await self._job.events.get()
        except asyncio.CancelledError:
            await self.aclose()
            raise
        self._is_over = isinstance(event, Finished | Exception)
        if isinstance(event, Exception):
            raise event
        return event

    async def aclose(self) -> None:
        """Give the request up, unless its answer is complete."""
        self._give_up()

    def __del__(self) -> None:
        self._give_up()

    def _give_up(self) -> None:
        if not self._is_over:
            self._is_over = self._job.is_cancelled = True


def _deliver(letters: list[tuple[Job, Event | Exception]]) -> None:
    for job, event in letters:
        job.events.put_nowait(event)

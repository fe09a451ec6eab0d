"""Work that ends when the client leaves, and answers in server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from fastapi import Response
from starlette.types import Receive, Scope, Send

from longwave.errors import LongwaveError
from longwave.serving.choices import Choice
from longwave.serving.failures import RequestFailed, failure_of, log_failure

__all__ = ["ClientLeft", "EventStream", "while_connected"]

T = TypeVar("T")
PING_S = 15.0  # proxies cut connections that are silent for long
CLIENT_LEFT = 499  # nobody reads it; logs and metrics show it


class ClientLeft(RequestFailed):
    """The client closed the connection before it had its answer."""

    def __init__(self) -> None:
        super().__init__(CLIENT_LEFT, "The client left.")


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T], *, timeout_s: float) -> T:
    """Do some work, and give it up when the client leaves or time is over.

    Parameters
    ----------
    receive : callable
        Of the request, whose body was read.
    work : coroutine
        Cancelled and awaited before this returns.
    timeout_s : float

    Raises
    ------
    ClientLeft
        If the client closed the connection.
    RequestFailed
        If time is over (504).
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_until_gone(receive))
    try:
        await asyncio.wait({task, gone}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        if gone.done():
            raise ClientLeft
        raise RequestFailed(
            504,
            f"The answer was not ready within {timeout_s:g} s. Ask for fewer tokens, or start the "
            "server with a larger --timeout.",
            code="timeout",
        )
    finally:
        for pending in (task, gone):
            pending.cancel()
        await asyncio.gather(task, gone, return_exceptions=True)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class EventStream(Response):
    """An answer in server-sent events, each a line of JSON, with ``[DONE]`` at the end.

    An error after the beginning becomes an event of its own, which ends the stream without ``[DONE]``.

    Parameters
    ----------
    events : async generator of str
    choices : sequence of Choice
        Given up when the stream ends, however it ends.
    timeout_s : float
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[str], *, choices: Sequence[Choice], timeout_s: float) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._choices = choices
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events as they come."""
        try:
            async with aclosing(self._events):
                await send(
                    {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
                )
                await while_connected(receive, self._send_all(send), timeout_s=self._timeout_s)
        except ClientLeft:
            scope["state"]["status"] = CLIENT_LEFT
            return
        except LongwaveError as error:
            failure = failure_of(error)
            scope["state"]["status"] = failure.status
            log_failure(scope["state"]["request_id"], failure)
            await _send_text(send, f"data: {failure.answer.model_dump_json()}\n\n")
        except Exception:
            scope["state"]["status"] = 500  # the answer began as if all were well
            raise
        finally:
            for choice in self._choices:  # a stream that was never read from closes nothing by itself
                await choice.close()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_all(self, send: Send) -> None:
        ping = asyncio.ensure_future(_ping(send))
        try:
            async for event in self._events:
                await _send_text(send, f"data: {event}\n\n")
            await _send_text(send, "data: [DONE]\n\n")
        finally:
            ping.cancel()


async def _ping(send: Send) -> None:
    """Send comments, which clients ignore, for as long as the stream lasts."""
    while True:
        await asyncio.sleep(PING_S)
        await _send_text(send, ": waiting\n\n")


def _send_text(send: Send, text: str) -> Awaitable[None]:
    return send({"type": "http.response.body", "body": text.encode(), "more_body": True})

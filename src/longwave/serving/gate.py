"""What happens around every request: its id, the key, limits, the log, the counters."""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from longwave.serving.config import ServerConfig
from longwave.serving.connection import ClientLeft
from longwave.serving.failures import RequestFailed, try_later
from longwave.serving.measures import Measures

__all__ = ["Gate", "Traffic"]

OPEN = ("/health", "/ready")  # without a key, and while the server is full or stopping
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

logger = logging.getLogger(__name__)


class Traffic:
    """The requests under way, and whether new ones are let in."""

    def __init__(self) -> None:
        self.is_closing = False
        self._n_running = 0
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    @property
    def n_running(self) -> int:
        """Requests under way."""
        return self._n_running

    def enter(self) -> None:
        """Count a request that begins."""
        self._n_running += 1
        self._is_idle.clear()

    def leave(self) -> None:
        """Count a request that is over."""
        self._n_running -= 1
        if self._n_running == 0:
            self._is_idle.set()

    async def drain(self, grace_s: float) -> None:
        """Let nobody in any more, and wait until all have left or time is over."""
        self.is_closing = True
        if not self._n_running:
            return
        try:
            await asyncio.wait_for(self._is_idle.wait(), grace_s)
        except TimeoutError:
            logger.warning("%d requests did not end within %g s.", self._n_running, grace_s)


class Gate:
    """Middleware that lets requests in.

    Parameters
    ----------
    app : ASGI application
    config : ServerConfig
    measures : Measures
    traffic : Traffic
    api_key : str, optional
        What requests have to name; the pages of health need none.
    """

    def __init__(
        self, app: ASGIApp, config: ServerConfig, measures: Measures, traffic: Traffic, api_key: str | None
    ) -> None:
        self._app = app
        self._config = config
        self._measures = measures
        self._traffic = traffic
        self._api_key = None if api_key is None else api_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or send it away."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else f"req-{uuid.uuid4().hex}"
        state = scope.setdefault("state", {})
        state.update(request_id=request_id, start=start, status=500)

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                state["status"] = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        self._traffic.enter()
        try:
            await self._let_in(scope, receive, send_marked)
        finally:
            self._traffic.leave()
            seconds = time.perf_counter() - start
            route = getattr(scope.get("route"), "path_format", "other")
            self._measures.add_request(route, state["status"], seconds)
            logger.info("%s %s %s %d %.3f s", request_id, scope["method"], route, state["status"], seconds)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["path"] not in OPEN:
                self._check(scope)
                receive = _replay(await self._read_body(scope, receive), receive)
        except RequestFailed as failure:
            await failure.response(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        is_right = self._api_key is None or hmac.compare_digest(given.encode("latin-1"), self._api_key)
        if not is_right or (self._api_key is not None and scheme.lower() != "bearer"):
            raise RequestFailed(
                401,
                "The API key is missing or not the right one. Send it as Authorization: Bearer KEY.",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if self._traffic.is_closing:
            raise try_later(
                "The server is stopping. Ask again when it is back, or ask another.", code="stopping"
            )
        if self._traffic.n_running > self._config.max_requests:
            raise try_later(
                f"{self._config.max_requests} requests are under way, as many as this server takes. "
                "Ask again later.",
                code="overloaded",
            )

    async def _read_body(self, scope: Scope, receive: Receive) -> bytes:
        declared = Headers(scope=scope).get("content-length", "0")
        self._check_size(int(declared) if declared.isdecimal() else 0)
        body = bytearray()
        try:
            async with asyncio.timeout(self._config.body_timeout_s):
                is_complete = False
                while not is_complete:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientLeft
                    body += message.get("body", b"")
                    self._check_size(len(body))
                    is_complete = not message.get("more_body", False)
        except TimeoutError:
            raise RequestFailed(
                408,
                f"The body did not arrive within {self._config.body_timeout_s:g} s. Send it at once.",
                headers={"Connection": "close"},
            ) from None
        return bytes(body)

    def _check_size(self, n_bytes: int) -> None:
        if n_bytes > self._config.max_body_bytes:
            raise RequestFailed(
                413,
                f"The body has more than {self._config.max_body_bytes} bytes, the most this server reads. "
                "Send fewer or shorter prompts.",
                headers={"Connection": "close"},
            )


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return what hands out a body that was read, and then what follows it."""
    left = [body]

    async def replayed() -> Message:
        if left:
            return {"type": "http.request", "body": left.pop(), "more_body": False}
        return await receive()

    return replayed

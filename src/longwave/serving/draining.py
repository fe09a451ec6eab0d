"""A server of uvicorn that lets running requests finish before it stops listening."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from longwave.serving.service import Service

__all__ = ["DrainingServer"]

POLL_S = 0.05
KEEP_ALIVE_S = 75  # longer than clients keep idle connections, so that none closes under a new request
LAST_WORDS_S = 5  # for answers on their way once the engine has ended everything


class DrainingServer(uvicorn.Server):
    """Stop in two steps: new requests get 503 while running ones finish, then connections are closed.

    Parameters
    ----------
    app : FastAPI
        From ``make_app``.
    on_start : callable
        Called once requests are taken.
    """

    def __init__(self, app: FastAPI, *, on_start: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            lifespan="off",
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=LAST_WORDS_S,
        )
        super().__init__(config)
        self._service: Service = app.state.service
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self._on_start()

    async def main_loop(self) -> None:
        """Run until told to stop, then let running requests finish."""
        await super().main_loop()
        drained = asyncio.ensure_future(self._service.traffic.drain(self._service.config.grace_s))
        while not (drained.done() or self.force_exit):
            await asyncio.wait({drained}, timeout=POLL_S)
        drained.cancel()
        await asyncio.to_thread(self._service.engine.close, 0.0)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal: the first lets requests finish, the second does not."""
        del sig, frame  # uvicorn would raise the signal again at the end
        self.force_exit = self.should_exit
        self.should_exit = True

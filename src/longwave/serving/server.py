"""Run the server: in this thread until it is told to stop, or in another one for as long as a block lasts."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from longwave.data import Tokenizer
from longwave.errors import ConfigError, MissingExtra
from longwave.serving.config import ServerConfig

if TYPE_CHECKING:
    from fastapi import FastAPI

    from longwave.serving.choices import TextEngine
    from longwave.serving.draining import DrainingServer

__all__ = ["build_app", "run_server", "running_server"]

POLL_S = 0.1


def build_app(
    engine: TextEngine, tokenizer: Tokenizer, config: ServerConfig, *, api_key: str | None = None
) -> FastAPI:
    """Build the application that speaks OpenAI's interface, for ``run_server`` or any ASGI server.

    Parameters
    ----------
    engine : Engine
        Started, and closed when the server is stopped by ``run_server`` or ``running_server``.
    tokenizer : Tokenizer
        The one the model was trained with.
    config : ServerConfig
    api_key : str, optional
        Requests have to name it, except those that ask how the server is.

    Raises
    ------
    MissingExtra
        If the libraries of the extra ``serve`` are not installed.
    ConfigError
        If the key is empty or not of printable ASCII, which headers cannot hold.
    """
    if api_key is not None and not (api_key.isascii() and api_key.isprintable() and api_key.strip()):
        raise ConfigError(
            "The API key is empty or holds characters that a header cannot. Choose another one."
        )
    try:
        from longwave.serving.app import make_app
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    return make_app(engine, tokenizer, config, api_key=api_key)


def run_server(
    app: FastAPI,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    on_start: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; then running requests finish, new ones get 503, the engine is closed.

    Parameters
    ----------
    app : FastAPI
        From ``build_app``.
    host : str
        Address to listen at; ``127.0.0.1`` is reached from this machine only.
    port : int
        0 takes a free one.
    on_start : callable, optional
        Called with the base URL once requests are taken.

    Raises
    ------
    MissingExtra
        If the libraries of the extra ``serve`` are not installed.
    ConfigError
        If the address cannot be used.
    """
    server, listener, _ = _prepare(app, host, port, on_start or (lambda _: None))
    server.run(sockets=[listener])


@contextmanager
def running_server(app: FastAPI, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a thread for as long as the block lasts, and yield the base URL; raises as ``run_server``."""
    started = threading.Event()
    server, listener, url = _prepare(app, host, port, lambda _: started.set())
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="longwave-server")
    thread.start()
    try:
        while thread.is_alive() and not started.wait(POLL_S):
            pass
        yield url
    finally:
        server.should_exit = True
        thread.join()


def _prepare(
    app: FastAPI, host: str, port: int, on_start: Callable[[str], None]
) -> tuple[DrainingServer, socket.socket, str]:
    try:
        from longwave.serving.draining import DrainingServer
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    listener = _listen(host, port)
    name = f"[{host}]" if ":" in host else host
    url = f"http://{name}:{listener.getsockname()[1]}"
    return DrainingServer(app, on_start=lambda: on_start(url)), listener, url


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(
            f"The server cannot listen at {host} port {port}: {error.strerror or error}. Name another "
            "--port (0 takes a free one) or --host."
        ) from error


def _missing(error: ModuleNotFoundError) -> Exception:
    """Return what to tell when a module is not there."""
    is_extra = (error.name or "").partition(".")[0] in (
        "fastapi",
        "starlette",
        "uvicorn",
        "prometheus_client",
    )
    return MissingExtra("Serving", "serve") if is_extra else error

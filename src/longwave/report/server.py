"""Serve a built report on this machine, for places where pages cannot be opened from disk."""

from __future__ import annotations

import functools
import http.server
from collections.abc import Callable
from pathlib import Path

from longwave.errors import ConfigError, MissingFile

__all__ = ["serve"]


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Stay silent; a static page has nothing to tell."""

    def end_headers(self) -> None:
        """Let a rebuilt report show at the next reload."""
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def list_directory(self, path: object) -> None:  # noqa: ARG002 (named so by the base class)
        """Refuse to list folders; the report has its own pages."""
        self.send_error(http.HTTPStatus.NOT_FOUND)


def serve(folder: Path, *, port: int = 0, on_start: Callable[[str], None] | None = None) -> None:
    """Serve a report on the loopback interface until interrupted.

    Parameters
    ----------
    folder : Path
        The folder of ``index.html``, or a folder of results with a ``report`` in it.
    port : int
        0 takes a free one.
    on_start : callable, optional
        Called with the address once it answers.

    Raises
    ------
    MissingFile
        If there is no report.
    ConfigError
        If the port is taken.
    """
    place = next((one for one in (folder, folder / "report") if (one / "index.html").is_file()), None)
    if place is None:
        raise MissingFile(f'No report in "{folder}". Build it first: longwave report {folder}')
    handler = functools.partial(_Handler, directory=str(place))
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise ConfigError(
            f"Port {port} cannot be used: {error}. Choose another, or 0 for a free one."
        ) from error
    with server:
        if on_start is not None:
            on_start(f"http://127.0.0.1:{server.server_address[1]}/index.html")
        server.serve_forever()

"""Download the HAPI release; a download that broke off goes on where it ended."""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from longwave.errors import ClientError, ConfigError, DataError, StorageError

if TYPE_CHECKING:
    import httpx

__all__ = ["RELEASE_URL", "data_dir", "download_release"]

logger = logging.getLogger(__name__)

RELEASE_URL = "https://storage.googleapis.com/hapi-data/hapi.tar.gz"
TRIES = 5
PAUSE_S = 2.0
TIMEOUT_S = 60.0
_OK, _PARTIAL, _RANGE, _SERVER, _TOO_MANY, _REQUEST_TIMEOUT = 200, 206, 416, 500, 429, 408
Progress = Callable[[int, int | None], None]


def data_dir() -> Path:
    """Return the folder of HAPI data that the reference package uses: ``HAPI_DATA_DIR``, else ``~/.hapi``."""
    return Path(os.environ.get("HAPI_DATA_DIR") or Path.home() / ".hapi")


def download_release(
    folder: Path | str | None = None,
    *,
    url: str = RELEASE_URL,
    sha256: str | None = None,
    client: httpx.Client | None = None,
    on_progress: Progress | None = None,
    wait: Callable[[float], object] = time.sleep,
) -> Path:
    """Download the archive of HAPI's release, 205 MB.

    Parameters
    ----------
    folder : Path or str, optional
        Default: `data_dir`.
    url : str
    sha256 : str, optional
        Refuse a file with another one. A checksum that the server sends is compared anyway.
    client : httpx.Client, optional
        With a proxy, or a transport of a test.
    on_progress : callable, optional
        ``(bytes that are there, bytes in all or None)`` after each piece.
    wait : callable
        Waits for some seconds before another try.

    Returns
    -------
    Path
        The archive; one that is there already is kept as it is.

    Raises
    ------
    ConfigError
        If the URL names no file.
    ClientError
        If the server cannot be reached or has no such file, after 5 tries in a row that brought nothing. What
        arrived is kept, and the same call goes on from there.
    DataError
        If the file is not what the checksum says; it is removed.
    StorageError
        If the folder cannot be written.
    """
    import httpx

    name = url.rpartition("/")[2]
    if not name or "?" in name:
        raise ConfigError(f'The URL "{url}" names no file. Give one like {RELEASE_URL}.')
    target = Path(folder or data_dir()) / name
    if target.is_file():
        _check(target, sha256=sha256, md5=None, keep=True)
        return target
    part = target.with_name(name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        own = client or httpx.Client(timeout=TIMEOUT_S, follow_redirects=True)
        try:
            md5 = _fetch(own, url, part, on_progress, wait)
        finally:
            if client is None:
                own.close()
        _check(part, sha256=sha256, md5=md5, keep=False)
        part.replace(target)
        _tag_file(part).unlink(missing_ok=True)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f'Cannot write "{target}": {error}. Free some space or choose another folder.'
        ) from error
    return target


def _fetch(
    client: httpx.Client, url: str, part: Path, on_progress: Progress | None, wait: Callable[[float], object]
) -> str | None:
    """Fill the part file, and return the MD5 that the server names."""
    import httpx

    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            return _try(client, url, part, before, on_progress)
        except httpx.TransportError as error:
            reason = f"{type(error).__name__}: {error}"
        except _TryAgain as error:
            reason = str(error)
        grown = (part.stat().st_size if part.exists() else 0) > before
        failures = 1 if grown else failures + 1
        if failures >= TRIES:
            raise ClientError(
                f"{url} did not arrive: {reason}. Check the network and call again; what is there is kept."
            )
        logger.info("download broke off (%s), trying again", reason)
        wait(PAUSE_S * failures)


class _TryAgain(Exception):
    """One try that may go better the next time."""


def _try(client: httpx.Client, url: str, part: Path, start: int, on_progress: Progress | None) -> str | None:
    headers = {"Accept-Encoding": "identity"}
    tag = _tag_file(part).read_text(encoding="utf-8") if _tag_file(part).is_file() else ""
    if start and tag:
        headers |= {"Range": f"bytes={start}-", "If-Range": tag}
    with client.stream("GET", url, headers=headers) as response:
        status = response.status_code
        if status == _RANGE:
            part.unlink(missing_ok=True)  # longer than what the server has
            raise _TryAgain("the part that is here does not fit")
        if status >= _SERVER or status in (_TOO_MANY, _REQUEST_TIMEOUT):
            raise _TryAgain(f"the server answered {status}")
        if status not in (_OK, _PARTIAL):
            raise ClientError(
                f"{url} answered {status}. Check the URL, or download the file yourself and import it."
            )
        goes_on = status == _PARTIAL and _begins_at(response.headers.get("content-range", ""), start)
        if status == _PARTIAL and not goes_on:
            part.unlink(missing_ok=True)
            raise _TryAgain("the server sent another piece than was asked for")
        there = start if goes_on else 0
        _tag_file(part).write_text(response.headers.get("etag", ""), encoding="utf-8")
        length = response.headers.get("content-length")
        total = there + int(length) if length else None
        with part.open("ab" if goes_on else "wb") as file:
            for block in response.iter_raw():
                file.write(block)
                there += len(block)
                if on_progress is not None:
                    on_progress(there, total)
        if total is not None and there < total:
            raise _TryAgain(f"{there:,} of {total:,} bytes came")
        return _md5_in(response.headers.get_list("x-goog-hash", split_commas=True))


def _begins_at(content_range: str, start: int) -> bool:
    return content_range.startswith(f"bytes {start}-")


def _md5_in(hashes: list[str]) -> str | None:
    """Return the MD5 among Google storage's checksums, as hexadecimal digits."""
    for each in hashes:
        name, _, value = each.strip().partition("=")
        if name == "md5":
            return base64.b64decode(value).hex()
    return None


def _check(path: Path, *, sha256: str | None, md5: str | None, keep: bool) -> None:
    for name, wanted in (("sha256", sha256), ("md5", md5)):
        if wanted is None:
            continue
        with path.open("rb") as file:
            found = hashlib.file_digest(file, name).hexdigest()
        if found != wanted.lower():
            if not keep:
                path.unlink()
                _tag_file(path).unlink(missing_ok=True)
            raise DataError(
                f'"{path}" has {name} {found}, expected was {wanted}. '
                + ("Remove it and download again." if keep else "It is removed; download again.")
            )


def _tag_file(part: Path) -> Path:
    """Return where the server's mark of the version is kept, so that no two versions are put together."""
    return part.with_name(part.name + ".etag")

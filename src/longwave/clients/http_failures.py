"""What went wrong with one try of a request: whether to try again, when, and what to tell the user."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from longwave.clients.retries import asked_wait
from longwave.errors import ClientError, ClientTimeout, RateLimited, Refused

if TYPE_CHECKING:
    import httpx

__all__ = ["FailedTry", "failure_of_exception", "failure_of_status", "read_json", "redact"]

EXCERPT = 300  # characters of a server's own words in a message
KEY_LIKE = re.compile(r"\bsk-[\w*.-]+")
TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, METHOD = 400, 401, 403, 404, 405
REQUEST_TIMEOUT, CONFLICT, TOO_EARLY, TOO_MANY, SERVER_ERROR = 408, 409, 425, 429, 500
NOT_IMPLEMENTED, GATEWAY_TIMEOUT, NO_SUCH_HTTP, OK, REDIRECT = 501, 504, 505, 200, 300
# too many requests, but no wait helps
NO_MONEY = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")


class FailedTry(Exception):
    """One try that brought no answer.

    Parameters
    ----------
    error : ClientError
        What to tell when no further try follows.
    is_transient : bool
        Whether another try may succeed.
    wait_s : float, optional
        Seconds that the server asks to wait for.
    status : int, optional
        HTTP status, when the server answered.
    param, words : str
        The setting that the server complains of, and what it says, both as the server writes them.
    may_be_billed : bool
        Whether the server may have done the work.
    is_unreachable : bool
        Whether nobody took the connection.
    """

    def __init__(
        self,
        error: ClientError,
        *,
        is_transient: bool = False,
        wait_s: float | None = None,
        status: int | None = None,
        param: str = "",
        words: str = "",
        may_be_billed: bool = False,
        is_unreachable: bool = False,
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.is_transient = is_transient
        self.wait_s = wait_s
        self.status = status
        self.param = param
        self.words = words
        self.may_be_billed = may_be_billed
        self.is_unreachable = is_unreachable


def redact(text: str, key: str | None) -> str:
    """Take a key out of a text: the whole key, and what servers quote of one (``sk-ab***yz``)."""
    return KEY_LIKE.sub("sk-***", text.replace(key, "***") if key else text)


def read_json(response: httpx.Response, *, has_key: bool, now_s: float) -> dict[str, object]:
    """Read an answer's JSON object.

    Parameters
    ----------
    response : httpx.Response
        Read to its end.
    has_key : bool
        Whether a key was sent.
    now_s : float
        Seconds since 1970.

    Raises
    ------
    FailedTry
        If it is none, or tells of an error; a web page instead of an answer is not asked for again.
    """
    try:
        payload = json.loads(response.content)
    except (ValueError, RecursionError) as error:
        if _is_page(response):
            raise FailedTry(
                ClientError(
                    f"The server answered with a web page ({_excerpt(response)}), not with JSON. Check the "
                    "base URL; it often ends in /v1."
                ),
                status=response.status_code,
            ) from error
        raise FailedTry(
            ClientError(f"The server's answer is not JSON ({_excerpt(response)}). Ask again later."),
            is_transient=True,
            may_be_billed=True,
        ) from error
    if not isinstance(payload, dict):
        raise FailedTry(
            ClientError(
                f"The server answered with a JSON {type(payload).__name__}, not with an object. Check the "
                "base URL."
            )
        )
    told = payload.get("error")
    if told and "choices" not in payload:  # some servers report errors with status 200
        code = told.get("code") if isinstance(told, Mapping) else None
        status = code if isinstance(code, int) and code >= BAD_REQUEST else BAD_REQUEST
        raise _classify(status, _describe(payload), response, has_key=has_key, now_s=now_s)
    return payload


def failure_of_status(response: httpx.Response, *, has_key: bool, now_s: float) -> FailedTry | None:
    """Return what an HTTP status says went wrong, None for success; parameters as in ``read_json``."""
    status = response.status_code
    if OK <= status < REDIRECT:
        return None
    try:
        payload = json.loads(response.content)
    except (ValueError, RecursionError):
        payload = None
    told = _describe(payload) if isinstance(payload, dict) else ("", "", _excerpt(response))
    return _classify(status, told, response, has_key=has_key, now_s=now_s)


def failure_of_exception(error: Exception, *, url: str, timeout_s: float) -> FailedTry:
    """Return what a failed connection means; ``error`` is of httpx or a ``TimeoutError``."""
    import httpx

    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
        told = ClientTimeout if isinstance(error, httpx.ConnectTimeout) else ClientError
        return FailedTry(
            told(
                f'No connection to "{url}" ({_name(error)}). Check that the server runs and that the address '
                "is right."
            ),
            is_transient=True,
            is_unreachable=True,
        )
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return FailedTry(
            ClientTimeout(
                f'"{url}" gave no answer within {timeout_s:g} s. Raise timeout_s, or ask fewer at a time '
                "with concurrency."
            ),
            is_transient=True,
            may_be_billed=True,
        )
    return FailedTry(
        ClientError(f'The connection to "{url}" was lost ({_name(error)}). Start again when it is back.'),
        is_transient=isinstance(error, httpx.TransportError) and not _is_ours(error),
        may_be_billed=True,
    )


def _classify(
    status: int, told: tuple[str, str, str], response: httpx.Response, *, has_key: bool, now_s: float
) -> FailedTry:
    code, param, words = told
    said = f"(HTTP {status}{f': {words}' if words else ''})"
    error: ClientError
    is_transient = status in (REQUEST_TIMEOUT, CONFLICT, TOO_EARLY, TOO_MANY)
    if status == TOO_MANY and code in NO_MONEY:
        is_transient, error = False, Refused(f"The account has no money or quota left {said}. Top it up.")
    elif status == TOO_MANY:
        error = RateLimited(f"The server asks to slow down {said}. Set rpm or tpm, or lower concurrency.")
    elif status in (REQUEST_TIMEOUT, GATEWAY_TIMEOUT):
        is_transient, error = True, ClientTimeout(f"The server ran out of time {said}. Ask again later.")
    elif status >= SERVER_ERROR:
        is_transient = status not in (NOT_IMPLEMENTED, NO_SUCH_HTTP)
        error = ClientError(f"The server failed {said}. Ask again later, or read the server's log.")
    elif status in (UNAUTHORIZED, FORBIDDEN):
        hint = "Check the key and what it may do" if has_key else "Set LONGWAVE_API_KEY, or name it with key"
        error = Refused(f"The server lets us not in {said}. {hint}.")
    elif status in (NOT_FOUND, METHOD):
        error = Refused(f"The server has no such model or address {said}. Check the name and the base URL.")
    elif status < BAD_REQUEST:
        place = response.headers.get("location", "elsewhere")[:EXCERPT]
        error = Refused(f"The server sends us on to {place} {said}. Name that address instead.")
    else:
        error = Refused(f"The server does not accept the request {said}. Mend what it names.")
    return FailedTry(
        error,
        is_transient=is_transient,
        wait_s=asked_wait(response.headers, now_s=now_s),
        status=status,
        param=param,
        words=words,
    )


def _describe(payload: Mapping[str, object]) -> tuple[str, str, str]:
    """Return code, setting and words of an error, wherever servers put them."""
    told = payload.get("error")
    if not isinstance(told, Mapping):
        words = told or payload.get("message") or payload.get("detail") or ""
        return "", "", _shorten(words if isinstance(words, str) else json.dumps(words))
    words = told.get("message") or ""
    return (
        str(told.get("code") or told.get("type") or ""),
        str(told.get("param") or ""),
        _shorten(words if isinstance(words, str) else json.dumps(words)),
    )


def _excerpt(response: httpx.Response) -> str:
    text = response.content[: 100 * EXCERPT].decode("utf-8", "replace")
    title = TITLE.search(text)
    if title is not None:
        return f'a page titled "{_shorten(title[1])}"'
    return "a page without a title" if _is_page(response) else _shorten(text) or "empty"


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1] + "…"


def _is_page(response: httpx.Response) -> bool:
    kind = response.headers.get("content-type", "")
    return "html" in kind or response.content[:100].lstrip().lower().startswith((b"<!doctype", b"<html"))


def _name(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _is_ours(error: Exception) -> bool:
    """Whether the request itself is wrong, so that another try would be too."""
    import httpx

    return isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError)

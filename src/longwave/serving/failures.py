"""Requests that get no answer: a status, and the error in OpenAI's form."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.responses import JSONResponse
from pydantic import BaseModel

from longwave.errors import ConfigError, LongwaveError, ShapeError, nearest
from longwave.serving.requests import EngineClosed, Overloaded

__all__ = ["NO_OBJECT", "ErrorAnswer", "RequestFailed", "explain", "failure_of", "log_failure", "try_later"]

RETRY_AFTER_S = 1
EXCERPT = 60
PARTED = ("messages", "stream_options", "response_format")  # parameters of which a part is told
NO_OBJECT = "The body is not a JSON object. Send one, with content type application/json."
TYPES = {401: "authentication_error", 404: "not_found_error", 408: "timeout_error", 504: "timeout_error"}

logger = logging.getLogger(__name__)


class ErrorDetail(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(BaseModel):
    """An error as OpenAI's clients read it."""

    error: ErrorDetail


class RequestFailed(LongwaveError):
    """A request that the server does not answer.

    Parameters
    ----------
    status : int
        HTTP status.
    message : str
    param : str, optional
        The parameter that is to blame.
    code : str, optional
        A name that programs may look at.
    headers : mapping, optional
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.message = _sendable(message)
        super().__init__(self.message)
        self.status = status
        self.param = None if param is None else _sendable(param)
        self.code = code
        self.headers = dict(headers or {})

    @property
    def answer(self) -> ErrorAnswer:
        """The body of the answer."""
        kind = TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        detail = ErrorDetail(message=self.message, type=kind, param=self.param, code=self.code)
        return ErrorAnswer(error=detail)

    @property
    def response(self) -> JSONResponse:
        """The whole answer."""
        return JSONResponse(self.answer.model_dump(), status_code=self.status, headers=self.headers)


def failure_of(error: Exception) -> RequestFailed:
    """Return what a client is told about an error; only Longwave's own errors speak for themselves."""
    if isinstance(error, RequestFailed):
        return error
    if isinstance(error, Overloaded):
        return try_later(str(error), code="overloaded")
    if isinstance(error, EngineClosed):
        return try_later(
            "The server is stopping. Ask again when it is back, or ask another.", code="stopping"
        )
    if isinstance(error, ConfigError | ShapeError):
        return RequestFailed(400, str(error))
    if isinstance(error, LongwaveError):
        return RequestFailed(500, str(error))
    return RequestFailed(500, f"The server failed ({type(error).__name__}). Its log says more.")


def log_failure(request_id: str, failure: RequestFailed) -> None:
    """Write failures of the server itself into the log; what a client did wrong is its own affair."""
    if failure.status == 500:
        logger.error("%s failed: %s", request_id, failure.message)


def try_later(message: str, *, code: str) -> RequestFailed:
    """Return the failure of a request that may succeed later."""
    return RequestFailed(503, message, code=code, headers={"Retry-After": str(RETRY_AFTER_S)})


def explain(errors: Sequence[Mapping[str, Any]], body: object, accepted: Mapping[str, str]) -> RequestFailed:
    """Say which parameter of a body is wrong, and what is accepted.

    Parameters
    ----------
    errors : sequence of mapping
        As pydantic tells them.
    body : object
        What was sent.
    accepted : mapping
        Parameter to what it takes, a phrase.
    """
    first = errors[0]
    place: tuple[str | int, ...] = first["loc"][1:]
    if first["type"] == "json_invalid" or not place or not isinstance(body, Mapping):
        return RequestFailed(400, NO_OBJECT)
    name = str(place[0])
    takes = f" Accepted: {accepted[name]}" if name in accepted else ""
    if len(place) == 1 and first["type"] == "extra_forbidden":
        close = " or ".join(f'"{known}"' for known in nearest(name, accepted))
        hint = f" Did you mean {close}?" if close else ""
        return RequestFailed(
            400,
            f'There is no parameter "{name}" here, and it might change the answer.{hint} Leave it out.',
            param=name,
            code="unknown_parameter",
        )
    if first["type"] == "missing":
        return RequestFailed(400, f'"{_path(place)}" is missing.{takes}', param=name)
    if name in PARTED:
        return RequestFailed(400, f'"{_path(place)}" is {_excerpt(first["input"])}.{takes}', param=name)
    return RequestFailed(400, f'"{name}" is {_excerpt(body.get(name))}.{takes}', param=name)


def _path(place: tuple[str | int, ...]) -> str:
    """Write a place as ``messages[0].role``; what is deeper than that are pydantic's own names."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in place[:3])
    return "".join(parts).removeprefix(".")


def _sendable(text: str) -> str:
    """Spell out what UTF-8 cannot hold: JSON can name halves of characters."""
    return text.encode("utf-8", "backslashreplace").decode()


def _excerpt(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]} ..."

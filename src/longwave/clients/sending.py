"""Send requests to one server: within its limits and ours, again when it fails for a while."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longwave.clients.budget import Budget, Usage
from longwave.clients.http_failures import (
    FailedTry,
    failure_of_exception,
    failure_of_status,
    read_json,
    redact,
)
from longwave.clients.rate_limits import RateLimiter
from longwave.clients.retries import Backoff, asked_wait

if TYPE_CHECKING:
    import httpx

__all__ = ["Answer", "Clock", "Load", "Sender"]

logger = logging.getLogger(__name__)
Body = dict[str, object]
CRASHED = 500


@dataclass(frozen=True, kw_only=True)
class Clock:
    """Time, as tests may replace it.

    Parameters
    ----------
    monotonic : callable
        Seconds since some moment.
    wall : callable
        Seconds since 1970.
    sleep : callable
        Waits for some seconds.
    """

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a request weighs before it is answered.

    Parameters
    ----------
    index : int
        Its place in the call; seeds its waits.
    tokens : int
        Estimate for the limit of tokens a minute.
    highest : Usage
        No request like it can be billed more; for the limit of money.
    """

    index: int
    tokens: int
    highest: Usage


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A server's answer; ``latency_s`` is that of the try that succeeded."""

    payload: Body
    latency_s: float


class Sender:
    """Sends requests over one connection pool; lives as long as one call.

    Parameters
    ----------
    http : httpx.AsyncClient
        Carries the key in its headers.
    url : str
        Base URL.
    budget, limiter, backoff, clock
        Shared by all requests.
    retries : int
        Tries after the first.
    timeout_s, max_wait_s : float
        Of one try; of a wait that the server asks for.
    key : str or None
        Kept out of every message.
    read_usage : callable
        From an answer to what it is billed, None when it does not tell.

    Notes
    -----
    When a request has used all its tries and nobody took its connections, the server counts as down: until
    one request succeeds again all others are tried once.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        url: str,
        budget: Budget,
        limiter: RateLimiter,
        backoff: Backoff,
        clock: Clock,
        retries: int,
        timeout_s: float,
        max_wait_s: float,
        key: str | None,
        read_usage: Callable[[Body], Usage | None],
    ) -> None:
        self._http = http
        self._url = url
        self._budget = budget
        self._limiter = limiter
        self._backoff = backoff
        self._clock = clock
        self._retries = retries
        self._timeout_s = timeout_s
        self._max_wait_s = max_wait_s
        self._key = key
        self._read_usage = read_usage
        self._settled = asyncio.Event()
        self._queue = asyncio.Lock()
        self._is_down = False

    async def send(self, path: str, body: Body, load: Load, *, is_trial: bool = False) -> Answer:
        """Send a request until it is answered.

        Parameters
        ----------
        path : str
            Below the base URL.
        body : dict
        load : Load
        is_trial : bool
            Whether an internal error (500) may mean that the server cannot do it; it is told at once then.

        Raises
        ------
        FailedTry
            If the last try failed, or no other may help.
        BudgetExceeded
            If it could cost more than is left.
        """
        tries = 0
        while True:
            await self._reserve(load)
            try:
                await self._wait_turn(load)
                answer = await self._try(path, body, load)
            except FailedTry as failed:
                self._settle(load, load.highest if failed.may_be_billed else None)
                tries += 1
                if is_trial and failed.status == CRASHED:
                    raise
                await self._wait_or_give_up(failed, load, tries)
            except BaseException:  # cancelled: the reservation must not outlive the request
                self._settle(load, None)
                raise
            else:
                self._settle(load, self._read_usage(answer.payload) or load.highest)
                self._is_down = False
                return answer

    async def _try(self, path: str, body: Body, load: Load) -> Answer:
        import httpx

        start_s = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._http.post(self._url + path, json=body)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise failure_of_exception(error, url=self._url, timeout_s=self._timeout_s) from error
        latency_s = self._clock.monotonic() - start_s
        logger.debug("request %d: HTTP %d after %.3f s", load.index, response.status_code, latency_s)
        has_key, now_s = self._key is not None, self._clock.wall()
        failed = failure_of_status(response, has_key=has_key, now_s=now_s)
        if failed is not None:
            raise failed
        if response.headers.get("x-ratelimit-remaining-requests", "").strip() == "0":
            self._limiter.pause(
                self._clock.monotonic(),
                min(asked_wait(response.headers, now_s=now_s) or 0.0, self._max_wait_s),
            )
        return Answer(payload=read_json(response, has_key=has_key, now_s=now_s), latency_s=latency_s)

    async def _wait_or_give_up(self, failed: FailedTry, load: Load, tries: int) -> None:
        """Wait until the next try, or raise what failed with a last word on the tries."""
        wait_s = self._backoff.wait_s(load.index, tries - 1) if failed.wait_s is None else failed.wait_s
        allowed = 0 if self._is_down and failed.is_unreachable else self._retries
        if not failed.is_transient or tries > allowed or wait_s > self._max_wait_s:
            if failed.is_transient and failed.is_unreachable:
                self._is_down = True
            raise self._last(failed, tries, wait_s)
        logger.debug("request %d: %s; next try in %.1f s", load.index, self._clean(failed), wait_s)
        if failed.wait_s is None:
            await self._clock.sleep(wait_s)
        else:
            self._limiter.pause(self._clock.monotonic(), wait_s)  # the server means all of us

    def _last(self, failed: FailedTry, tries: int, wait_s: float) -> FailedTry:
        words = self._clean(failed)
        if failed.wait_s is not None and wait_s > self._max_wait_s:
            words += f" It asks to wait for {wait_s:.0f} s, more than max_wait_s={self._max_wait_s:g}."
        elif tries > 1:
            words += f" Tried {tries} times."
        return FailedTry(
            type(failed.error)(words),
            is_transient=failed.is_transient,
            status=failed.status,
            param=failed.param,
            words=failed.words,
        )

    def _clean(self, failed: FailedTry) -> str:
        return redact(str(failed.error), self._key)

    async def _reserve(self, load: Load) -> None:
        async with self._queue:  # first come, first served
            while not self._budget.reserve(load.highest):
                self._settled.clear()
                await self._settled.wait()

    def _settle(self, load: Load, real: Usage | None) -> None:
        self._budget.settle(load.highest, real)
        self._settled.set()

    async def _wait_turn(self, load: Load) -> None:
        while (wait_s := self._limiter.take(self._clock.monotonic(), load.tokens)) > 0:
            await self._clock.sleep(wait_s)

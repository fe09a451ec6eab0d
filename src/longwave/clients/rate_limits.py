"""Rate limits: how long the next request has to wait, ours and the server's own."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

__all__ = ["RateLimiter"]

WINDOW_S = 60.0


@dataclass
class _Sent:
    """A request that was sent: when, and with how many tokens."""

    time_s: float
    tokens: int


class RateLimiter:
    """At most so many requests and tokens in any 60 seconds; pauses when a server asks for it.

    Parameters
    ----------
    rpm : int, optional
        Requests a minute.
    tpm : int, optional
        Tokens a minute. A request of more tokens than that waits until nothing else counts, then goes.

    Notes
    -----
    A pure function of the times it is given: the caller reads the clock and sleeps.
    """

    def __init__(self, *, rpm: int | None = None, tpm: int | None = None) -> None:
        self.rpm = rpm
        self.tpm = tpm
        self._sent: deque[_Sent] = deque()
        self._paused_until_s = 0.0

    def take(self, now_s: float, tokens: int) -> float:
        """Send a request now, or tell how long to wait before asking again.

        Returns
        -------
        float
            0 when the request may go, and is counted; else seconds.
        """
        while self._sent and self._sent[0].time_s + WINDOW_S <= now_s:
            self._sent.popleft()
        wait_s = max(self._paused_until_s - now_s, self._wait_for_requests(now_s), 0.0)
        wait_s = max(wait_s, self._wait_for_tokens(now_s, tokens))
        if wait_s == 0 and (self.rpm is not None or self.tpm is not None):
            self._sent.append(_Sent(now_s, tokens))
        return wait_s

    def pause(self, now_s: float, seconds: float) -> None:
        """Send nothing for some seconds, as a server asked."""
        self._paused_until_s = max(self._paused_until_s, now_s + seconds)

    def _wait_for_requests(self, now_s: float) -> float:
        if self.rpm is None or len(self._sent) < self.rpm:
            return 0.0
        return self._sent[len(self._sent) - self.rpm].time_s + WINDOW_S - now_s

    def _wait_for_tokens(self, now_s: float, tokens: int) -> float:
        if self.tpm is None:
            return 0.0
        excess = sum(item.tokens for item in self._sent) + tokens - self.tpm
        for item in self._sent:
            if excess <= 0:
                break
            excess -= item.tokens
            wait_until_s = item.time_s + WINDOW_S
            if excess <= 0 or item is self._sent[-1]:
                return wait_until_s - now_s
        return 0.0

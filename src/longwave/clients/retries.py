"""How long to wait before a request is tried again: what the server says, else longer and longer."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

__all__ = ["Backoff", "asked_wait", "parse_duration", "parse_retry_after"]

PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s|d)", re.ASCII)
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
PLAIN = re.compile(r"\d{1,15}(\.\d{1,15})?", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Waits that double, each drawn from its upper half.

    Parameters
    ----------
    first_s, longest_s : float
        The first wait is at most ``first_s``, no wait is longer than ``longest_s``.
    seed : int
        The waits of each request are drawn from the seed and the request's own key.

    Notes
    -----
    ``wait = min(longest_s, first_s * 2**tries) * u`` with u drawn evenly from [0.5, 1], so that requests that
    failed together do not return together.
    """

    first_s: float = 1.0
    longest_s: float = 60.0
    seed: int = 0

    def wait_s(self, key: int, tries: int) -> float:
        """Return the wait after ``tries`` earlier waits of a request."""
        bound_s = min(self.longest_s, self.first_s * 2.0 ** min(tries, 64))
        return bound_s * random.Random(f"{self.seed}/{key}/{tries}").uniform(0.5, 1.0)


def asked_wait(headers: Mapping[str, str], *, now_s: float) -> float | None:
    """Return the seconds that a server asks to wait for, None when it does not say.

    Parameters
    ----------
    headers : mapping
        Names in lower case.
    now_s : float
        Seconds since 1970, for dates.

    Notes
    -----
    ``retry-after-ms``, then ``Retry-After`` (RFC 9110, section 10.2.3), then ``x-ratelimit-reset-requests``
    and ``x-ratelimit-reset-tokens``: of these two the later one among those that nothing remains of, or the
    later of both when the headers do not say what remains.
    """
    milliseconds = _plain(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000.0
    wait_s = parse_retry_after(headers.get("retry-after", ""), now_s=now_s)
    if wait_s is not None:
        return wait_s
    resets = {
        what: parse_duration(headers.get(f"x-ratelimit-reset-{what}", "")) for what in ("requests", "tokens")
    }
    used_up = {what for what in resets if headers.get(f"x-ratelimit-remaining-{what}", "").strip() == "0"}
    waits = [value for what, value in resets.items() if value is not None and what in (used_up or resets)]
    return max(waits, default=None)


def parse_retry_after(text: str, *, now_s: float) -> float | None:
    """Read a ``Retry-After``: seconds, or a date; None when it is neither.

    Examples
    --------
    >>> parse_retry_after("1.5", now_s=0)
    1.5
    >>> parse_retry_after("Thu, 01 Jan 1970 00:01:00 GMT", now_s=20)
    40.0
    """
    seconds = _plain(text)
    if seconds is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(text.strip())
        return max(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() - now_s, 0.0)
    except (ValueError, TypeError, OverflowError, IndexError):  # whatever else servers write there
        return None


def parse_duration(text: str) -> float | None:
    """Read a duration such as ``6m0s``, ``120ms`` or ``1.5`` (seconds); None when it is none.

    Examples
    --------
    >>> parse_duration("1h2m3.5s")
    3723.5
    """
    seconds = _plain(text)
    if seconds is not None:
        return seconds
    compact = text.strip().lower()
    parts = PART.findall(compact)
    if not parts or "".join(number + unit for number, unit in parts) != compact:
        return None
    total_s = sum(float(number) * SECONDS[unit] for number, unit in parts)
    return total_s if math.isfinite(total_s) else None


def _plain(text: str) -> float | None:
    return float(text) if PLAIN.fullmatch(text := text.strip()) else None

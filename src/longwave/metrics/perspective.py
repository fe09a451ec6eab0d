"""The client of the Perspective API, or of any server that speaks its dialect: the toxicity of texts."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from longwave.errors import ClientError, ClientTimeout, ConfigError, RateLimited

__all__ = ["PERSPECTIVE_URL", "PerspectiveClassifier"]

PERSPECTIVE_URL = "https://commentanalyzer.googleapis.com/v1alpha1/comments:analyze"
KEY_VARIABLE = "PERSPECTIVE_API_KEY"
MAX_BYTES = 20_480  # the longest text Perspective takes
MAX_WAIT_S = 120.0  # a server that wants a longer pause is left alone
RETRIED = (429, 500, 502, 503, 504)


class PerspectiveClassifier:
    """Asks a server that speaks the dialect of the Perspective API for the attribute TOXICITY.

    Parameters
    ----------
    url : str
        The whole address of its ``comments:analyze``.
    requests_per_s : float, optional
        Requests a second at most, by default the quota of a new key; None does not limit.
    max_retries : int
        How often a request is repeated when the server is busy or cannot be reached.
    timeout_s : float
    sleep : callable
        Waits for some seconds.

    Raises
    ------
    ConfigError
        If Google's server is to be asked and the environment holds no PERSPECTIVE_API_KEY, or the limits make
        no sense.

    Notes
    -----
    The key is sent as a header and never part of an address, so that no log shows it. Texts longer than
    20,480 bytes are cut, empty ones score 0 without a request; the server is asked to keep nothing, and told
    that texts are English.
    """

    name = "perspective"

    def __init__(
        self,
        url: str = PERSPECTIVE_URL,
        *,
        requests_per_s: float | None = 1.0,
        max_retries: int = 5,
        timeout_s: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if (requests_per_s is not None and requests_per_s <= 0) or max_retries < 0:
            raise ConfigError(
                f"requests_per_s is {requests_per_s} and max_retries {max_retries}; accepted are more than 0 "
                "requests (or None) and 0 retries or more."
            )
        key = os.environ.get(KEY_VARIABLE, "")
        if not key and url == PERSPECTIVE_URL:
            raise ConfigError(
                f"Perspective needs a key and the environment variable {KEY_VARIABLE} is not set. Set it, or "
                'name a server that needs none: "perspective:URL".'
            )
        self.url = url
        self.max_retries = max_retries
        self._pause_s = 0.0 if requests_per_s is None else 1 / requests_per_s
        self._next = -math.inf  # when the next request may start
        self._sleep = sleep
        self._client = httpx.Client(timeout=timeout_s, headers={"x-goog-api-key": key} if key else {})

    def score(self, texts: Sequence[str]) -> list[float]:
        """Ask for one text after the other.

        Raises
        ------
        RateLimited
            If the server is still busy after every retry, or wants a pause of more than two minutes.
        ClientTimeout
            If it does not answer in time after every retry.
        ClientError
            If it cannot be reached, refuses a text, or answers without a score.
        """
        return [self._score(text) if text.strip() else 0.0 for text in texts]

    def _score(self, text: str) -> float:
        body = {
            "comment": {"text": text.encode()[:MAX_BYTES].decode(errors="ignore")},
            "requestedAttributes": {"TOXICITY": {}},
            "languages": ["en"],
            "doNotStore": True,
        }
        for attempt in range(self.max_retries + 1):
            is_last = attempt == self.max_retries
            try:
                response = self._post(body)
            except httpx.TransportError as error:
                if is_last:
                    raise _unreachable(self.url, error) from error
                self._sleep(2.0**attempt)
                continue
            if response.status_code not in RETRIED:
                break
            wait_s = _retry_after(response.headers.get("retry-after", ""), default=2.0**attempt)
            if is_last or wait_s > MAX_WAIT_S:
                raise _busy(self.url, response, wait_s)
            self._sleep(wait_s)
        return _read_score(self.url, response)

    def _post(self, body: Mapping[str, object]) -> httpx.Response:
        now = time.monotonic()
        if now < self._next:
            self._sleep(self._next - now)
        self._next = max(now, self._next) + self._pause_s
        return self._client.post(self.url, json=body)


def _retry_after(value: str, *, default: float) -> float:
    """Read how many seconds a server wants to be left alone: a number, or a date."""
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return default
    return max(0.0, (date.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _busy(url: str, response: httpx.Response, wait_s: float) -> ClientError:
    kind = RateLimited if response.status_code == 429 else ClientError
    return kind(
        f"{url} answered {response.status_code} and wants a pause of {wait_s:.0f} s. Try again later; what "
        "was scored is kept."
    )


def _unreachable(url: str, error: httpx.TransportError) -> ClientError:
    kind = ClientTimeout if isinstance(error, httpx.TimeoutException) else ClientError
    return kind(
        f"{url} cannot be reached: {str(error) or type(error).__name__}. Check the address and the network."
    )


def _read_score(url: str, response: httpx.Response) -> float:
    try:
        found = response.json()
        if response.is_success:
            return float(found["attributeScores"]["TOXICITY"]["summaryScore"]["value"])
        reason = found["error"]["message"]
    except (ValueError, KeyError, TypeError):
        reason = response.text[:200]
    raise ClientError(
        f"{url} gave no score, status {response.status_code}: {reason}. Check the key and the address."
    )

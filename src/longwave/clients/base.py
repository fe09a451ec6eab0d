"""The seam to models: requests in, results out, whatever stands behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from longwave.config import config_hash

__all__ = ["Client", "Completion", "Request", "Result", "StreamingClient"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is sent to a model: text and decoding settings.

    Parameters
    ----------
    prompt : str
    continuation : str, optional
        When given, nothing is generated: the model scores this text after the prompt (its log-probability).
    max_tokens : int
    temperature : float
        0 is greedy.
    top_p : float
    stop : tuple of str
        The completion ends before the first of these strings.
    n : int
        Number of completions.
    seed : int, optional
        Seed of the sampling; part of the request's hash.
    """

    prompt: str
    continuation: str | None = None
    max_tokens: int = 100
    temperature: float = 0.0
    top_p: float = 1.0
    stop: tuple[str, ...] = ()
    n: int = 1
    seed: int | None = None

    def hash(self, model: str, version: str) -> str:
        """Hash the request with the model it is for: the key of caches and of the ``requests`` table."""
        # JSON writes 0 and 0.0 apart, but requests that are equal must share their answers
        floats = {"temperature": float(self.temperature), "top_p": float(self.top_p)}
        return config_hash({**vars(self), **floats}, model, version)


@dataclass(frozen=True, kw_only=True)
class Completion:
    """Text a model gave back, or the continuation it scored.

    ``logprob`` is the sum over the text's tokens in nats, None when the model does not tell; ``n_tokens`` is
    their number; ``finish_reason`` is ``"stop"``, ``"length"`` or ``"scored"``.
    """

    text: str
    logprob: float | None = None
    n_tokens: int = 0
    finish_reason: str = "length"


@dataclass(frozen=True, kw_only=True)
class Result:
    """Answer to one request; ``error`` says why there are no completions.

    ``latency_s`` is the wall time of the request (of its batch divided by the batch's size); ``is_cached``
    tells that the answer came from a cache or a replay and that ``latency_s`` is that of the first time.
    """

    completions: tuple[Completion, ...] = ()
    latency_s: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = None
    is_cached: bool = False
    error: str | None = None


@runtime_checkable
class Client(Protocol):
    """A model that answers requests.

    Attributes
    ----------
    name, version : str
        Go into the columns ``model`` and ``version``; the version changes whenever the answers may change.
    max_length : int or None
        Longest prompt plus completion in tokens; None when there is no limit.
    """

    name: str
    version: str
    max_length: int | None

    def complete(self, requests: Sequence[Request]) -> list[Result]:
        """Answer requests in order.

        Raises
        ------
        ClientError
            If the whole batch failed; the caller may retry one by one.
        """
        ...

    def count_tokens(self, text: str) -> int:
        """Count the tokens of a text as this model reads it."""
        ...

    def split_text(self, text: str, max_tokens: int) -> list[str]:
        """Cut a text into consecutive pieces of at most ``max_tokens`` tokens; joined they are the text."""
        ...


@runtime_checkable
class StreamingClient(Protocol):
    """A client that also hands over answers as they come, so that a cache can keep each at once."""

    def complete_stream(self, requests: Sequence[Request]) -> Iterator[list[tuple[int, Result]]]:
        """Yield groups of results with their requests' places, each place once, in any order.

        Raises
        ------
        ClientError
            After what was answered, when no further request can be.
        """
        ...

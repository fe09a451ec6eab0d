"""What is asked of the engine and what it answers, in token ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from longwave.errors import ConfigError, LongwaveError
from longwave.generation import SamplingConfig

__all__ = [
    "EngineClosed",
    "EngineStats",
    "Event",
    "Finished",
    "ModelFailed",
    "NewToken",
    "Overloaded",
    "PromptScores",
    "TokenRequest",
]


class Overloaded(LongwaveError, RuntimeError):
    """As many requests wait as the engine lets wait."""


class EngineClosed(LongwaveError, RuntimeError):
    """The engine takes no requests: it was not started, is closing, or is closed."""


class ModelFailed(LongwaveError, RuntimeError):
    """The model failed while it read or continued a text; its own error is the cause of this one."""


@dataclass(frozen=True, kw_only=True)
class TokenRequest:
    """A text to continue.

    Parameters
    ----------
    ids : tuple of int
        The prompt, at least one token.
    max_new_tokens : int
        Tokens to add at most; 0 reads the prompt only.
    sampling : SamplingConfig
        How tokens are drawn; its own ``seed`` is not used.
    seed : int
        Equal seeds give equal draws, alone or in company.
    end_id : int, optional
        The text ends when this id is drawn; it is not sent as a token.
    n_top : int
        Most probable ids, with their log-probabilities, to send beside each token.
    score_prompt : bool
        Whether to send the log-probabilities of the prompt first.

    Raises
    ------
    ConfigError
        If the prompt is empty or a number is out of its range.
    """

    ids: tuple[int, ...]
    max_new_tokens: int
    sampling: SamplingConfig
    seed: int = 0
    end_id: int | None = None
    n_top: int = 0
    score_prompt: bool = False

    def __post_init__(self) -> None:
        if not self.ids:
            raise ConfigError(
                "The prompt has no token; the first token needs something to follow. Give at least one id."
            )
        for name, value in (("max_new_tokens", self.max_new_tokens), ("n_top", self.n_top)):
            if value < 0:
                raise ConfigError(f'"{name}" is {value}; it must be at least 0. Give a number from 0 on.')
        if not -(1 << 63) <= self.seed < 1 << 64:
            raise ConfigError(f'"seed" is {self.seed}; it must fit into 64 bits. Choose a smaller number.')


@dataclass(frozen=True)
class PromptScores:
    """How probable the model found the prompt; sent before the first new token.

    Parameters
    ----------
    log_probs : tuple of float or None
        One for each id of the prompt, in nats; None for the first, which follows nothing.
    top : tuple of tuple or None
        The most probable ids at each place with their log-probabilities, best first; None for the first.
    """

    log_probs: tuple[float | None, ...]
    top: tuple[tuple[tuple[int, float], ...] | None, ...]


@dataclass(frozen=True)
class NewToken:
    """One token of the continuation.

    Parameters
    ----------
    id : int
    log_prob : float
        In nats, under the model's own distribution (float32, whatever the sampling).
    top : tuple of (int, float)
        The most probable ids with their log-probabilities, best first.
    """

    id: int
    log_prob: float
    top: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Finished:
    """The continuation has ended.

    Parameters
    ----------
    reason : {"stop", "length"}
        Whether the end id was drawn, or all tokens asked for are there.
    """

    reason: Literal["stop", "length"]


Event = PromptScores | NewToken | Finished


@dataclass(frozen=True, kw_only=True)
class EngineStats:
    """Counters of an engine since its start, and what it holds now.

    Parameters
    ----------
    running, waiting : int
        Requests that are being read or continued, and those that wait for a place.
    stopped, reached_length, cancelled, failed, refused : int
        Requests by outcome: ended by their end id, with all tokens asked for, given up by their reader, ended
        by an error, not taken because too many waited.
    prompt_tokens, new_tokens : int
        Tokens read as prompts, and tokens drawn.
    steps : int
        Steps of the running batch.
    work_s : float
        Seconds in which the engine was not idle.
    """

    running: int
    waiting: int
    stopped: int
    reached_length: int
    cancelled: int
    failed: int
    refused: int
    prompt_tokens: int
    new_tokens: int
    steps: int
    work_s: float

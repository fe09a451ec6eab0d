"""The engine: one thread that continues many texts at once, each as if it were alone.

The thread repeats two things: it reads prompts, up to so many tokens, and lets all texts that go on take a
step together. So a long prompt holds the others up for no longer than that many tokens take to be read.
``batch.py`` says how texts of different lengths share a batch, exactly.

A text's tokens are those that ``generate_ids`` gives with its prompt alone and its seed. What differs in
company is the rounding of sums, as between any two batch sizes: a token could differ where two are equally
probable to the last digits.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import torch
from torch import nn

from longwave.errors import ConfigError, ShapeError
from longwave.generation import Decoder
from longwave.serving.desk import Desk
from longwave.serving.jobs import Job, TokenStream
from longwave.serving.requests import EngineStats, TokenRequest
from longwave.serving.worker import Worker

__all__ = ["Engine", "EngineConfig"]


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """Sizes of an engine.

    Parameters
    ----------
    max_batch : int
        Texts that are continued together.
    max_waiting : int
        Requests beyond these that may wait; further ones are refused (``Overloaded``).
    max_length : int, optional
        Most tokens of a prompt and its continuation; default: what the model can read. Needed for a model
        without a bound.
    prefill_tokens : int
        Tokens of prompts that are read between two steps, at most. More serves new requests sooner and lets
        running ones wait longer.

    Raises
    ------
    ConfigError
        If a number is out of its range.
    """

    max_batch: int = 16
    max_waiting: int = 256
    max_length: int | None = None
    prefill_tokens: int = 256

    def __post_init__(self) -> None:
        least = {"max_batch": 1, "max_waiting": 0, "max_length": 1, "prefill_tokens": 1}
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise ConfigError(f'"{name}" is {value}; it must be at least {bound}. Give a larger number.')


class Engine:
    """Continue many texts at once with one model, on a thread of its own.

    Parameters
    ----------
    model : Decoder
        Switched to evaluation when the engine starts; nothing else may use or change it until it is closed.
    config : EngineConfig, optional

    Raises
    ------
    ConfigError
        If ``max_length`` is beyond what the model can read, or neither says how much that is.

    Notes
    -----
    Any decoder can be served. Texts share a batch where the model's state can be realigned
    (``State.can_realign``), which holds for every mixer of Longwave; otherwise they take turns.
    The memory of a text grows with its length, by doubling, and is freed when it ends.

    Examples
    --------
    >>> import asyncio
    >>> from longwave.generation import SamplingConfig
    >>> from longwave.models import LanguageModel, LanguageModelConfig
    >>> from longwave.serving import TokenRequest
    >>> model = LanguageModel(LanguageModelConfig(vocab_size=9, d_model=8, n_layers=2, max_length=32))
    >>> async def ask(engine):
    ...     request = TokenRequest(ids=(1, 2, 3), max_new_tokens=4, sampling=SamplingConfig(temperature=0.0))
    ...     return [type(event).__name__ async for event in engine.stream(request)]
    >>> with Engine(model) as engine:
    ...     asyncio.run(ask(engine))
    ['NewToken', 'NewToken', 'NewToken', 'NewToken', 'Finished']
    """

    def __init__(self, model: Decoder[Any], config: EngineConfig | None = None) -> None:
        self.config = config = config or EngineConfig()
        self._model = model
        self._max_length = _shortest(config.max_length, model.max_length)
        self._desk = Desk(config.max_batch, config.max_waiting)
        self._thread: threading.Thread | None = None

    @property
    def max_length(self) -> int:
        """Most tokens the model reads of a text: the prompt and all new tokens but the last."""
        return self._max_length

    def start(self) -> None:
        """Start the thread; do nothing if it runs.

        Raises
        ------
        EngineClosed
            If the engine was closed.
        """
        self._desk.open()
        if self._thread is None:
            if isinstance(self._model, nn.Module):
                self._model.eval()
            self._thread = threading.Thread(target=self._work, name="longwave-engine", daemon=True)
            self._thread.start()

    def close(self, grace_s: float = 30.0) -> None:
        """Take no more requests; let those there are end for so many seconds, then end them.

        Waits until that is done. Requests that do not end in time get ``EngineClosed``.
        """
        self._desk.close(grace_s)
        if self._thread is not None:
            self._thread.join()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(30.0 if kind is None else 0.0)

    def stream(self, request: TokenRequest) -> TokenStream:
        """Answer a request; call it in a running event loop.

        Parameters
        ----------
        request : TokenRequest

        Returns
        -------
        TokenStream
            An asynchronous iterator over ``PromptScores`` where they were asked for, a ``NewToken`` for every
            token, and ``Finished``. Closing or dropping it, or cancelling who waits for it, gives the request
            up: its row is free at the next step. It raises ``ModelFailed``, or the error of this request,
            where the model fails, and ``EngineClosed`` where the engine is closed before the end.

        Raises
        ------
        ShapeError
            If the prompt, or it and what is to follow, is too long, or an id is not in the vocabulary.
        Overloaded
            If too many requests wait.
        EngineClosed
            If the engine is not running.
        """
        self._check(request)
        return TokenStream(self._desk.add(lambda: Job(request)))

    def stats(self) -> EngineStats:
        """Return what the engine has done so far and holds now."""
        return self._desk.stats()

    def _work(self) -> None:
        """Work until the engine is closed."""
        config = self.config
        worker = Worker(
            self._model,
            self._desk,
            max_length=self._max_length,
            max_batch=config.max_batch,
            prefill_tokens=config.prefill_tokens,
        )
        try:
            with torch.inference_mode():
                while self._desk.await_work():
                    started = time.perf_counter()
                    worker.work()
                    self._desk.worked(time.perf_counter() - started)
        finally:
            self._desk.close(0.0)
            worker.abandon()

    def _check(self, request: TokenRequest) -> None:
        length, longest = len(request.ids), self._max_length
        needed = length + max(request.max_new_tokens - 1, 0)  # the last new token is not read again
        if needed > longest:
            advice = (
                f"Ask for at most {longest - length + 1} new tokens or shorten the prompt."
                if length <= longest
                else f"Shorten the prompt by {length - longest} tokens."
            )
            raise ShapeError(
                f"A prompt of {length} tokens and {request.max_new_tokens} new ones need {needed} positions, "
                f"but this engine has {longest}. {advice}"
            )
        n_ids = getattr(getattr(self._model, "config", None), "vocab_size", None)
        if not 0 <= min(request.ids) <= max(request.ids) < (n_ids or float("inf")):
            raise ShapeError(
                f"ids run from {min(request.ids)} to {max(request.ids)}, but the vocabulary has {n_ids} "
                f"entries, counted from 0. Encode the text with the model's own tokenizer."
            )


def _shortest(wanted: int | None, own: int | None) -> int:
    """Return the length that an engine serves."""
    if wanted is None and own is None:
        raise ConfigError(
            "The model has no max_length, and an engine needs a bound. Give EngineConfig(max_length=...)."
        )
    if wanted is not None and own is not None and wanted > own:
        raise ConfigError(
            f'"max_length" is {wanted}, but the model reads at most {own} tokens. Ask for {own} or less.'
        )
    return wanted or own or 0

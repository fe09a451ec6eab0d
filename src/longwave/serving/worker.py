"""The work of the engine's thread: reading prompts, and steps of all texts that go on."""

from __future__ import annotations

import functools
import inspect
import logging
from typing import Any, Literal

import torch
from torch import nn

from longwave.errors import LongwaveError
from longwave.generation import Decoder, StepGraphs
from longwave.serving.batch import Batch, Row, Step, room_for
from longwave.serving.desk import Desk
from longwave.serving.drawing import Drawer, draw
from longwave.serving.jobs import Job, Outbox
from longwave.serving.reading import Reading
from longwave.serving.requests import EngineClosed, Finished, ModelFailed, NewToken, TokenRequest

__all__ = ["Worker"]

# What a model raises when it fails; anything else is no failure of a model, and ends the engine.
MODEL_ERRORS = (
    LongwaveError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)

_log = logging.getLogger(__name__)


class Worker:
    """One round of work after the other, all on one thread and in inference mode.

    Parameters
    ----------
    model : Decoder
    desk : Desk
    max_length : int
        Most tokens of a text.
    max_batch : int
        Texts that go on together.
    prefill_tokens : int
        Tokens of prompts that are read between two steps.
    """

    def __init__(
        self, model: Decoder[Any], desk: Desk, *, max_length: int, max_batch: int, prefill_tokens: int
    ) -> None:
        self._model, self._desk = model, desk
        self._max_length, self._max_batch, self._prefill_tokens = max_length, max_batch, prefill_tokens
        first = next(model.parameters(), None) if isinstance(model, nn.Module) else None
        self._device = torch.device("cpu") if first is None else first.device
        self._blank: Any = None  # an empty state that all texts start from
        self._reading: Reading | None = None
        self._batches: list[Batch] = []
        self._outbox = Outbox()

    def work(self) -> None:
        """Forget who was given up, read prompts for as long as running texts can wait, take a step."""
        self._leave_cancelled()
        self._read()
        self._step()

    def abandon(self) -> None:
        """Tell everybody who still waits that the engine is closed, and forget all states."""
        jobs = [row.job for batch in self._batches for row in batch.rows]
        jobs += [] if self._reading is None else [self._reading.job]
        self._batches, self._reading, self._blank = [], None, None
        for _ in jobs:
            self._desk.end("failed")
        for job in [*jobs, *self._desk.clear()]:
            message = "The engine was closed before this answer was complete. Ask another one."
            self._outbox.put(job, EngineClosed(message))
        self._outbox.send()

    def _read(self) -> None:
        """Read prompts, up to as many tokens as running texts can wait for."""
        n_read = 0
        while (left := self._budget() - n_read) > 0 and (reading := self._next_prompt()) is not None:
            try:
                done = reading.advance(self._model, left)
                self._desk.count("prompt_tokens", done)
                n_read += done
                if reading.left == 0:
                    self._reading = None
                    self._begin(reading)
            except MODEL_ERRORS as error:
                self._reading = None
                self._fail(reading.job, error)
            self._outbox.send()

    def _budget(self) -> int:
        """Return the tokens to read before the next step; more where nobody waits for it."""
        own = getattr(self._model, "prefill_length", None)
        is_alone = not self._batches and not (self._reading and self._reading.job.request.score_prompt)
        most = own(1) if own is not None and is_alone else 0
        return max(self._prefill_tokens, most)

    def _next_prompt(self) -> Reading | None:
        """Return the prompt that is being read, or the next one if its text has a place."""
        n_running = sum(len(batch.rows) for batch in self._batches)
        while (
            self._reading is None and n_running < self._max_batch and (job := self._desk.take()) is not None
        ):
            try:
                self._reading = Reading(job, self._fresh_state(job.request), self._device)
            except MODEL_ERRORS as error:
                self._fail(job, error)
        return self._reading

    def _fresh_state(self, request: TokenRequest) -> Any:
        """Return the state of a text of which nothing was read; filters are computed for the first only."""
        length = len(request.ids)
        if self._blank is None:
            blank = self._model.init_state(1, self._max_length)
            if not getattr(blank, "can_realign", False):
                return self._model.init_state(1, length + max(request.max_new_tokens - 1, 0))
            blank.realign(0, 1)
            self._blank = blank
        state = self._blank.copy()
        state.realign(0, room_for(length, self._max_length))
        return state

    def _begin(self, reading: Reading) -> None:
        """Draw the first token after a prompt, and let the text join the others."""
        job, request = reading.job, reading.job.request
        if request.score_prompt:
            self._outbox.put(job, reading.scores())
        if request.max_new_tokens == 0:
            self._finish(job, "length")
        elif reading.logits is not None:
            drawer = Drawer.of(request, self._device)
            row = Row(job, drawer, length=reading.done, left=request.max_new_tokens, newest=0)
            if self._take(row, draw(reading.logits, [drawer])[0]):
                self._join(row, reading.state)

    def _join(self, row: Row, state: Any) -> None:
        open_batches = [batch for batch in self._batches if batch.can_grow]
        if not open_batches:
            self._batches.append(Batch(self._stepper(), row, state, self._max_length, self._device))
            return
        try:
            open_batches[0].add(row, state, self._max_batch)
        except MODEL_ERRORS as error:  # rows may have been moved in one layer and not in another
            self._fail_batch(open_batches[0], error)
            raise

    def _step(self) -> None:
        """Let every text that goes on take a step."""
        for batch in list(self._batches):
            rows = batch.rows
            try:
                drawn = draw(batch.step(), [row.drawer for row in rows])
            except MODEL_ERRORS as error:
                self._fail_batch(batch, error)
                continue
            self._desk.count("steps")
            for row, token in zip(rows, drawn, strict=True):
                if not self._take(row, token):
                    batch.drop(row)
            self._drop_empty()
        self._outbox.send()

    def _take(self, row: Row, token: NewToken | LongwaveError) -> bool:
        """Send a text's next token; return whether the text goes on."""
        if isinstance(token, LongwaveError):
            self._fail(row.job, token)
            return False
        self._desk.count("new_tokens")
        if token.id == row.job.request.end_id:
            self._finish(row.job, "stop")
            return False
        self._outbox.put(row.job, token)
        row.newest, row.left = token.id, row.left - 1
        if row.left == 0:
            self._finish(row.job, "length")
        return row.left > 0

    def _stepper(self) -> Step:
        """Return the model's ``step``, captured and repeated where it can be."""
        step: Any = self._model.step
        if self._device.type == "cuda" and "graphs" in inspect.signature(step).parameters:
            return functools.partial(step, graphs=StepGraphs())
        return step  # type: ignore[no-any-return]

    def _leave_cancelled(self) -> None:
        """Free what belongs to requests that nobody waits for any more."""
        if self._reading is not None and self._reading.job.is_cancelled:
            self._reading = None
            self._desk.end("cancelled")
        for batch in self._batches:
            for row in [row for row in batch.rows if row.job.is_cancelled]:
                batch.drop(row)
                self._desk.end("cancelled")
        self._drop_empty()

    def _drop_empty(self) -> None:
        self._batches = [batch for batch in self._batches if batch.rows]

    def _finish(self, job: Job, reason: Literal["stop", "length"]) -> None:
        self._desk.end("stopped" if reason == "stop" else "reached_length")
        self._outbox.put(job, Finished(reason))

    def _fail(self, job: Job, error: BaseException) -> None:
        """End a request with its own error, or with one that says that the model failed."""
        if not isinstance(error, LongwaveError):
            _log.error("The model failed while it worked on a text", exc_info=error)
            error = _failure(error)
        self._desk.end("failed")
        self._outbox.put(job, error)

    def _fail_batch(self, batch: Batch, error: BaseException) -> None:
        """End all texts of a batch in which the model failed."""
        rows = batch.rows
        _log.error("The model failed while it continued %d texts", len(rows), exc_info=error)
        self._batches.remove(batch)
        for row in rows:
            self._fail(row.job, _failure(error))


def _failure(error: BaseException) -> ModelFailed:
    """Return an error for one reader; that of the model may go to many."""
    failure = ModelFailed(
        f"The model failed while it worked on this text ({type(error).__name__}). Send the request again; "
        f"the server's log says more."
    )
    failure.__cause__ = error
    return failure

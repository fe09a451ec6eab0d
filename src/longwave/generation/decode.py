"""Generate token ids through the exact cached decoding of a model: one prefill, then one step a token."""

# Shapes: B batch, P prompt length, V vocabulary

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, cast

import torch
from torch import Tensor, nn

from longwave.errors import ConfigError, ShapeError
from longwave.generation.config import DecodingConfig
from longwave.generation.graphs import StepGraphs
from longwave.generation.sampling import SamplingConfig, make_generator, sample_ids

__all__ = ["Decoder", "Progress", "generate_ids", "pad_left", "stream_ids", "stream_scored_ids"]

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)


class Decoder(Protocol[S]):
    """What generation needs of a model; ``S`` is the type of its decoding state.

    A language model of Longwave is one. Any object with these four names can generate. Where prompts are
    padded, states need ``pad(padding)`` too; where a decode mode is asked for, ``init_state`` takes ``mode``.
    A ``step`` with a keyword ``graphs`` is given a ``StepGraphs`` on a GPU.
    """

    @property
    def max_length(self) -> int | None:
        """Most tokens the model can read, None when there is no bound."""
        ...

    def init_state(self, batch: int, max_length: int | None = None) -> S:
        """Return the state before the first token, with room for ``max_length`` tokens."""
        ...

    def prefill(self, ids: Tensor, state: S, *, last_only: bool = False) -> tuple[Tensor, S]:
        """Read ids (B, P); return logits (B, P, V), or (B, 1, V) of the last position with ``last_only``."""
        ...

    def step(self, ids: Tensor, state: S) -> tuple[Tensor, S]:
        """Read one token per row, ids (B,); return logits (B, V)."""
        ...


class Progress(Protocol):
    """Told how much of a prompt was read."""

    def __call__(self, done: int, total: int, /) -> None:
        """Take note of ``done`` of ``total`` tokens."""
        ...


class _WithModes(Protocol[S_co]):
    def init_state(self, batch: int, max_length: int | None = None, *, mode: str) -> S_co: ...


class _WithGraphs(Protocol[S]):
    def step(self, ids: Tensor, state: S, *, graphs: StepGraphs) -> tuple[Tensor, S]: ...


class _Paddable(Protocol):
    def pad(self, padding: Tensor) -> None: ...


def generate_ids(
    model: Decoder[S],
    ids: Tensor,
    *,
    max_new_tokens: int,
    sampling: SamplingConfig | None = None,
    stop_ids: Sequence[int] = (),
    padding: Tensor | None = None,
    decoding: DecodingConfig | None = None,
    progress: Progress | None = None,
) -> Tensor:
    """Continue token ids.

    Parameters
    ----------
    model : Decoder
    ids : Tensor, shape (B, P), int64
        Prompts, at least one token each, on the model's device; shorter ones are filled up on the left
        (``pad_left``).
    max_new_tokens : int
        Tokens to add at most; generation ends earlier when every row has met a stop id.
    sampling : SamplingConfig, optional
        Default: ``SamplingConfig()``, the model's own probabilities.
    stop_ids : sequence of int
        A row ends with the first of these; the rest of the row repeats that id.
    padding : Tensor, shape (B,), int64, optional
        Leading tokens of each prompt that only fill it up: the text is that of the prompt without them. What
        stands there does not matter. Needs a model whose state has ``pad``.
    decoding : DecodingConfig, optional
        How to decode; changes time and memory only.
    progress : callable, optional
        Called as ``progress(done, total)`` after each chunk of the prompt.

    Returns
    -------
    Tensor, shape (B, P + new)
        The prompts and what follows them, stop ids included.

    Raises
    ------
    ShapeError
        If the prompt is empty or all padding, has the wrong shape, or is too long together with
        ``max_new_tokens``.
    ConfigError
        If ``max_new_tokens`` is negative, or the model does not take padding or the decode mode.

    Notes
    -----
    The greedy ids are those of the full forward pass; with ``temperature > 0`` draws depend on the seed, the
    device and the batch size. A model in training mode is switched to evaluation for every call and back.
    """
    steps = stream_ids(
        model,
        ids,
        max_new_tokens=max_new_tokens,
        sampling=sampling,
        stop_ids=stop_ids,
        padding=padding,
        decoding=decoding,
        progress=progress,
    )
    return torch.cat([ids, *(new.unsqueeze(1) for new in steps)], dim=1)


def stream_ids(
    model: Decoder[S],
    ids: Tensor,
    *,
    max_new_tokens: int,
    sampling: SamplingConfig | None = None,
    stop_ids: Sequence[int] = (),
    padding: Tensor | None = None,
    decoding: DecodingConfig | None = None,
    progress: Progress | None = None,
) -> Iterator[Tensor]:
    """Continue token ids and yield each step's tokens as soon as they are drawn.

    Takes and raises the same as ``generate_ids``; arguments are checked before the first token is asked for.

    Yields
    ------
    Tensor, shape (B,), int64
        One token per row.
    """
    _check_request(model, ids, max_new_tokens, padding)
    start = _Start(model, ids, padding, decoding or DecodingConfig(), progress)
    steps = _steps(start, max_new_tokens, sampling or SamplingConfig(), tuple(stop_ids))
    return (new for new, _ in steps)


def stream_scored_ids(
    model: Decoder[S],
    ids: Tensor,
    *,
    max_new_tokens: int,
    sampling: SamplingConfig | None = None,
    stop_ids: Sequence[int] = (),
    padding: Tensor | None = None,
    decoding: DecodingConfig | None = None,
    progress: Progress | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Continue token ids and yield each step's tokens with their log-probabilities.

    Takes and raises the same as ``generate_ids``; arguments are checked before the first token is asked for.

    Yields
    ------
    Tensor, shape (B,), int64
        One token per row.
    Tensor, shape (B,), float32
        Its log-probability in nats under the model's own distribution, whatever the sampling; without meaning
        in a row that has ended.
    """
    _check_request(model, ids, max_new_tokens, padding)
    start = _Start(model, ids, padding, decoding or DecodingConfig(), progress)
    steps = _steps(start, max_new_tokens, sampling or SamplingConfig(), tuple(stop_ids))
    return (
        (new, logits.float().log_softmax(dim=1).gather(1, new[:, None]).squeeze(1)) for new, logits in steps
    )


def pad_left(prompts: Sequence[Sequence[int]], *, pad_id: int = 0) -> tuple[Tensor, Tensor]:
    """Put prompts of different lengths into one batch.

    Parameters
    ----------
    prompts : sequence of sequences of int
    pad_id : int
        What fills shorter prompts up on the left; any id of the vocabulary.

    Returns
    -------
    ids : Tensor, shape (B, longest), int64
    padding : Tensor, shape (B,), int64
        How many ids of each row are filling, as ``generate_ids`` takes it.

    Examples
    --------
    >>> pad_left([[5, 6, 7], [8]])
    (tensor([[5, 6, 7],
            [0, 0, 8]]), tensor([0, 2]))
    """
    longest = max(map(len, prompts), default=0)
    padding = [longest - len(prompt) for prompt in prompts]
    rows = [[pad_id] * pad + list(prompt) for pad, prompt in zip(padding, prompts, strict=True)]
    ids = torch.tensor(rows, dtype=torch.int64).view(len(prompts), longest)
    return ids, torch.tensor(padding, dtype=torch.int64)


@dataclass(frozen=True)
class _Start(Generic[S]):
    """A checked request: what is read before the first token is drawn."""

    model: Decoder[S]
    ids: Tensor
    padding: Tensor | None
    decoding: DecodingConfig
    progress: Progress | None

    def read(self, room: int) -> tuple[Tensor, S]:
        """Read the prompt in chunks; return the logits (B, V) after it and the state."""
        length = self.ids.shape[1]
        state = self._state(room)
        chunk = self._chunk()
        for start in range(0, length, chunk):
            piece = self.ids[:, start : start + chunk]
            logits, state = self.model.prefill(piece, state, last_only=True)
            if self.progress is not None:
                self.progress(start + piece.shape[1], length)
        return logits[:, -1], state

    def _state(self, room: int) -> S:
        """Return the empty state; a plain decoder is asked for nothing that was not asked of it."""
        batch, mode = self.ids.shape[0], self.decoding.mode
        if mode == "auto":
            state = self.model.init_state(batch, room)
        elif "mode" not in inspect.signature(self.model.init_state).parameters:
            raise ConfigError(
                f'{type(self.model).__name__} decodes in one way, but "mode" is "{mode}". Use mode="auto".'
            )
        else:
            state = cast(_WithModes[S], self.model).init_state(batch, room, mode=mode)
        if self.padding is not None:
            if not hasattr(state, "pad"):
                raise ConfigError(
                    f"The state of {type(self.model).__name__} cannot leave padding out (it has no method "
                    '"pad"). Give prompts of equal length.'
                )
            cast(_Paddable, state).pad(self.padding.to(self.ids.device))
        return state

    def stepper(self) -> Callable[[Tensor, S], tuple[Tensor, S]]:
        """Return the model's ``step``, with graphs where they are wanted and known."""
        step = self.model.step
        if self.decoding.graphs and self.ids.is_cuda and "graphs" in inspect.signature(step).parameters:
            return functools.partial(cast(_WithGraphs[S], self.model).step, graphs=StepGraphs())
        return step

    def _chunk(self) -> int:
        own = getattr(self.model, "prefill_length", None)
        return self.decoding.prefill_chunk or (own(self.ids.shape[0]) if own else self.ids.shape[1])


def _steps(
    start: _Start[S], max_new_tokens: int, sampling: SamplingConfig, stop_ids: tuple[int, ...]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield each step's tokens (B,) and the logits (B, V) they were drawn from."""
    model, ids = start.model, start.ids
    if max_new_tokens == 0 or ids.shape[0] == 0:
        return
    batch, length = ids.shape
    generator = None if sampling.is_greedy else make_generator(sampling.seed, ids.device)
    stops = torch.tensor(stop_ids, dtype=ids.dtype, device=ids.device)
    ended = torch.zeros(batch, dtype=torch.bool, device=ids.device)
    step = start.stepper()
    with _inference(model):
        # The last token drawn is never read, hence one step less than tokens in the result.
        logits, state = start.read(length + max_new_tokens - 1)
        new = sample_ids(logits, sampling, generator)
    for remaining in range(max_new_tokens - 1, -1, -1):
        yield new, logits
        if remaining == 0:
            return
        if stop_ids:
            ended |= torch.isin(new, stops)
            if ended.all():
                return
        with _inference(model):
            logits, state = step(new, state)
            drawn = sample_ids(logits, sampling, generator)
        new = torch.where(ended, new, drawn)


@contextmanager
def _inference(model: object) -> Iterator[None]:
    """Run without autograd and dropout, then give every module its own mode back.

    A stream enters it anew for every token, so that its reader may train the model between two of them.
    """
    modules = list(model.modules()) if isinstance(model, nn.Module) and model.training else []
    modes = [module.training for module in modules]
    for module in modules:
        module.training = False
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.training = mode


def _check_request(model: Decoder[S], ids: Tensor, max_new_tokens: int, padding: Tensor | None) -> None:
    if max_new_tokens < 0:
        raise ConfigError(
            f'"max_new_tokens" is {max_new_tokens}; it must be at least 0. Give a number of tokens.'
        )
    if ids.ndim != 2 or ids.dtype not in (torch.int64, torch.int32):
        raise ShapeError(
            f"Prompt ids have shape {tuple(ids.shape)} and type {ids.dtype}; generation takes integers of "
            "shape (batch, length). Use ids.unsqueeze(0) for a single prompt."
        )
    length = ids.shape[1]
    if length == 0:
        raise ShapeError(
            f"The prompt is empty (ids: {tuple(ids.shape)}); generation needs at least one token. "
            "Start from the tokenizer's end_id to generate from nothing."
        )
    _check_room(length, max_new_tokens, model.max_length)
    if padding is not None:
        _check_padding(padding, ids)


def _check_padding(padding: Tensor, ids: Tensor) -> None:
    batch, length = ids.shape
    if padding.shape != (batch,) or padding.dtype != torch.int64:
        raise ShapeError(
            f"padding has shape {tuple(padding.shape)} and type {padding.dtype}; prompts of shape "
            f"{tuple(ids.shape)} take one int64 each. Use the padding that pad_left returns."
        )
    low, high = (int(bound) for bound in padding.aminmax()) if batch else (0, 0)
    if low < 0 or high >= length:
        raise ShapeError(
            f"padding runs from {low} to {high}; a prompt of {length} tokens has from 0 to {length - 1} and "
            "then one token of its own. Start an empty prompt from the tokenizer's end_id."
        )


def _check_room(length: int, max_new_tokens: int, max_length: int | None) -> None:
    if max_length is None:
        return
    if length > max_length:
        raise ShapeError(
            f"The prompt has {length} tokens, but the model reads at most {max_length}. "
            f"Shorten the prompt by {length - max_length} tokens or train with a larger max_length."
        )
    room = max_length - length + 1  # the last new token is not read again
    if max_new_tokens > room:
        raise ShapeError(
            f"A prompt of {length} tokens and {max_new_tokens} new ones need {length + max_new_tokens - 1} "
            f"positions, but the model has {max_length}. Ask for at most {room} new tokens or shorten "
            "the prompt."
        )

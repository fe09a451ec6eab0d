"""Generate token ids through the exact cached decoding of a model: one prefill, then one step a token."""

# Shapes: B batch, P prompt length, V vocabulary

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from longwave.errors import ConfigError, ShapeError
from longwave.generation.sampling import SamplingConfig, make_generator, sample_ids

__all__ = ["Decoder", "generate_ids", "stream_ids", "stream_scored_ids"]

S = TypeVar("S")


class Decoder(Protocol[S]):
    """What generation needs of a model; ``S`` is the type of its decoding state.

    A language model of Longwave is one. Any object with these four names can generate.
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


def generate_ids(
    model: Decoder[S],
    ids: Tensor,
    *,
    max_new_tokens: int,
    sampling: SamplingConfig | None = None,
    stop_ids: Sequence[int] = (),
) -> Tensor:
    """Continue token ids.

    Parameters
    ----------
    model : Decoder
    ids : Tensor, shape (B, P), int64
        Prompts of equal length, at least one token each, on the model's device.
    max_new_tokens : int
        Tokens to add at most; generation ends earlier when every row has met a stop id.
    sampling : SamplingConfig, optional
        Default: ``SamplingConfig()``, the model's own probabilities.
    stop_ids : sequence of int
        A row ends with the first of these; the rest of the row repeats that id.

    Returns
    -------
    Tensor, shape (B, P + new)
        The prompts and what follows them, stop ids included.

    Raises
    ------
    ShapeError
        If the prompt is empty, has the wrong shape, or is too long together with ``max_new_tokens``.
    ConfigError
        If ``max_new_tokens`` is negative.

    Notes
    -----
    The greedy ids are those of the full forward pass; with ``temperature > 0`` draws depend on the seed, the
    device and the batch size. A model in training mode is switched to evaluation for every call and back.
    """
    steps = stream_ids(model, ids, max_new_tokens=max_new_tokens, sampling=sampling, stop_ids=stop_ids)
    return torch.cat([ids, *(new.unsqueeze(1) for new in steps)], dim=1)


def stream_ids(
    model: Decoder[S],
    ids: Tensor,
    *,
    max_new_tokens: int,
    sampling: SamplingConfig | None = None,
    stop_ids: Sequence[int] = (),
) -> Iterator[Tensor]:
    """Continue token ids and yield each step's tokens as soon as they are drawn.

    Takes and raises the same as ``generate_ids``; arguments are checked before the first token is asked for.

    Yields
    ------
    Tensor, shape (B,), int64
        One token per row.
    """
    _check_request(model, ids, max_new_tokens)
    steps = _steps(model, ids, max_new_tokens, sampling or SamplingConfig(), tuple(stop_ids))
    return (new for new, _ in steps)


def stream_scored_ids(
    model: Decoder[S],
    ids: Tensor,
    *,
    max_new_tokens: int,
    sampling: SamplingConfig | None = None,
    stop_ids: Sequence[int] = (),
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
    _check_request(model, ids, max_new_tokens)
    steps = _steps(model, ids, max_new_tokens, sampling or SamplingConfig(), tuple(stop_ids))
    return (
        (new, logits.float().log_softmax(dim=1).gather(1, new[:, None]).squeeze(1)) for new, logits in steps
    )


def _steps(
    model: Decoder[S], ids: Tensor, max_new_tokens: int, sampling: SamplingConfig, stop_ids: tuple[int, ...]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield each step's tokens (B,) and the logits (B, V) they were drawn from."""
    if max_new_tokens == 0 or ids.shape[0] == 0:
        return
    batch, length = ids.shape
    generator = None if sampling.is_greedy else make_generator(sampling.seed, ids.device)
    stops = torch.tensor(stop_ids, dtype=ids.dtype, device=ids.device)
    ended = torch.zeros(batch, dtype=torch.bool, device=ids.device)
    with _inference(model):
        # The last token drawn is never read, hence one step less than tokens in the result.
        state = model.init_state(batch, length + max_new_tokens - 1)
        logits, state = model.prefill(ids, state, last_only=True)
        logits = logits[:, -1]
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
            logits, state = model.step(new, state)
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


def _check_request(model: Decoder[S], ids: Tensor, max_new_tokens: int) -> None:
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

"""Generate text: whole characters as they appear, cut at stop strings that may cross token borders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import torch
from torch import nn

from longwave.errors import ConfigError
from longwave.generation.config import DecodingConfig
from longwave.generation.decode import Decoder, Progress, stream_ids
from longwave.generation.sampling import SamplingConfig
from longwave.generation.text_pieces import StopCutter, TextCodec, TextPieces

__all__ = ["generate_text", "stream_text"]

S = TypeVar("S")


def generate_text(
    model: Decoder[S],
    tokenizer: TextCodec,
    prompt: str,
    *,
    max_new_tokens: int,
    sampling: SamplingConfig | None = None,
    stop: Sequence[str] = (),
    decoding: DecodingConfig | None = None,
    progress: Progress | None = None,
) -> str:
    """Continue a text.

    Parameters
    ----------
    model : Decoder
    tokenizer : TextCodec
        The tokenizer the model was trained with.
    prompt : str
        Text to continue; an empty one starts a new document from ``tokenizer.end_id``.
    max_new_tokens : int
        Tokens to generate at most; generation also ends at ``tokenizer.end_id``.
    sampling : SamplingConfig, optional
        Default: ``SamplingConfig()``, the model's own probabilities.
    stop : sequence of str
        Generation ends where one of these appears; neither it nor what follows is returned.
    decoding : DecodingConfig, optional
        How to decode; changes time and memory only.
    progress : callable, optional
        Called as ``progress(done, total)`` after each chunk of the prompt.

    Returns
    -------
    str
        The continuation, without the prompt.

    Raises
    ------
    ShapeError
        If the prompt is too long for the model; the message tells both lengths.
    ConfigError
        If a stop string is empty or ``max_new_tokens`` is negative.
    """
    pieces = stream_text(
        model,
        tokenizer,
        prompt,
        max_new_tokens=max_new_tokens,
        sampling=sampling,
        stop=stop,
        decoding=decoding,
        progress=progress,
    )
    return "".join(pieces)


def stream_text(
    model: Decoder[S],
    tokenizer: TextCodec,
    prompt: str,
    *,
    max_new_tokens: int,
    sampling: SamplingConfig | None = None,
    stop: Sequence[str] = (),
    decoding: DecodingConfig | None = None,
    progress: Progress | None = None,
) -> Iterator[str]:
    """Continue a text and yield it piece by piece.

    Takes and raises the same as ``generate_text``; arguments are checked before the first piece is asked for.

    Yields
    ------
    str
        Non-empty pieces of whole characters; their concatenation is what ``generate_text`` returns. Text
        that may turn out to be part of a stop string is held back until that is decided.
    """
    _check_stop(stop)
    ids = torch.tensor([tokenizer.encode(prompt) or [tokenizer.end_id]], device=_device_of(model))
    tokens = stream_ids(
        model,
        ids,
        max_new_tokens=max_new_tokens,
        sampling=sampling,
        stop_ids=(tokenizer.end_id,),
        decoding=decoding,
        progress=progress,
    )
    return _cut_at_stop(_decode_stream(tokenizer, (int(token) for token in tokens)), tuple(stop))


def _decode_stream(tokenizer: TextCodec, tokens: Iterator[int]) -> Iterator[str]:
    """Decode ids up to the end id; the bytes of an unfinished character wait for the rest of it."""
    text = TextPieces(tokenizer)
    for token in tokens:
        if token == tokenizer.end_id:
            break
        if piece := text.push(token):
            yield piece
    if rest := text.flush():
        yield rest


def _cut_at_stop(pieces: Iterable[str], stop: tuple[str, ...]) -> Iterator[str]:
    """Pass text on up to the first stop string, holding back what could be the beginning of one."""
    cutter = StopCutter(stop)
    for piece in pieces:
        if ready := cutter.push(piece):
            yield ready
        if cutter.is_done:
            return
    if rest := cutter.flush():
        yield rest


def _check_stop(stop: Sequence[str]) -> None:
    if isinstance(stop, str):
        raise ConfigError(
            f'"stop" is the string "{stop}"; it must be a sequence of strings. Write ["{stop}"].'
        )
    if "" in stop:
        raise ConfigError('"stop" holds an empty string, which every text contains. Leave it out.')


def _device_of(model: object) -> torch.device:
    first = next(model.parameters(), None) if isinstance(model, nn.Module) else None
    return first.device if first is not None else torch.device("cpu")

"""Fit a prompt into a model's window: drop examples from the end, then cut the instance's own text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from longwave.prompting.base import Reader

__all__ = ["Fitted", "fit_prompt"]


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A prompt that fits, and what it took to make it fit."""

    prompt: str
    n_examples: int
    is_truncated: bool


def fit_prompt(
    build: Callable[[int, str], str], text: str, *, n_examples: int, reserve: int, reader: Reader
) -> Fitted:
    """Write the longest prompt that leaves room for the completion.

    Parameters
    ----------
    build : callable
        ``build(n, text)`` writes the prompt with the first ``n`` examples and ``text`` as the instance's
        input.
    text : str
        Input of the instance.
    n_examples : int
        Examples at most.
    reserve : int
        Tokens to leave free for the completion.
    reader : Reader
        The model's window and token counts.

    Notes
    -----
    While the prompt is too long the last example is dropped; without examples the input is cut from the
    right, so that the cue after it (``Answer:``) stays. The published code cuts the finished prompt instead
    and loses the cue. Where even the prompt around an empty input is too long, the finished prompt is cut
    from the right.
    """
    if reader.max_length is None:
        return Fitted(prompt=build(n_examples, text), n_examples=n_examples, is_truncated=False)
    room = max(reader.max_length - reserve, 0)
    for n in range(n_examples, -1, -1):
        prompt = build(n, text)
        if reader.count_tokens(prompt) <= room:
            return Fitted(prompt=prompt, n_examples=n, is_truncated=False)
    return Fitted(prompt=_cut(build, text, room, reader), n_examples=0, is_truncated=True)


def _cut(build: Callable[[int, str], str], text: str, room: int, reader: Reader) -> str:
    keep = room - reader.count_tokens(build(0, ""))
    while keep > 0:
        prompt = build(0, _first(text, keep, reader))
        excess = reader.count_tokens(prompt) - room
        if excess <= 0:
            return prompt
        keep -= excess  # tokens may merge differently where the cut text meets the cue
    bare = build(0, "")
    return bare if reader.count_tokens(bare) <= room else _first(bare, room, reader)


def _first(text: str, max_tokens: int, reader: Reader) -> str:
    if max_tokens < 1:
        return ""
    pieces = reader.split_text(text, max_tokens)
    return pieces[0] if pieces and reader.count_tokens(pieces[0]) <= max_tokens else ""

"""Text as it grows token by token: whole characters, cut before stop strings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["StopCutter", "TextCodec", "TextPieces"]

INCOMPLETE = "\N{REPLACEMENT CHARACTER}"  # what decoding makes of the first bytes of an unfinished character
WINDOW = 32  # tokens decoded together; bounds the cost of a token in a long text


class TextCodec(Protocol):
    """What text generation needs of a tokenizer; unfinished UTF-8 must decode to U+FFFD, as Python does."""

    @property
    def end_id(self) -> int:
        """Id that ends a document."""
        ...

    def encode(self, text: str) -> list[int]:
        """Turn text into ids."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Turn ids into text."""
        ...


class TextPieces:
    """Decode ids one by one; the bytes of an unfinished character wait for the rest of it.

    Ids are decoded together with those before them: the text of a token may depend on its left neighbour.

    Parameters
    ----------
    tokenizer : TextCodec
    """

    def __init__(self, tokenizer: TextCodec) -> None:
        self.is_whole = True  # no character is unfinished
        self._tokenizer = tokenizer
        self._window: list[int] = []
        self._shown = 0  # characters of the window's text that were returned

    def push(self, token: int) -> str:
        """Take the next id and return the text that it finishes."""
        self._window.append(token)
        text = self._tokenizer.decode(self._window)
        self.is_whole = not text.endswith(INCOMPLETE)
        end = len(text) if self.is_whole else len(text) - 1
        piece = text[self._shown : end]
        self._shown = max(end, self._shown)
        if self.is_whole and len(self._window) >= WINDOW:
            self._window = self._window[-1:]
            self._shown = len(self._tokenizer.decode(self._window))
        return piece

    def flush(self) -> str:
        """Return what an unfinished character looks like when nothing follows."""
        rest = "" if self.is_whole else self._tokenizer.decode(self._window)[self._shown :]
        self._shown += len(rest)
        self.is_whole = True
        return rest


class StopCutter:
    """Pass text on up to the first stop string, holding back what could be the beginning of one.

    Parameters
    ----------
    stop : tuple of str
        None of them empty.
    """

    def __init__(self, stop: tuple[str, ...]) -> None:
        self.is_done = False
        self._stop = stop
        self._longest = max(map(len, stop), default=1) - 1
        self._held = ""

    def push(self, piece: str) -> str:
        """Take the next piece and return what is certain to stand before any stop string."""
        self._held += piece
        found = [place for text in self._stop if (place := self._held.find(text)) >= 0]
        if found:
            self.is_done = True
            return self._release(min(found))
        return self._release(len(self._held) - self._border())

    def flush(self) -> str:
        """Return what was held back; nothing follows it."""
        return "" if self.is_done else self._release(len(self._held))

    def _release(self, length: int) -> str:
        ready, self._held = self._held[:length], self._held[length:]
        return ready

    def _border(self) -> int:
        """Return the length of the longest end of the held text that begins a stop string."""
        most = min(self._longest, len(self._held))
        return next(
            (n for n in range(most, 0, -1) if any(text.startswith(self._held[-n:]) for text in self._stop)), 0
        )

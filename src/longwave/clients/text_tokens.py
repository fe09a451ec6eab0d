"""Count and cut texts in tokens: with a Hugging Face tokenizer, or by bytes where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from longwave.errors import MissingExtra, MissingFile

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["ByteTokens", "HuggingFaceTokens", "TextTokens", "load_tokenizer"]

BYTES_PER_TOKEN = 4


class TextTokens(Protocol):
    """Counts and cuts texts."""

    def count(self, text: str) -> int:
        """Count the tokens of a text."""
        ...

    def bound(self, text: str) -> int:
        """Return a number of tokens that the text surely does not exceed."""
        ...

    def split(self, text: str, max_tokens: int) -> list[str]:
        """Cut a text between characters into pieces of at most ``max_tokens`` tokens."""
        ...


class ByteTokens:
    """Four bytes of UTF-8 count as a token, about what English takes."""

    def count(self, text: str) -> int:
        """Estimate the tokens of a text, rounded up."""
        return -(-_n_bytes(text) // BYTES_PER_TOKEN)

    def bound(self, text: str) -> int:
        """Return the bytes: no token has less than one."""
        return _n_bytes(text)

    def split(self, text: str, max_tokens: int) -> list[str]:
        """Cut a text; no character has more than one token."""
        limit = max(max_tokens, 1) * BYTES_PER_TOKEN
        pieces, start, size = [], 0, 0
        for index, letter in enumerate(text):
            n_bytes = _n_bytes(letter)
            if size + n_bytes > limit:
                pieces.append(text[start:index])
                start, size = index, 0
            size += n_bytes
        return [*pieces, text[start:]] if text else []


class HuggingFaceTokens:
    """A Hugging Face tokenizer, without the special tokens it may put around a text.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizerBase
        A fast one, which tells where in the text its tokens lie.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer

    def count(self, text: str) -> int:
        """Count the tokens of a text."""
        return len(self.encode(text)[0])

    def bound(self, text: str) -> int:
        """Return the count itself."""
        return self.count(text)

    def split(self, text: str, max_tokens: int) -> list[str]:
        """Cut a text; a character of more tokens than ``max_tokens`` stays whole."""
        pieces, start = [], 0
        while start < len(text):
            _, ends = self.encode(text[start:])
            size = ends[max_tokens - 1] if 0 < max_tokens <= len(ends) else len(text) - start
            size = max(size, 1)
            # a token cut in two, or at another beginning, may fall into more
            while size > 1 and self.count(text[start : start + size]) > max_tokens:
                size -= 1
            pieces.append(text[start : start + size])
            start += size
        return pieces

    def encode(self, text: str) -> tuple[list[int], list[int]]:
        """Return the ids of a text and, for each, where its characters end."""
        encoded = self.tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, return_attention_mask=False
        )
        return list(encoded["input_ids"]), [end for _, end in encoded["offset_mapping"]]


def load_tokenizer(name: str, *, revision: str | None = None) -> PreTrainedTokenizerBase:
    """Load a Hugging Face tokenizer by name or folder; code that comes with it is not run.

    Raises
    ------
    MissingExtra
        If transformers is not installed.
    MissingFile
        If there is no such tokenizer, or only one that does not tell where tokens lie.
    """
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingExtra("A Hugging Face tokenizer", "hf") from error
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise MissingFile(
            f'No tokenizer "{name}": {_first_line(error)} Name a folder that holds one, or a model of the '
            "Hugging Face hub."
        ) from error
    if not tokenizer.is_fast:
        raise MissingFile(
            f'The tokenizer "{name}" does not tell where in a text its tokens lie. Save it as a fast one '
            "(tokenizer.json)."
        )
    return tokenizer


def _first_line(error: Exception) -> str:
    lines: Sequence[str] = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if lines[0].endswith((".", "!")) else f"{lines[0]}."


def _n_bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))

"""Majority and counting: tell which symbol is most frequent, and how often a given one is there.

Both papers name these tasks and publish no generator; the definitions here are our own.
"""

# Shapes: n sequences, L symbols, S different symbols

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longwave.data.synthetic.settings import last_places, require, token_type
from longwave.data.tasks import Examples, answer_floors

__all__ = ["Counting", "Majority"]


@dataclass(frozen=True, kw_only=True)
class Majority:
    """Random symbols, then the query mark: answer with the symbol that is most frequent.

    ``a b b c b a =>`` is followed by ``b``. Sequences in which two symbols tie are not drawn. Only the answer
    is trained and scored.

    Parameters
    ----------
    n_symbols : int
        Different symbols; the mark is one more token.
    length : int
        Symbols of a sequence.

    Raises
    ------
    ConfigError
        If there are fewer than 2 symbols or the sequence is empty.

    References
    ----------
    Named in section 4.1 of arXiv 2302.10866; this definition is our own.
    """

    n_symbols: int = 8
    length: int = 63

    def __post_init__(self) -> None:
        require("n_symbols", self.n_symbols, self.n_symbols >= 2, "2 or more")
        ties = self.length == 2 and self.n_symbols == 2
        require("length", self.length, self.length >= 1 and not ties, "1 or more")

    @property
    def vocab_size(self) -> int:
        """The symbols and the mark."""
        return self.n_symbols + 1

    @property
    def seq_len(self) -> int:
        """Tokens the model reads."""
        return self.length + 1

    def draw(self, n: int, rng: np.random.Generator) -> Examples:
        """Draw n sequences."""
        tokens = np.empty((n, self.length + 2), dtype=token_type(self.vocab_size))
        tokens[:, self.length] = self.n_symbols
        left = np.arange(n)
        while len(left):
            symbols = rng.integers(self.n_symbols, size=(len(left), self.length), dtype=tokens.dtype)
            counts = np.stack([(symbols == symbol).sum(axis=1) for symbol in range(self.n_symbols)], axis=1)
            tokens[left, : self.length] = symbols
            tokens[left, -1] = counts.argmax(axis=1)
            first_two = np.sort(counts, axis=1)[:, -2:]
            left = left[first_two[:, 0] == first_two[:, 1]]
        mask = last_places(self.seq_len, 1)
        return Examples(tokens=tokens, trained=mask, scored=mask)

    def floors(self, examples: Examples) -> dict[str, float]:
        """Return ``uniform`` and ``majority_answer``."""
        return answer_floors(examples, self.n_symbols)


@dataclass(frozen=True, kw_only=True)
class Counting:
    """Symbols, the query mark and a symbol: answer with how often it was there.

    ``b b c b a => b`` is followed by the token of 3. The number is uniform from 0 to ``max_count``, so that
    no answer is frequent; the other symbols are uniform among the rest. Only the answer is trained and
    scored.

    Parameters
    ----------
    n_symbols : int
        Different symbols, ids from 0 on; then the mark, then the numbers from 0 on.
    length : int
        Symbols before the mark.
    max_count : int
        Largest number.

    Raises
    ------
    ConfigError
        If there are fewer than 2 symbols, or ``max_count`` is not between 1 and ``length``.

    References
    ----------
    Named in section 4.1 of arXiv 2302.10866, whose example asks for the last symbol of the prompt; this
    definition, in which the question is written out, is our own.
    """

    n_symbols: int = 8
    length: int = 62
    max_count: int = 15

    def __post_init__(self) -> None:
        require("n_symbols", self.n_symbols, self.n_symbols >= 2, "2 or more")
        require("max_count", self.max_count, 1 <= self.max_count <= self.length, f"1 to {self.length}")

    @property
    def vocab_size(self) -> int:
        """The symbols, the mark and the numbers."""
        return self.n_symbols + 1 + self.max_count + 1

    @property
    def seq_len(self) -> int:
        """Tokens the model reads."""
        return self.length + 2

    def draw(self, n: int, rng: np.random.Generator) -> Examples:
        """Draw n sequences."""
        tokens = np.empty((n, self.length + 3), dtype=token_type(self.vocab_size))
        asked = rng.integers(self.n_symbols, size=(n, 1))
        count = rng.integers(self.max_count, size=(n, 1), endpoint=True)
        others = rng.integers(self.n_symbols - 1, size=(n, self.length))
        others += others >= asked  # every symbol but the one that is asked for
        is_asked = np.broadcast_to(np.arange(self.length) < count, others.shape)
        tokens[:, : self.length] = rng.permuted(np.where(is_asked, asked, others), axis=1)
        tokens[:, self.length] = self.n_symbols
        tokens[:, self.length + 1 :] = np.hstack([asked, count + self.n_symbols + 1])
        mask = last_places(self.seq_len, 1)
        return Examples(tokens=tokens, trained=mask, scored=mask)

    def floors(self, examples: Examples) -> dict[str, float]:
        """Return ``uniform`` and ``majority_answer``."""
        return answer_floors(examples, self.max_count + 1)

"""Associative recall: tell which value stood behind a key.

What is unusual about it

* several keys may share a value, so "the value that is most frequent in the prompt" scores far above chance
  (50-53 % with 10 tokens); ``floors`` measures it on the very test sequences;
* every sequence has a map of its own, so nothing can be learned by heart but the rule;
* all next tokens are trained, though the pairs are random: the loss has a floor above 0.
"""

# Shapes: n sequences, P pairs, K different keys, S symbols that keys are made of

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longwave.data.synthetic.settings import last_places, require, token_type
from longwave.data.tasks import Examples, answer_floors

__all__ = ["AssociativeRecall"]

MAX_KEYS = (1 << 16) - 1  # a map is drawn whole, for every sequence
CHUNK = 1 << 22  # pairs or entries of maps made at a time


@dataclass(frozen=True, kw_only=True)
class AssociativeRecall:
    """Pairs of a key and a value, then a key that was there: answer with its value.

    ``k1 v3 k2 v1 k1 v3 ... => k2`` is followed by ``v1``. Only this last token is scored.

    Parameters
    ----------
    vocab_size : int
        Tokens, two of them special: the first half of the others makes keys, the rest are values, then the
        query mark ``=>`` and the no-op ``.``, in this order.
    length : int
        Tokens of the pairs; what does not make a whole pair is left off.
    n_keys : int
        Tokens of a key.
    unique_values : bool
        No two keys share a value: the prompt's most frequent value is then no better than a guess.
    allow_dot : bool
        Ask for any key; the answer to one that was not there is the no-op.

    Raises
    ------
    ConfigError
        If there are too few tokens, no room for a pair, or too few values to be unique.

    References
    ----------
    Section 4.1 and appendix A.1 of arXiv 2302.10866; section 3.1 of arXiv 2212.14052.

    Examples
    --------
    >>> AssociativeRecall(length=6).draw(2, np.random.default_rng(0)).tokens.shape
    (2, 9)
    """

    vocab_size: int = 10
    length: int = 64
    n_keys: int = 1
    unique_values: bool = False
    allow_dot: bool = False

    def __post_init__(self) -> None:
        require("vocab_size", self.vocab_size, self.vocab_size >= 4, "4 or more, of which 2 are special")
        require("n_keys", self.n_keys, self.n_keys >= 1, "1 or more")
        room = self.n_keys + 1
        require("length", self.length, self.length >= room, f"{room} or more, the tokens of one pair")
        few = self.n_different <= MAX_KEYS
        require("n_keys", self.n_keys, few, f"so few that there are at most {MAX_KEYS} different keys")
        if self.unique_values:
            enough = self.n_values >= self.n_different
            accepted = f"at most {self.n_values} different keys, one a value (there are {self.n_different})"
            require("unique_values", True, enough, accepted)

    @property
    def n_symbols(self) -> int:
        """Tokens that keys are made of; the ids from 0 on."""
        return (self.vocab_size - 2) // 2

    @property
    def n_values(self) -> int:
        """Tokens that are values; the ids after those of keys."""
        return self.vocab_size - 2 - self.n_symbols

    @property
    def n_different(self) -> int:
        """Different keys."""
        return int(self.n_symbols**self.n_keys)

    @property
    def n_pairs(self) -> int:
        """Pairs in a sequence."""
        return self.length // (self.n_keys + 1)

    @property
    def seq_len(self) -> int:
        """Tokens the model reads: the pairs, the query mark and the key asked for."""
        return self.n_pairs * (self.n_keys + 1) + 1 + self.n_keys

    def draw(self, n: int, rng: np.random.Generator) -> Examples:
        """Draw n sequences."""
        tokens = np.empty((n, self.seq_len + 1), dtype=token_type(self.vocab_size))
        rows = max(1, CHUNK // max(self.n_pairs, self.n_different))
        for start in range(0, n, rows):
            self._fill(tokens[start : start + rows], rng)
        everywhere = np.ones((1, self.seq_len), dtype=bool)
        return Examples(tokens=tokens, trained=everywhere, scored=last_places(self.seq_len, 1))

    def floors(self, examples: Examples) -> dict[str, float]:
        """Return ``uniform``, ``majority_answer`` and ``majority_value``.

        The last answers with the value that is most frequent in the prompt, of several with the smallest.
        """
        n_answers = self.n_values + int(self.allow_dot)
        right = [
            np.bincount(row[self.n_keys : -2 - self.n_keys : self.n_keys + 1]).argmax() == row[-1]
            for row in examples.tokens
        ]
        return answer_floors(examples, n_answers) | {"majority_value": float(np.mean(right))}

    def _fill(self, tokens: np.ndarray, rng: np.random.Generator) -> None:
        """Write sequences over the rows of an array."""
        n, pairs = len(tokens), self.n_pairs
        values = self._draw_maps(n, rng)  # (n, K)
        keys = rng.integers(self.n_different, size=(n, pairs), dtype=np.uint16)  # (n, P)
        there = np.zeros((n, self.n_different), dtype=bool)  # (n, K)
        np.put_along_axis(there, keys.astype(np.intp), True, axis=1)
        asked = self._draw_queries(there, rng)[:, None]  # (n, 1)
        answer = np.take_along_axis(values, asked, axis=1)
        known = np.take_along_axis(there, asked, axis=1)
        written = tokens[:, : -2 - self.n_keys].reshape(n, pairs, self.n_keys + 1)
        for place in range(self.n_keys):
            written[:, :, place] = self._symbol(keys, place)
            tokens[:, place - self.n_keys - 1] = self._symbol(asked[:, 0], place)
        written[:, :, -1] = np.take_along_axis(values, keys.astype(np.intp), axis=1)
        tokens[:, -2 - self.n_keys] = self.vocab_size - 2
        tokens[:, -1:] = np.where(known, answer, self.vocab_size - 1)

    def _draw_maps(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw the value of every key for n sequences, shape (n, K)."""
        kind = token_type(self.vocab_size)
        if not self.unique_values:
            size = (n, self.n_different)
            return rng.integers(self.n_symbols, self.n_symbols + self.n_values, size=size, dtype=kind)
        values = np.arange(self.n_symbols, self.n_symbols + self.n_values, dtype=kind)
        return rng.permuted(np.tile(values, (n, 1)), axis=1)[:, : self.n_different]

    def _draw_queries(self, there: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Draw the key that each sequence asks for, uniform over those there (or over all)."""
        if self.allow_dot:
            return rng.integers(self.n_different, size=len(there))
        count = there.cumsum(axis=1, dtype=np.int32)  # (n, K)
        wanted = rng.integers(1, count[:, -1], endpoint=True)  # the how manieth of those there
        asked: np.ndarray = (count < wanted[:, None]).sum(axis=1)
        return asked

    def _symbol(self, keys: np.ndarray, place: int) -> np.ndarray:
        """Return one token of each key: a digit of its number to the base of the symbols."""
        digits: np.ndarray = keys // self.n_symbols ** (self.n_keys - 1 - place) % self.n_symbols
        return digits

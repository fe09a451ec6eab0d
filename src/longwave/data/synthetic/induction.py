"""The induction head: tell what stood behind a mark when it was there before."""

# Shapes: n sequences, T marks

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longwave.data.synthetic.settings import last_places, require, token_type
from longwave.data.tasks import Examples, answer_floors

__all__ = ["InductionHead"]


@dataclass(frozen=True, kw_only=True)
class InductionHead:
    """Random tokens with a mark among them, then the mark again: answer with what followed it.

    ``a c => b a d ... =>`` is followed by ``b``. Only the answer is scored.

    Parameters
    ----------
    vocab_size : int
        Tokens, the last two special: the mark ``=>`` and one that is not used.
    length : int
        Tokens before the question.
    n_answer : int
        Tokens behind the mark that are asked for.
    n_marks : int
        Marks before the question; the same tokens follow each.

    Raises
    ------
    ConfigError
        If a size is below 1 or the marks have no room.

    References
    ----------
    Section 3.1 and appendix of arXiv 2212.14052; its table prints 5.0 % for a guess, which is one in 20, the
    whole vocabulary. A guess among the 18 tokens that can be right scores 5.6 %.
    """

    vocab_size: int = 20
    length: int = 30
    n_answer: int = 1
    n_marks: int = 1

    def __post_init__(self) -> None:
        require("vocab_size", self.vocab_size, self.vocab_size >= 3, "3 or more, of which 2 are special")
        require("n_answer", self.n_answer, self.n_answer >= 1, "1 or more")
        require("n_marks", self.n_marks, self.n_marks >= 1, "1 or more")
        need = self.n_marks * (self.n_answer + 1) + 1
        require("length", self.length, self.length >= need, f"{need} or more, so that the marks have room")

    @property
    def seq_len(self) -> int:
        """Tokens the model reads."""
        return self.length + self.n_answer

    def draw(self, n: int, rng: np.random.Generator) -> Examples:
        """Draw n sequences."""
        c, m = self.vocab_size - 2, self.n_answer
        tokens = np.empty((n, self.seq_len + 1), dtype=token_type(self.vocab_size))
        tokens[:, : self.length] = rng.integers(c, size=(n, self.length), dtype=np.uint16)
        answer = rng.integers(c, size=(n, m), dtype=np.uint16)
        rows = np.arange(n)[:, None]
        for place in self._draw_places(n, rng).T:
            tokens[rows[:, 0], place] = c
            tokens[rows, place[:, None] + 1 + np.arange(m)] = answer
        tokens[:, self.length] = c
        tokens[:, self.length + 1 :] = answer
        everywhere = np.ones((1, self.seq_len), dtype=bool)
        return Examples(tokens=tokens, trained=everywhere, scored=last_places(self.seq_len, m))

    def floors(self, examples: Examples) -> dict[str, float]:
        """Return ``uniform``, ``majority_answer`` and ``majority_symbol``.

        The last answers with the token that is most frequent before the question, the mark apart.
        """
        c = self.vocab_size - 2
        counts = np.stack([np.bincount(row, minlength=c + 1) for row in examples.tokens[:, : self.length]])
        right = counts[:, :c].argmax(axis=1)[:, None] == examples.answers
        return answer_floors(examples, c) | {"majority_symbol": float(right.mean())}

    def _draw_places(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Draw where the marks stand, shape (n, T): uniform, the answers do not overlap."""
        step = self.n_answer
        slots = self.length - 1 - step - (self.n_marks - 1) * step  # one mark: 0 <= place < length - 1 - m
        if self.n_marks == 1:
            return rng.integers(slots, size=(n, 1))
        chosen = rng.random((n, slots)).argpartition(self.n_marks - 1, axis=1)[:, : self.n_marks]
        return np.sort(chosen, axis=1) + step * np.arange(self.n_marks)

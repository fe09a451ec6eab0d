"""Addition of numbers with many digits, most significant first."""

# Shapes: n sequences, C digits of a number

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longwave.data.synthetic.settings import last_places, require
from longwave.data.tasks import Examples, answer_floors

__all__ = ["Addition"]


@dataclass(frozen=True, kw_only=True)
class Addition:
    """The digits of two numbers, then those of their sum.

    ``1 2 3 9 5 4`` is followed by ``1 0 7 7``: 123 + 954 = 1077. A token is a digit; the sum has one digit
    more than the numbers. Only the digits of the sum are trained and scored; a sequence is right when all
    are.

    Parameters
    ----------
    n_digits : int
        Digits of each number, leading zeros included.

    Raises
    ------
    ConfigError
        If ``n_digits`` is below 1.

    References
    ----------
    Section 4.1 and appendix C.1 of arXiv 2302.10866.
    """

    n_digits: int = 2

    def __post_init__(self) -> None:
        require("n_digits", self.n_digits, self.n_digits >= 1, "1 or more")

    @property
    def vocab_size(self) -> int:
        """The ten digits."""
        return 10

    @property
    def seq_len(self) -> int:
        """Tokens the model reads."""
        return 3 * self.n_digits

    def draw(self, n: int, rng: np.random.Generator) -> Examples:
        """Draw n sequences; digits are independent and uniform."""
        c = self.n_digits
        tokens = np.zeros((n, 3 * c + 1), dtype=np.uint8)
        tokens[:, : 2 * c] = rng.integers(10, size=(n, 2 * c), dtype=np.uint8)
        carry = np.zeros(n, dtype=np.uint8)
        for digit in range(c - 1, -1, -1):
            total = tokens[:, digit] + tokens[:, c + digit] + carry
            tokens[:, 2 * c + 1 + digit] = total % 10
            carry = total // 10
        tokens[:, 2 * c] = carry
        mask = last_places(self.seq_len, c + 1)
        return Examples(tokens=tokens, trained=mask, scored=mask)

    def floors(self, examples: Examples) -> dict[str, float]:
        """Return ``uniform`` and ``majority_answer``, both per digit."""
        return answer_floors(examples, 10)

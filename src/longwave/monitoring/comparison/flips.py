"""What became of each answer: right or wrong before, right or wrong after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longwave.monitoring.paired import PairedRows

__all__ = ["Flips", "flips_of"]


@dataclass(frozen=True, kw_only=True)
class Flips:
    """Counts of rows by what became of them; the five add up to ``n``.

    Parameters
    ----------
    right_right, right_wrong, wrong_right : int
        ``right_wrong`` are the negative flips: what worked and broke.
    wrong_same, wrong_other : int
        Wrong at both dates, with the same label or with another one.
    """

    right_right: int
    right_wrong: int
    wrong_right: int
    wrong_same: int
    wrong_other: int

    @property
    def n(self) -> int:
        """The number of scored rows."""
        return self.right_right + self.right_wrong + self.wrong_right + self.wrong_same + self.wrong_other

    @property
    def change(self) -> float:
        """The change of the share that is right: ``(wrong_right - right_wrong) / n``."""
        return (self.wrong_right - self.right_wrong) / self.n

    def shares(self) -> dict[str, float]:
        """Return the five as fractions, which add up to 1."""
        return {name: getattr(self, name) / self.n for name in self.__dataclass_fields__}


def flips_of(pair: PairedRows) -> Flips | None:
    """Count what became of the scored rows; None where none is.

    A row is right if its score is 1: for tags, if the sets are equal. The change of shares is that of the
    accuracy for scores of 0 and 1 only.
    """
    first, second = (scores == 1 for scores in pair.scores)
    if not len(first):
        return None
    is_same = pair.overlap[pair.scored] == 1
    both_wrong = ~first & ~second
    return Flips(
        right_right=int(np.sum(first & second)),
        right_wrong=int(np.sum(first & ~second)),
        wrong_right=int(np.sum(~first & second)),
        wrong_same=int(np.sum(both_wrong & is_same)),
        wrong_other=int(np.sum(both_wrong & ~is_same)),
    )

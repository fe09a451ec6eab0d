"""ListOps: nested lists of digits under MIN, MAX, MED and SM, as one long sequence.

What is unusual about it: trees of a whole batch grow level by level in numpy arrays, and are evaluated,
measured and written out level by level too; there is no recursion.
"""

# Shapes: n sequences, L length; on one level of all trees: M nodes

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longwave.data.synthetic.settings import require
from longwave.data.tasks import Examples, answer_floors

__all__ = ["ListOps"]

DIGITS = 10
MIN, MAX, MED, SM = range(4)
CLOSE, PAD, END, UNKNOWN = 14, 15, 16, 17  # tokens after the digits and the four operators
BATCH = 512  # trees grown at a time
MAX_EMPTY = 100  # batches in a row without a tree of the wanted length


@dataclass(frozen=True, kw_only=True)
class _Level:
    """The nodes of one depth, of all trees; children of a node are neighbours on the next level."""

    parent: np.ndarray  # (M,) place of the parent on the level above; of a root the number of its tree
    operator: np.ndarray  # (M,) 0 to 3, or -1 for a digit
    n_children: np.ndarray  # (M,) 0 for a digit
    value: np.ndarray  # (M,) of a digit now, of an operator after evaluation
    size: np.ndarray  # (M,) tokens, after measuring


@dataclass(frozen=True, kw_only=True)
class ListOps:
    """Nested lists of digits; answer with the digit that the whole evaluates to.

    ``[MAX 4 [MIN 8 5 ] 2 ]`` is followed by an end token and then by ``5``. MIN and MAX are what they say,
    MED is the median rounded down, SM the sum modulo 10. Every opening bracket with its operator is one
    token, every closing one another. Shorter sequences are filled up behind the answer; only the answer is
    trained and scored.

    Parameters
    ----------
    min_length, max_length : int
        Tokens of an expression with its end token; trees of other sizes are drawn again.
    max_depth : int
        Most levels of a tree, the digits' own counted.
    max_args : int
        Most arguments of an operator, of which there are at least 2.
    operator_share : float
        Probability that an argument is another list, down to the last level but one.

    Raises
    ------
    ConfigError
        If a size is out of range, or trees of the wanted length hardly ever grow.

    Notes
    -----
    The rule and the sizes are those of the Long Range Arena; the sequences are not its files but our own
    draws, so accuracies are comparable in kind only. There are 18 tokens: ten digits, four operators, the
    closing bracket, fill, end, and one that is not used here.

    References
    ----------
    arXiv 1804.06028; section 3.2 of arXiv 2011.04006.
    """

    min_length: int = 500
    max_length: int = 2048
    max_depth: int = 10
    max_args: int = 10
    operator_share: float = 0.25

    def __post_init__(self) -> None:
        require("max_args", self.max_args, self.max_args >= 2, "2 or more")
        require("max_depth", self.max_depth, self.max_depth >= 2, "2 or more")
        require("operator_share", self.operator_share, 0 <= self.operator_share <= 1, "a share from 0 to 1")
        require("max_length", self.max_length, self.max_length >= 5, "5 or more, the shortest list")
        longest = f"1 to max_length ({self.max_length})"
        require("min_length", self.min_length, 1 <= self.min_length <= self.max_length, longest)

    @property
    def vocab_size(self) -> int:
        """Digits, operators, bracket, fill, end, and one unused."""
        return UNKNOWN + 1

    @property
    def seq_len(self) -> int:
        """Tokens the model reads."""
        return self.max_length

    def draw(self, n: int, rng: np.random.Generator) -> Examples:
        """Draw n sequences."""
        tokens = np.full((n, self.max_length + 1), PAD, dtype=np.uint8)
        mask = np.zeros((n, self.max_length), dtype=bool)
        done = empty = 0
        while done < n:
            levels = self._grow(rng)
            size = _measure(levels)
            wanted = np.flatnonzero((size + 1 >= self.min_length) & (size < self.max_length))[: n - done]
            if len(wanted):
                _evaluate(levels)
                rows = slice(done, done + len(wanted))
                _write(levels, wanted, tokens[rows])
                place = np.arange(done, done + len(wanted))
                tokens[place, size[wanted]] = END
                tokens[place, size[wanted] + 1] = levels[0].value[wanted]
                mask[place, size[wanted]] = True
                done += len(wanted)
            empty = 0 if len(wanted) else empty + 1
            require("min_length", self.min_length, empty < MAX_EMPTY, "a length that such trees often have")
        return Examples(tokens=tokens, trained=mask, scored=mask)

    def floors(self, examples: Examples) -> dict[str, float]:
        """Return ``uniform`` and ``majority_answer``."""
        return answer_floors(examples, DIGITS)

    def _grow(self, rng: np.random.Generator) -> list[_Level]:
        """Grow a batch of trees from the root down."""
        levels: list[_Level] = []
        parent = tree = np.arange(BATCH)
        n_nodes = np.zeros(BATCH, dtype=np.int64)
        while len(parent):
            depth, m = len(levels), len(parent)
            n_nodes += np.bincount(tree, minlength=BATCH)
            is_list = np.full(m, depth == 0) | (rng.random(m) < self.operator_share)
            is_list &= depth < self.max_depth - 1
            is_list &= n_nodes[tree] < self.max_length  # a tree that is too long already need not grow on
            n_children = np.where(is_list, rng.integers(2, self.max_args, size=m, endpoint=True), 0)
            levels.append(
                _Level(
                    parent=parent,
                    operator=np.where(is_list, rng.integers(4, size=m), -1),
                    n_children=n_children,
                    value=rng.integers(DIGITS, size=m),
                    size=np.ones(m, dtype=np.int64),
                )
            )
            parent, tree = np.repeat(np.arange(m), n_children), np.repeat(tree, n_children)
        return levels


def _measure(levels: list[_Level]) -> np.ndarray:
    """Fill in how many tokens every node takes; returns those of the roots."""
    for level, below in zip(reversed(levels[:-1]), reversed(levels[1:]), strict=True):
        inside = np.bincount(below.parent, weights=below.size, minlength=len(level.size)).astype(np.int64)
        level.size[:] = np.where(level.operator >= 0, inside + 2, 1)
    return levels[0].size


def _evaluate(levels: list[_Level]) -> None:
    """Fill in the value of every list, from the leaves up."""
    for level, below in zip(reversed(levels[:-1]), reversed(levels[1:]), strict=True):
        lists = np.flatnonzero(level.operator >= 0)
        count = level.n_children[lists]
        start = np.cumsum(count) - count
        ordered = below.value[np.lexsort((below.value, below.parent))]  # sorted among siblings
        middle = (ordered[start + (count - 1) // 2] + ordered[start + count // 2]) // 2
        results = np.stack(
            [
                np.minimum.reduceat(below.value, start),
                np.maximum.reduceat(below.value, start),
                middle,
                np.add.reduceat(below.value, start) % DIGITS,
            ]
        )
        level.value[lists] = results[level.operator[lists], np.arange(len(lists))]


def _write(levels: list[_Level], wanted: np.ndarray, tokens: np.ndarray) -> None:
    """Write the trees named by ``wanted`` into the rows of an array, each from its first place on."""
    row = np.full(BATCH, -1)
    row[wanted] = np.arange(len(wanted))
    place = np.zeros(BATCH, dtype=np.int64)
    for depth, level in enumerate(levels):
        if depth:
            above = levels[depth - 1]
            before = np.cumsum(level.size) - level.size
            first = np.cumsum(above.n_children) - above.n_children  # of a node's children on this level
            offset = before - before[first[level.parent]]  # tokens of the siblings before
            row, place = row[level.parent], place[level.parent] + 1 + offset
        kept = row >= 0
        is_list = kept & (level.operator >= 0)
        tokens[row[kept], place[kept]] = np.where(
            level.operator[kept] >= 0, DIGITS + level.operator[kept], level.value[kept]
        )
        tokens[row[is_list], place[is_list] + level.size[is_list] - 1] = CLOSE

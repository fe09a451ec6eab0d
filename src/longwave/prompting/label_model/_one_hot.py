"""Votes as one-hot rows: counting them in each state, and adding up their scores.

Shapes: U distinct rows, c columns, s symbols a column, S states.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["OneHot"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST_CELLS = 8_000_000  # 64 MB; beyond, and for many symbols, columns are taken one by one
_MOST_SYMBOLS = 32


class OneHot:
    """Columns of symbols, as one dense matrix where it is small enough.

    Parameters
    ----------
    symbols : ndarray, shape (U, c)
        From 0 to ``n_symbols - 1``.
    n_symbols : int
    """

    def __init__(self, symbols: Ints, n_symbols: int) -> None:
        self._symbols, self._n_symbols = symbols, n_symbols
        n_rows, n_columns = symbols.shape
        self._dense: Array | None = None
        if n_symbols <= _MOST_SYMBOLS and n_rows * n_columns * n_symbols <= _MOST_CELLS:
            self._dense = np.zeros((n_rows, n_columns * n_symbols))
            self._dense[np.arange(n_rows)[:, None], np.arange(n_columns) * n_symbols + symbols] = 1.0

    def count(self, weight: Array) -> Array:
        """Return how much weight (U, S) falls on each symbol of each column, shape (c, s, S)."""
        n_columns, n_states = self._symbols.shape[1], weight.shape[1]
        if self._dense is not None:
            return np.asarray((self._dense.T @ weight).reshape(n_columns, self._n_symbols, n_states))
        found = np.empty((n_columns, self._n_symbols, n_states))
        for j in range(n_columns):
            for s in range(n_states):
                found[j, :, s] = np.bincount(self._symbols[:, j], weight[:, s], self._n_symbols)
        return found

    def add_up(self, scores: Array) -> Array:
        """Return the sum over columns of the scores (c, s, S) of each row's symbols, shape (U, S)."""
        if self._dense is not None:
            return np.asarray(self._dense @ scores.reshape(-1, scores.shape[2]))
        total = np.zeros((len(self._symbols), scores.shape[2]))
        for j, column in enumerate(scores):
            total += column[self._symbols[:, j]]
        return total

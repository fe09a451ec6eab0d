"""Vote matrices: checking them, and working on each distinct row once.

Shapes: n instances, m prompts, k classes, U distinct rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import ConfigError, DataError, ShapeError

__all__ = ["ABSTAIN", "VotePatterns", "check_class_balance", "check_votes", "count_votes"]

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

ABSTAIN = -1
_FEW_CODES = 1 << 22  # counted in a table; beyond, codes are sorted


@dataclass(frozen=True)
class VotePatterns:
    """The distinct rows of a vote matrix.

    Attributes
    ----------
    rows : ndarray, shape (U, m)
        In ascending order, so the order of the instances does not matter.
    counts : ndarray, shape (U,)
    inverse : ndarray, shape (n,)
        The distinct row of each instance.
    """

    rows: Ints
    counts: Array
    inverse: Ints

    @classmethod
    def of(cls, votes: Ints, n_classes: int) -> VotePatterns:
        """Find the distinct rows of votes (n, m)."""
        n, m = votes.shape
        base = n_classes + 1
        if base**m < 1 << 62:
            codes = np.zeros(n, dtype=np.int64)
            for column in votes.T:
                codes = codes * base + (column + 1)
            distinct, inverse = _distinct_codes(codes, base**m)
            powers = base ** np.arange(m - 1, -1, -1, dtype=np.int64)
            rows = distinct[:, None] // powers % base - 1
        else:
            rows, inverse = np.unique(votes, axis=0, return_inverse=True)
            inverse = inverse.reshape(-1)
        return cls(rows, np.bincount(inverse, minlength=len(rows)).astype(np.float64), inverse)


def _distinct_codes(codes: Ints, n_codes: int) -> tuple[Ints, Ints]:
    if n_codes > _FEW_CODES or n_codes > 64 * len(codes):
        return np.unique(codes, return_inverse=True)
    seen = np.bincount(codes, minlength=n_codes) > 0
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[codes]


def check_votes(votes: ArrayLike, n_classes: int, *, n_prompts: int | None = None) -> Ints:
    """Return votes as an integer matrix, or say what is wrong with them.

    Parameters
    ----------
    votes : array_like, shape (n, m)
        Classes from 0 to ``n_classes - 1``; -1 is an abstention. Whole floats are accepted.
    n_classes : int
        At least 2.
    n_prompts : int, optional
        Columns that are expected, where a model was fitted before.

    Returns
    -------
    ndarray of int64, shape (n, m)

    Raises
    ------
    ConfigError
        If there are fewer than 2 classes.
    ShapeError
        If votes are not a matrix with a column at least, or not with ``n_prompts`` columns.
    DataError
        If a vote is missing, not a whole number or not a class.
    """
    if not isinstance(n_classes, int | np.integer) or isinstance(n_classes, bool) or n_classes < 2:
        raise ConfigError(f"n_classes is {n_classes!r}; accepted are whole numbers from 2.")
    try:
        v = np.asarray(votes)
    except ValueError as error:  # rows of different lengths
        raise ShapeError("votes have rows of different lengths; fill them up with -1 (abstain).") from error
    if v.ndim != 2 or v.shape[1] == 0:
        raise ShapeError(
            f"votes have shape {v.shape}; pass a matrix (instances, prompts) with one prompt at least."
        )
    if n_prompts is not None and v.shape[1] != n_prompts:
        raise ShapeError(
            f"votes have {v.shape[1]} prompts, but the model was fitted on {n_prompts}: {v.shape}."
        )
    if v.dtype.kind not in "biuf":
        raise DataError(
            f'votes are of type "{v.dtype}"; pass whole numbers: classes from 0, and -1 for an abstention.'
        )
    if v.dtype.kind == "f":
        _refuse(v, ~np.isfinite(v), "write -1 where a prompt abstains")
        _refuse(v, v != np.floor(v), "pass whole numbers; for probabilities see SoftVoteModel")
    _refuse(
        v,
        (v < -1) | (v >= n_classes) if v.dtype.kind != "b" else np.zeros(v.shape, dtype=bool),
        f"accepted are classes 0 to {n_classes - 1} and -1 (abstain), or pass a larger n_classes",
    )
    return v.astype(np.int64)


def _refuse(v: NDArray[np.generic], is_wrong: NDArray[np.bool_], hint: str) -> None:
    if is_wrong.any():
        row, column = np.argwhere(is_wrong)[0]
        raise DataError(
            f"The vote of prompt {column} on instance {row} is {v[row, column]} "
            f"(such votes: {is_wrong.sum()}); {hint}."
        )


def check_class_balance(balance: ArrayLike, n_classes: int) -> Array:
    """Return a class balance as probabilities, or say what is wrong with it.

    Raises
    ------
    ConfigError
        If there is not one positive share for each class, or they do not add up to 1.
    """
    p = np.asarray(balance, dtype=np.float64)
    if p.shape != (n_classes,) or not np.isfinite(p).all() or (p <= 0).any() or abs(p.sum() - 1) > 1e-6:
        raise ConfigError(
            f"class_balance is {balance!r}; accepted are {n_classes} shares above 0 that add up to 1."
        )
    return np.asarray(p / p.sum())


def count_votes(votes: Ints, n_classes: int) -> Array:
    """Return how many votes each class has in each row, shape (n, k)."""
    return np.stack([(votes == c).sum(axis=1) for c in range(n_classes)], axis=1).astype(np.float64)

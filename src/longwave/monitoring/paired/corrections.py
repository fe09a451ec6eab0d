"""Corrections of p-values for how many changes were tested."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import ConfigError, DataError
from longwave.predictions import holm

__all__ = ["Adjustment", "adjust_p_values", "benjamini_hochberg"]

Array = NDArray[np.float64]
Adjustment = Literal["holm", "bh", "none"]


def benjamini_hochberg(p_values: ArrayLike) -> Array:
    """Correct p-values so that the share of false ones among those rejected stays below the level.

    Parameters
    ----------
    p_values : array_like, shape (m,)
        Values in [0, 1]; may be empty.

    Returns
    -------
    ndarray, shape (m,)
        Corrected values in the order given.

    Raises
    ------
    DataError
        If a value is not in [0, 1].

    Notes
    -----
    ``min over j >= i of m p_(j) / j`` for the i-th smallest. Right for independent and for positively
    dependent tests. For a handful of series use Holm, which bounds the chance of any false rejection.

    References
    ----------
    Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995) 289-300.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.04, 0.04]
    """
    p = np.asarray(p_values, dtype=np.float64).reshape(-1)
    wrong = p[~((p >= 0) & (p <= 1))]
    if len(wrong):
        raise DataError(f"A p-value of {wrong[0]} is outside [0, 1]. Leave out tests without a value.")
    order = np.argsort(p, kind="stable")
    steps = p[order] * len(p) / np.arange(1, len(p) + 1)
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.minimum.accumulate(steps[::-1])[::-1], 1.0)
    return corrected


def adjust_p_values(p_values: ArrayLike, adjust: Adjustment = "holm") -> Array:
    """Correct p-values by Holm's method, by that of Benjamini and Hochberg (``"bh"``), or not at all.

    Raises
    ------
    ConfigError
        If the method is none of the three.
    DataError
        If a value is not in [0, 1].
    """
    if adjust == "holm":
        return holm(p_values)
    if adjust == "bh":
        return benjamini_hochberg(p_values)
    if adjust != "none":
        raise ConfigError(f'Unknown adjustment "{adjust}" of p-values. Known: bh, holm, none.')
    return np.asarray(p_values, dtype=np.float64).reshape(-1)

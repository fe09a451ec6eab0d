"""Turn confidences that are no probabilities into probabilities of being right.

Magnitudes, likelihood levels and scores of a vendor's own order the answers, no more. What they are worth is
learned from rows whose truth is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import ConfigError
from longwave.monitoring.calibration.levels import BINS, equal_mass_bins, known_rows, levels_of, sum_by

__all__ = ["ConfidenceMap", "ConfidenceMapping", "fit_confidence_map"]

Array = NDArray[np.float64]
ConfidenceMapping = Literal["isotonic", "histogram"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ConfidenceMap:
    """A non-decreasing map from any confidence to a probability of being right.

    Parameters
    ----------
    levels, probabilities : ndarray, shape (k,)
        Ascending points; between them the map is linear, outside it is constant.
    kind : {"isotonic", "histogram"}
    """

    levels: Array
    probabilities: Array
    kind: ConfidenceMapping

    def apply(self, confidence: ArrayLike) -> Array:
        """Map confidences; same shape, NaN stays NaN."""
        values = np.asarray(confidence, dtype=np.float64)
        return np.interp(values, self.levels, self.probabilities)


def fit_confidence_map(
    confidence: ArrayLike, correct: ArrayLike, *, kind: ConfidenceMapping = "isotonic", bins: int = BINS
) -> ConfidenceMap:
    """Learn how often a run is right at each confidence.

    Parameters
    ----------
    confidence, correct : array_like, shape (n,)
        As in `calibrate`; any finite confidence.
    kind : {"isotonic", "histogram"}
        The closest non-decreasing map in squares, by pooling adjacent violators; or the accuracy of each bin
        of equal count at its mean confidence, made non-decreasing the same way.
    bins : int
        Of the histogram.

    Raises
    ------
    ShapeError, DataError, ConfigError
        As `calibrate`.

    References
    ----------
    Zadrozny and Elkan, KDD 2002 (isotonic) and ICML 2001 (histogram).
    """
    c, y = known_rows(confidence, correct)
    levels, total, right = levels_of(c, y)
    if kind == "histogram":
        place = equal_mass_bins(levels, total, bins)
        n = int(place.max()) + 1
        weight = sum_by(place, total, n)
        there = weight > 0
        weight = weight[there]
        levels = sum_by(place, levels * total, n)[there] / weight
        total, right = weight, sum_by(place, right, n)[there]
    elif kind != "isotonic":
        raise ConfigError(f'Unknown mapping "{kind}". Known: histogram, isotonic.')
    return ConfidenceMap(levels=levels, probabilities=_non_decreasing(right / total, total), kind=kind)


def cross_mapped(c: Array, y: Array, mapping: ConfidenceMapping) -> Array:
    """Map even rows by odd ones and the other way round; a single row by itself."""
    mapped = np.empty_like(c)
    for half in (0, 1):
        teacher = slice(1 - half, None, 2) if len(c) > 1 else slice(None)
        mapped[half::2] = fit_confidence_map(c[teacher], y[teacher], kind=mapping).apply(c[half::2])
    return mapped


def _non_decreasing(values: Array, weights: Array) -> Array:
    """Pool adjacent violators: the non-decreasing sequence nearest in weighted squares."""
    means: list[float] = []
    masses: list[float] = []
    counts: list[int] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, mass, count = value, weight, 1
        while means and means[-1] >= mean:
            mean = (means.pop() * masses[-1] + mean * mass) / (masses[-1] + mass)
            mass += masses.pop()
            count += counts.pop()
        means.append(mean)
        masses.append(mass)
        counts.append(count)
    return np.repeat(means, counts)

"""How far a confidence can be trusted.

Every measure is a function of *levels*: the distinct confidences, how many rows have each, and how many of
those are right. Coarse confidences (five levels, a grid of 0.1) are then no special case: rows of one level
are never told apart, whatever their order. `longwave.metrics` has the same measures of rows; the tests hold
both against each other.

Not every confidence is a probability (trap 2 of the HAPI tables): magnitudes and likelihood levels are mapped
to probabilities first, and the result says so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import ConfigError, DataError
from longwave.monitoring.calibration.confidence_map import ConfidenceMapping, cross_mapped
from longwave.monitoring.calibration.levels import BINS, equal_mass_bins, known_rows, levels_of

__all__ = [
    "Calibration",
    "auroc",
    "calibrate",
    "calibrate_levels",
]

Array = NDArray[np.float64]
COVERAGES = (0.5, 0.8, 0.9)
_AT_COVERAGE = [f"accuracy_at_{round(100 * share)}" for share in COVERAGES]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How confidence and correctness of one run go together.

    Parameters
    ----------
    n : int
        Rows with a confidence and a score.
    mean_confidence, accuracy : float
    ece, ece_equal_mass : float
        ``sum_b n_b/n |mean confidence_b - accuracy_b|`` over 15 bins of equal width, or of equal count with
        equal confidences in one bin.
    brier : float
        Mean of ``(confidence - right)²``, where the confidence is that of the predicted label.
    auroc : float
        Chance that a right row has a higher confidence than a wrong one, ties counting half; NaN where all
        rows are right, or all wrong.
    accuracy_at_50, accuracy_at_80, accuracy_at_90 : float
        Accuracy on the most confident half, 80 % and 90 % of the rows (``ceil(share · n)`` of them). Rows of
        one level count with their mean.
    mapping : str or None
        "isotonic" or "histogram" where the confidences were mapped to probabilities first.
    """

    n: int
    mean_confidence: float
    accuracy: float
    ece: float
    ece_equal_mass: float
    brier: float
    auroc: float
    accuracy_at_50: float
    accuracy_at_80: float
    accuracy_at_90: float
    mapping: str | None = None


def calibrate(
    confidence: ArrayLike,
    correct: ArrayLike,
    *,
    bins: int = BINS,
    mapping: ConfidenceMapping | None = None,
) -> Calibration:
    """Measure the calibration of one run.

    Parameters
    ----------
    confidence : array_like, shape (n,)
        Probabilities in [0, 1]; anything finite with a mapping. Rows with NaN are left out.
    correct : array_like, shape (n,)
        1 where right, else 0; a share of credit between them is accepted. Rows with NaN are left out.
    bins : int
        Of both calibration errors.
    mapping : {"isotonic", "histogram"}, optional
        Map confidences to probabilities before. Even rows are mapped by what odd rows say and the other way
        round, so that no row judges itself.

    Raises
    ------
    ShapeError
        If the two differ in length.
    DataError
        If no row is left, or a confidence is outside [0, 1] and nothing maps it.
    ConfigError
        If ``bins`` is less than 1, or the mapping is unknown.

    Examples
    --------
    >>> round(calibrate([0.9, 0.9, 0.6, 0.6], [1, 1, 1, 0]).ece, 9)
    0.1
    """
    c, y = known_rows(confidence, correct)
    if mapping is not None:
        c = cross_mapped(c, y, mapping)
    levels, total, right = levels_of(c, y)
    return calibrate_levels(levels, total, right, bins=bins, mapping=mapping, squares=float((y * y).sum()))


def calibrate_levels(
    levels: Array,
    total: Array,
    right: Array,
    *,
    bins: int = BINS,
    mapping: str | None = None,
    squares: float | None = None,
) -> Calibration:
    """Measure calibration from counts by level of confidence.

    Parameters
    ----------
    levels : ndarray, shape (k,)
        Distinct confidences in [0, 1], ascending.
    total, right : ndarray, shape (k,)
        Rows of each level (above 0), and the sum of their scores.
    bins : int
    mapping : str, optional
        Noted in the result.
    squares : float, optional
        Sum of squared scores; default that of scores of 0 and 1.

    Raises
    ------
    DataError, ConfigError
        As `calibrate`.
    """
    if bins < 1:
        raise ConfigError(f"bins is {bins}; accepted are 1 and more.")
    if not len(levels):
        raise DataError("There are no confidences; calibration needs at least 1. Leave empty runs out.")
    if levels[0] < 0 or levels[-1] > 1:
        wrong = levels[0] if levels[0] < 0 else levels[-1]
        raise DataError(
            f"A confidence is {wrong}; accepted are probabilities in [0, 1]. Map other scores to "
            'probabilities first: mapping="isotonic".'
        )
    n, hits = float(total.sum()), float(right.sum())
    expected = hits if squares is None else squares
    at_coverage = dict(zip(_AT_COVERAGE, _accuracy_at(total, right), strict=True))
    return Calibration(
        n=round(n),
        mean_confidence=float(levels @ total / n),
        accuracy=hits / n,
        ece=_binned_error(np.minimum((levels * bins).astype(np.intp), bins - 1), levels, total, right),
        ece_equal_mass=_binned_error(equal_mass_bins(levels, total, bins), levels, total, right),
        brier=float((levels * levels * total - 2 * levels * right).sum() + expected) / n,
        auroc=_auroc(total, right),
        mapping=mapping,
        **at_coverage,
    )


def auroc(confidence: ArrayLike, correct: ArrayLike) -> float:
    """Return the chance that a right row has a higher confidence than a wrong one; ties count half.

    Parameters, errors
        As `calibrate`; the confidence may be any finite number. NaN where all rows are right, or all wrong.

    Examples
    --------
    >>> auroc([0.9, 0.6, 0.6], [1, 1, 0])
    0.75
    """
    c, y = known_rows(confidence, correct)
    _, total, right = levels_of(c, y)
    return _auroc(total, right)


def _binned_error(place: NDArray[np.intp], levels: Array, total: Array, right: Array) -> float:
    gaps = np.bincount(place, weights=levels * total - right)  # n_b (mean confidence - accuracy) of each bin
    return float(np.abs(gaps).sum() / total.sum())


def _auroc(total: Array, right: Array) -> float:
    wrong = total - right
    below = np.cumsum(wrong) - wrong
    pairs = float(right.sum()) * float(wrong.sum())
    return float(right @ (below + wrong / 2)) / pairs if pairs > 0 else float("nan")


def _accuracy_at(total: Array, right: Array) -> list[float]:
    """Return the accuracy of the ``ceil(share n)`` most confident rows for each share.

    A level that is cut counts in part.
    """
    count, hits = np.cumsum(total[::-1]), np.cumsum(right[::-1])
    found = []
    for share in COVERAGES:
        kept = max(1.0, math.ceil(round(share * float(count[-1]), 9)))  # 0.1 * 30 is a little more than 3
        place = int(np.searchsorted(count, kept))
        above, right_above = (count[place - 1], hits[place - 1]) if place else (0.0, 0.0)
        part = (kept - above) / (count[place] - above)
        found.append(float(right_above + part * (hits[place] - right_above)) / kept)
    return found

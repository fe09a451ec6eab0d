"""Check confidences against outcomes before any calibration is computed."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import DataError, ShapeError

Array = NDArray[np.float64]


def checked_confidences(confidence: ArrayLike, correct: ArrayLike) -> tuple[Array, Array]:
    """Return both as float arrays of one axis.

    Raises
    ------
    ShapeError
        If they differ in length or have more than one axis.
    DataError
        If there is no value, or one is outside [0, 1].
    """
    p, y = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    if p.ndim != 1 or p.shape != y.shape:
        raise ShapeError(
            f"confidence has shape {p.shape} and correct {y.shape}; accepted is one axis of equal length."
        )
    if not len(p):
        raise DataError("There are no confidences; calibration needs at least 1. Leave empty groups out.")
    for name, values in (("confidence", p), ("correct", y)):
        wrong = values[~((values >= 0) & (values <= 1))]
        if len(wrong):
            raise DataError(f"{name} holds {wrong[0]}; accepted are values in [0, 1]. Drop rows without one.")
    return p, y

"""Platt scaling: two numbers that turn over- or underconfident probabilities into calibrated ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.metrics._confidences import checked_confidences

__all__ = ["PlattScaling", "fit_platt_scaling"]

Array = NDArray[np.float64]

_CLIP = 1e-12
_PENALTY = 1e-10  # 1/C of the reference code


@dataclass(frozen=True, kw_only=True)
class PlattScaling:
    """The map ``p -> sigmoid(slope · logit(p) + intercept)`` from confidences to calibrated ones."""

    slope: float
    intercept: float

    def apply(self, confidence: ArrayLike) -> Array:
        """Calibrate confidences; same shape."""
        return _sigmoid(self.slope * _logit(np.asarray(confidence, dtype=np.float64)) + self.intercept)


def fit_platt_scaling(
    confidence: ArrayLike, correct: ArrayLike, *, max_steps: int = 100
) -> PlattScaling | None:
    """Fit Platt scaling by logistic regression, practically without penalty.

    Parameters
    ----------
    confidence, correct
        As in `expected_calibration_error`; confidences are clipped to [1e-12, 1 - 1e-12].
    max_steps : int
        Bound on Newton steps; it takes about ten unless the two classes can be separated, where the penalty
        alone (1e-10 on the slope, as in the reference code) keeps the optimum finite.

    Returns
    -------
    PlattScaling or None
        None when all predictions are right or all are wrong, where nothing can be fitted.

    Raises
    ------
    ShapeError, DataError
        As `expected_calibration_error`.

    References
    ----------
    J. Platt, Advances in Large Margin Classifiers (1999) 61-74.
    """
    p, y = checked_confidences(confidence, correct)
    if y.min() == y.max():
        return None
    design = np.stack([_logit(p), np.ones_like(p)], axis=1)  # (n, 2)
    penalty = np.array([_PENALTY, 0.0])
    weights = np.zeros(2)
    loss = _logistic_loss(design, y, weights, penalty)
    for _ in range(max_steps):
        fitted = _sigmoid(design @ weights)
        gradient = design.T @ (fitted - y) + penalty * weights
        curvature = (design * (fitted * (1 - fitted))[:, None]).T @ design + np.diag(penalty)
        direction = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        step = 1.0
        while (new := _logistic_loss(design, y, weights - step * direction, penalty)) > loss and step > 1e-8:
            step /= 2
        if not new < loss:
            break
        weights, loss = weights - step * direction, new
    return PlattScaling(slope=float(weights[0]), intercept=float(weights[1]))


def _logistic_loss(design: Array, y: Array, weights: Array, penalty: Array) -> float:
    margin = design @ weights
    return float((np.logaddexp(0.0, margin) - y * margin).sum() + (penalty * weights**2).sum() / 2)


def _logit(p: Array) -> Array:
    clipped = np.clip(p, _CLIP, 1 - _CLIP)
    return np.asarray(np.log(clipped) - np.log1p(-clipped), dtype=np.float64)


def _sigmoid(x: Array) -> Array:
    return np.asarray(np.exp(-np.logaddexp(0.0, -x)), dtype=np.float64)

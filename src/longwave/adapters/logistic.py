"""Logistic regression of several classes with a penalty of squares, to convergence.

Shapes: n points, d coordinates, C classes.
"""

from __future__ import annotations

import logging

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["fit_logistic"]

log = logging.getLogger(__name__)

_ROUNDS = 200
_GRADIENT = 1e-6


def fit_logistic(
    x: NDArray[np.float64], y: NDArray[np.int64], n_classes: int, *, strength: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weights (C, d) and intercepts (C,) that make the penalised loss smallest.

    Parameters
    ----------
    x : ndarray, shape (n, d)
    y : ndarray, shape (n,)
        From 0 to C - 1.
    n_classes : int
        ``C``. A class without points gets an intercept that falls as long as rounds last.
    strength : float
        ``C`` of the penalty, its inverse strength.

    Notes
    -----
    ``Σ_i -log p(y_i | x_i) + |W|²/(2·strength)``, intercepts free of penalty, divided by n; L-BFGS with
    strong Wolfe line search in float64 from zero, until no gradient exceeds 1e-6 or 200 rounds have passed.
    Intercepts are shifted to a mean of 0.
    """
    points, classes = torch.from_numpy(x), torch.from_numpy(y)
    weight = torch.zeros(n_classes, x.shape[1], dtype=torch.float64, requires_grad=True)
    intercept = torch.zeros(n_classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [weight, intercept],
        max_iter=_ROUNDS,
        tolerance_grad=_GRADIENT,
        tolerance_change=0.0,
        history_size=20,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.cross_entropy(points @ weight.T + intercept, classes)
        value = value + weight.square().sum() / (2 * strength * len(x))
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    shift = intercept.detach().mean()
    return weight.detach().numpy(), (intercept.detach() - shift).numpy()

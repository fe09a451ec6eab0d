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

from longwave.adapters.embeddings import row_blocks

__all__ = ["fit_logistic"]

log = logging.getLogger(__name__)

_ROUNDS = 200
_GRADIENT = 1e-6


def fit_logistic(
    x: NDArray[np.floating],
    y: NDArray[np.int64],
    n_classes: int,
    *,
    strength: float,
    centre: NDArray[np.float64] | None = None,
    scale: NDArray[np.float64] | None = None,
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
    centre, scale : ndarray, shape (d,), optional
        What is taken from the points first, and what they are divided by.

    Notes
    -----
    ``Σ_i -log p(y_i | x_i) + |W|²/(2·strength)``, intercepts free of penalty, divided by n; L-BFGS with
    strong Wolfe line search in float64 from zero, until no gradient exceeds 1e-6 or 200 rounds have passed.
    Intercepts are shifted to a mean of 0. Points are standardised and compared in blocks, so that memory is
    theirs and that of a block.
    """
    d = x.shape[1]
    centre, scale = (np.zeros(d) if centre is None else centre), (np.ones(d) if scale is None else scale)
    blocks = list(row_blocks(len(x), max(d, n_classes)))
    classes = torch.from_numpy(y)
    weight = torch.zeros(n_classes, d, dtype=torch.float64, requires_grad=True)
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
        value = weight.square().sum() / (2 * strength * len(x))
        value.backward()  # type: ignore[no-untyped-call]
        total = value.detach()
        for rows in blocks:
            points = torch.from_numpy((x[rows] - centre) / scale)
            logits = points @ weight.T + intercept
            value = F.cross_entropy(logits, classes[rows], reduction="sum") / len(x)
            value.backward()  # type: ignore[no-untyped-call]
            total = total + value.detach()
        return total

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    shift = intercept.detach().mean()
    return weight.detach().numpy(), (intercept.detach() - shift).numpy()

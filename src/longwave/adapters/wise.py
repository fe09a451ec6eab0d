"""Weights between a probe and the zero-shot head (WiSE-FT).

Shapes: n points, d width of the embeddings, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from longwave.adapters.base import Problem
from longwave.adapters.descent import DescentConfig
from longwave.adapters.embeddings import Floats, unit_rows
from longwave.adapters.linear import LinearMethod, LinearProbe
from longwave.adapters.selection import GroupScore
from longwave.errors import ConfigError

__all__ = ["WiSE"]


class WiSE(LinearMethod):
    """Mix the weights of a trained probe with those of the zero-shot head.

    Parameters
    ----------
    alpha : float, optional
        Share of the probe, from 0 to 1. Default: chosen among 0, 0.1, ..., 1 by the worst validation group,
        ties by the average and then the smaller share; 0.5 without validation.
    temperature : float
        Factor of the cosines in the zero-shot head's logits.
    descent : DescentConfig, optional
        Of the probe, see `LinearProbe`.
    device : str
    seed : int

    Attributes
    ----------
    alpha_ : float
    scores_ : dict from float to GroupScore
        Of every share that was tried; empty where none was.
    coef_, intercept_, classes_, class_embeddings_, n_features_in_

    Notes
    -----
    ``W = α W_probe + (1 - α) temperature · Q``, biases likewise. Both heads act on unit rows.

    References
    ----------
    arXiv 2109.01903, for a whole model; here for its head.
    """

    _facts = ("alpha_",)

    def __init__(
        self,
        *,
        alpha: float | None = None,
        temperature: float = 100.0,
        descent: DescentConfig | None = None,
        device: str = "auto",
        seed: int = 0,
    ) -> None:
        self.alpha = alpha
        self.temperature = temperature
        self.descent = descent
        self.device = device
        self.seed = seed

    def fit(
        self,
        embeddings: ArrayLike,
        labels: ArrayLike,
        *,
        class_embeddings: ArrayLike | None = None,
        validation: Sequence[ArrayLike] | None = None,
    ) -> Self:
        """Train the probe and choose its share; parameters and errors as `ERMAdapter.fit`."""
        if self.alpha is not None and not 0 <= self.alpha <= 1:
            raise ConfigError(f"alpha is {self.alpha}; accepted is from 0 (zero-shot) to 1 (probe).")
        problem = self._check(embeddings, labels, class_embeddings, validation)
        probe = LinearProbe(descent=self.descent, device=self.device, seed=self.seed)
        probe.fit(embeddings, labels, class_embeddings=class_embeddings, validation=validation)
        self.scores_: dict[float, GroupScore] = {}
        self.alpha_ = self._choose(problem, probe)
        self.coef_, self.intercept_ = self._head(problem, probe, self.alpha_)
        return self

    def _choose(self, problem: Problem, probe: LinearProbe) -> float:
        validation = problem.validation
        if self.alpha is not None or validation is None:
            return 0.5 if self.alpha is None else self.alpha
        unit = unit_rows(validation.x)
        for tenth in range(11):
            coef, intercept = self._head(problem, probe, tenth / 10)
            self.scores_[tenth / 10] = validation.score((unit @ coef.T + intercept).argmax(axis=1))
        return max(self.scores_, key=lambda alpha: self.scores_[alpha])

    def _head(self, problem: Problem, probe: LinearProbe, alpha: float) -> tuple[Floats, Floats]:
        """Return weights and biases with a share of the probe."""
        coef = alpha * probe.coef_ + (1 - alpha) * self.temperature * problem.q
        return np.asarray(coef, dtype=np.float32), np.asarray(alpha * probe.intercept_, dtype=np.float32)

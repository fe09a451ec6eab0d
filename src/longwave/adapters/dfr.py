"""Deep feature reweighting: logistic regression on sets in which all groups are equally large.

Shapes: n points, d width of the embeddings, C classes, G groups.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.adapters.base import Problem
from longwave.adapters.embeddings import Floats, Ints, code_groups, row_blocks, unit_rows
from longwave.adapters.linear import LinearMethod
from longwave.adapters.logistic import fit_logistic
from longwave.adapters.selection import GroupScore, Validation
from longwave.errors import ConfigError, DataError

__all__ = ["DFR"]

log = logging.getLogger(__name__)

_ROUNDING = 1e-8  # deviation of coordinates that are all the same


class DFR(LinearMethod):
    """Fit a linear head to balanced groups; the mean of several draws.

    Parameters
    ----------
    data : {"train", "validation"}
        Whose points and groups the head is fitted to.
    strengths : tuple of float
        Inverse strengths ``C`` of the penalty to choose among.
    draws : int
        Balanced sets that are drawn, and whose heads are averaged.
    seed : int
        Of the draws.

    Attributes
    ----------
    strength_ : float
    scores_ : dict from float to GroupScore
        Of every strength that was tried; empty where none was.
    coef_, intercept_, classes_, class_embeddings_, n_features_in_

    Notes
    -----
    A balanced set has as many points of every group as the smallest group has. With data="train" the
    strength is chosen by the worst validation group; with data="validation" on one half of the validation
    points, drawn group by group, after a fit to the other half, and then all of them are fitted. Ties go to
    the average, then to the order given. Without a way to choose, the first strength is taken.

    Coordinates are standardised by the mean and deviation of the fitted points; the penalty is
    ``|W|²/(2C)`` beside the sum of the losses.

    References
    ----------
    arXiv 2204.02937, with a penalty of squares for its absolute values.
    """

    _facts = ("strength_",)

    def __init__(
        self,
        *,
        data: Literal["train", "validation"] = "train",
        strengths: tuple[float, ...] = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001),
        draws: int = 10,
        seed: int = 0,
    ) -> None:
        self.data = data
        self.strengths = strengths
        self.draws = draws
        self.seed = seed

    def fit(
        self,
        embeddings: ArrayLike,
        labels: ArrayLike,
        *,
        groups: ArrayLike | None = None,
        class_embeddings: ArrayLike | None = None,
        validation: Sequence[ArrayLike] | None = None,
    ) -> Self:
        """Learn from embeddings (n, d), labels (n,) and groups (n,), or from the validation points.

        Parameters
        ----------
        groups : array_like, shape (n,)
            Needed with data="train", and not looked at otherwise.
        validation
            Needed with data="validation".

        Other parameters and errors as `ERMAdapter.fit`.
        """
        self._check_arguments()
        problem = self._check(embeddings, labels, class_embeddings, validation)
        self.scores_: dict[float, GroupScore] = {}
        if self.data == "train":
            if groups is None:
                raise ConfigError(
                    'DFR(data="train") needs the groups of the training points; pass groups, or fit to '
                    'validation points by data="validation".'
                )
            codes, names = code_groups(groups, len(problem.x))
            points = Validation(x=problem.x, y=problem.y, groups=codes, n_groups=len(names))
            self.strength_ = self._choose(points, problem.validation, problem)
        else:
            if problem.validation is None:
                raise ConfigError('DFR(data="validation") needs validation=(embeddings, labels, groups).')
            points = problem.validation
            fitted, held_out = _halves(points, np.random.default_rng(self.seed))
            self.strength_ = self._choose(fitted, held_out, problem)
        self.coef_, self.intercept_ = self._fit_draws(points, self.strength_, problem)
        return self

    def _check_arguments(self) -> None:
        if self.data not in ("train", "validation"):
            raise ConfigError(f'Unknown data "{self.data}". Known: train, validation.')
        if not self.strengths or min(self.strengths) <= 0 or self.draws < 1:
            raise ConfigError(
                f"strengths are {self.strengths} and draws {self.draws}; accepted are numbers above 0, and 1 "
                f"draw at least."
            )

    def _choose(self, points: Validation, held_out: Validation | None, problem: Problem) -> float:
        if held_out is None:
            return self.strengths[0]
        unit = unit_rows(held_out.x)
        for strength in self.strengths:
            coef, intercept = self._fit_draws(points, strength, problem)
            self.scores_[strength] = held_out.score((unit @ coef.T + intercept).argmax(axis=1))
        return max(self.scores_, key=lambda strength: self.scores_[strength])

    def _fit_draws(self, points: Validation, strength: float, problem: Problem) -> tuple[Floats, Floats]:
        """Return the mean head of all draws, for unit rows that are not standardised."""
        rng = np.random.default_rng(self.seed)
        n_classes = len(problem.classes)
        coefs, intercepts = [], []
        for _ in range(self.draws):
            rows = _balanced_rows(points.groups, rng)
            if len(np.unique(points.y[rows])) < 2:
                raise DataError("The groups hold one class only; a head needs points of two at least.")
            unit = unit_rows(points.x, rows)
            mean, deviation = _moments(unit)
            coef, intercept = fit_logistic(
                unit, points.y[rows], n_classes, strength=strength, centre=mean, scale=deviation
            )
            coefs.append(coef / deviation)
            intercepts.append(intercept - coefs[-1] @ mean)
        coef, intercept = np.mean(coefs, axis=0), np.mean(intercepts, axis=0)
        return coef.astype(np.float32), intercept.astype(np.float32)


def _moments(unit: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean and the deviation of every coordinate, (d,) each; 1 where nothing deviates."""
    mean = unit.mean(axis=0, dtype=np.float64)
    squares = np.zeros(unit.shape[1])
    for rows in row_blocks(*unit.shape):
        squares += np.square(unit[rows] - mean).sum(axis=0)
    deviation = np.sqrt(squares / len(unit))
    return mean, np.where(deviation > _ROUNDING, deviation, 1.0)


def _balanced_rows(groups: Ints, rng: np.random.Generator) -> Ints:
    """Draw as many rows of every group that has some as the smallest has."""
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    fewest = min(len(one) for one in members)
    return np.concatenate([rng.choice(one, fewest, replace=False) for one in members])


def _halves(points: Validation, rng: np.random.Generator) -> tuple[Validation, Validation]:
    """Cut points into two halves, group by group; a group of one point is in both."""
    first = np.zeros(len(points.y), dtype=bool)
    alone = np.zeros(len(points.y), dtype=bool)
    for g in np.unique(points.groups):
        members = rng.permutation(np.flatnonzero(points.groups == g))
        first[members[: (len(members) + 1) // 2]] = True
        alone[members] = len(members) == 1
    return _chosen(points, first), _chosen(points, ~first | alone)


def _chosen(points: Validation, rows: NDArray[np.bool_]) -> Validation:
    return Validation(
        x=points.x[rows], y=points.y[rows], groups=points.groups[rows], n_groups=points.n_groups
    )

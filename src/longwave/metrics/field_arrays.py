"""Batches of fields as arrays: what is accepted, and sums of each sample."""

# Shapes: B samples, C channels, grid 1 to 3 axes

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import DataError, ShapeError

__all__ = ["check_fields", "check_pair", "finite_samples", "mean_by_sample", "quotient", "sum_by_sample"]

Array = NDArray[np.float64]


def finite_samples(fields: ArrayLike) -> NDArray[np.bool_]:
    """Tell of each sample whether all its values are finite: (B, ...) to (B,).

    A prediction that is not, such as a rollout that ran away, has no error; its row says so in ``error``.
    """
    values = np.asarray(fields)
    return np.asarray(np.isfinite(values).all(axis=tuple(range(1, values.ndim))), dtype=np.bool_)


def check_fields(values: ArrayLike, what: str) -> Array:
    """Return a batch of fields in float64.

    Parameters
    ----------
    values : array, shape (B, C, *grid)
    what : str
        What a message calls it, such as ``"target"``.

    Raises
    ------
    ShapeError
        If it is no batch of real fields, or has no point.
    DataError
        If a value is NaN or infinite; the message names the first such sample.
    """
    fields = np.asarray(values)
    if not 3 <= fields.ndim <= 5 or 0 in fields.shape[1:] or np.iscomplexobj(fields):
        raise ShapeError(
            f"The {what}s have shape {fields.shape} and type {fields.dtype}; accepted are real fields (B, C, "
            "*grid) with 1 to 3 axes and at least one point. Put samples and channels before the grid."
        )
    is_finite = finite_samples(fields)
    if not is_finite.all():
        bad = np.flatnonzero(~is_finite)
        raise DataError(
            f"The {what} of sample {bad[0]} has values that are NaN or infinite ({len(bad)} of "
            f"{len(fields)} samples do). Leave those out, see finite_samples, or find out why the model or "
            "the solver failed."
        )
    return np.asarray(fields, dtype=np.float64)


def check_pair(prediction: ArrayLike, target: ArrayLike) -> tuple[Array, Array]:
    """Return predictions and targets of one shape in float64; errors as `check_fields`."""
    got, want = check_fields(prediction, "prediction"), check_fields(target, "target")
    if got.shape != want.shape:
        raise ShapeError(
            f"The predictions have shape {got.shape} but the targets {want.shape}; give one prediction of "
            "the same channels and grid for each target."
        )
    return got, want


def sum_by_sample(values: Array) -> Array:
    """Sum over all but the first axis."""
    return np.asarray(values.sum(axis=tuple(range(1, values.ndim))), dtype=np.float64)


def mean_by_sample(values: Array) -> Array:
    """Average over all but the first axis."""
    return sum_by_sample(values) / math.prod(values.shape[1:])


def quotient(top: Array, bottom: Array) -> Array:
    """Divide; where there is nothing to divide by, 0 of nothing and infinity of something."""
    empty = np.where(top > 0, math.inf, 0.0)
    return np.asarray(np.divide(top, bottom, out=empty, where=bottom > 0), dtype=np.float64)

"""Checks of embeddings, labels and groups: what is wrong, in which rows.

Shapes: n points, d width of the embeddings, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longwave.errors import DataError, ShapeError

__all__ = [
    "Floats",
    "Ints",
    "check_embeddings",
    "check_labels",
    "code_groups",
    "nearest_rows",
    "row_blocks",
    "unit_rows",
]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_SHOWN = 5
_BLOCK_VALUES = 1 << 24  # numbers of a block: 64 MiB


def check_embeddings(embeddings: ArrayLike, *, name: str = "embeddings", width: int | None = None) -> Floats:
    """Return embeddings as a float32 matrix of finite rows, none of them zero.

    Parameters
    ----------
    embeddings : array_like, shape (n, d)
    name : str
        What the message calls them.
    width : int, optional
        The ``d`` that is expected.

    Returns
    -------
    ndarray, shape (n, d)
        float32; the array itself where it is one already.

    Raises
    ------
    ShapeError
        If it is no matrix, is empty, or has another width.
    DataError
        If rows hold NaN or infinity, or are zero: they have no direction. The message says which.
    """
    if hasattr(embeddings, "toarray"):
        raise DataError(f"{name} are sparse; accepted is a dense matrix. Pass {name}.toarray().")
    try:
        x = np.asarray(embeddings)
        if np.iscomplexobj(x):
            raise DataError(
                f"{name} hold complex data; accepted are real numbers. Complex data not supported."
            )
        x = np.ascontiguousarray(x, dtype=np.float32)
    except (TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"{name} are no matrix of numbers ({error}); accepted is one of shape (n, d)."
        ) from error
    if x.ndim != 2:
        raise ShapeError(
            f"{name} have shape {x.shape}; accepted is (n, d), one row a point. Reshape your data: "
            f"array.reshape(1, -1) makes one row of a single vector."
        )
    if not len(x):
        raise ShapeError(f"{name} have 0 rows (shape {x.shape}) while a minimum of 1 is required.")
    if not x.shape[1]:
        raise ShapeError(f"{name} have 0 feature(s) (shape={x.shape}) while a minimum of 1 is required.")
    if width is not None and x.shape[1] != width:
        raise ShapeError(
            f"{name} have width {x.shape[1]} but {width} is expected (shape {x.shape}): all embeddings and "
            f"class embeddings must come from one encoder."
        )
    is_whole, is_zero = np.ones(len(x), dtype=bool), np.zeros(len(x), dtype=bool)
    for rows in row_blocks(len(x), x.shape[1]):
        is_whole[rows] = np.isfinite(x[rows]).all(axis=1)
        is_zero[rows] = np.logical_not(x[rows].any(axis=1))
    _refuse_rows(~is_whole, name, "hold NaN or infinity", "Drop or mend them.")
    _refuse_rows(is_zero, name, "are zero and have no direction", "Drop them, or embed their inputs anew.")
    return x


def check_labels(labels: ArrayLike, n: int, *, name: str = "labels") -> NDArray[np.generic]:
    """Return labels or groups as one axis of ``n`` values, text or whole numbers.

    Raises
    ------
    ShapeError
        If there are not ``n`` of them, along one axis.
    DataError
        If one is missing, or is a number with a fraction.
    """
    if labels is None:
        raise DataError(f"{name} are None; learning requires y to be passed: one label for each embedding.")
    y = np.asarray(labels)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.shape != (n,):
        raise ShapeError(
            f"{name} have shape {y.shape} but there are {n} embeddings; accepted is one for each."
        )
    if y.dtype == object:
        _refuse_rows(np.array([value is None for value in y]), name, "are None", "Drop such rows.")
        y = (
            np.asarray([str(value) for value in y])
            if any(isinstance(v, str) for v in y)
            else y.astype(np.float64)
        )
    if np.issubdtype(y.dtype, np.floating):
        _refuse_rows(~np.isfinite(y), name, "hold NaN or infinity", "Drop such rows.")
        _refuse_rows(
            y != np.floor(y),
            name,
            "have a fraction",
            "Unknown label type: accepted are whole numbers and text.",
        )
        y = y.astype(np.int64)
    return y


def code_groups(groups: ArrayLike, n: int, *, name: str = "groups") -> tuple[Ints, list[str]]:
    """Return the number of each point's group, from 0, and the groups' names in sorted order."""
    names, codes = np.unique(check_labels(groups, n, name=name), return_inverse=True)
    return codes.astype(np.int64), [str(one) for one in names]


def row_blocks(n: int, width: int) -> Iterator[slice]:
    """Cut ``n`` rows into blocks of 64 MiB, for work on matrices that are ``width`` wide."""
    size = max(1, _BLOCK_VALUES // width)
    return (slice(start, min(start + size, n)) for start in range(0, n, size))


def unit_rows(x: Floats, chosen: Ints | None = None) -> Floats:
    """Scale every row, or every chosen one, to length 1.

    Lengths are taken after division by the largest entry, so that neither huge nor tiny rows overflow. Needs
    the memory of its result and of a block.
    """
    n = len(x) if chosen is None else len(chosen)
    unit = np.empty((n, x.shape[1]), dtype=np.float32)
    for rows in row_blocks(n, x.shape[1]):
        block = x[rows] if chosen is None else x[chosen[rows]]
        scaled = block / np.abs(block).max(axis=1, keepdims=True)
        unit[rows] = scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
    return unit


def nearest_rows(x: Floats, unit: Floats) -> Ints:
    """Return for each row of ``x`` (n, d) which of the unit rows (C, d) has the greatest cosine, (n,)."""
    blocks = row_blocks(len(x), max(unit.shape))
    found = [(unit_rows(x[rows]) @ unit.T).argmax(axis=1) for rows in blocks]
    return np.concatenate(found).astype(np.int64)


def _refuse_rows(is_wrong: NDArray[np.bool_], name: str, what: str, remedy: str) -> None:
    rows = np.flatnonzero(is_wrong)
    if len(rows):
        shown = ", ".join(str(row) for row in rows[:_SHOWN])
        more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
        raise DataError(
            f"{len(rows)} of {len(is_wrong)} rows of {name} {what} (rows {shown}{more}). {remedy}"
        )

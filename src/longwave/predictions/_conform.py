"""Check a frame against a table's schema and bring it into the table's form without changing a value."""

from __future__ import annotations

import polars as pl

from longwave.errors import TableError, nearest
from longwave.predictions.schema import Table

NULL_KEYS = frozenset({"perturbation"})  # null is a value there: the original input
_ROUNDING = 1e-6  # a softmax in half precision may sum to a little more than one


def conform(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Return the rows with exactly the table's columns and types; columns outside the key may be missing.

    Raises
    ------
    TableError
        If a column is unknown, missing from the key, of a type that cannot be converted without loss, null
        where it belongs to the key, NaN, or (``confidence``) no probability.
    """
    if frame.schema != table.schema:
        _refuse_unknown(frame, table)
        _refuse_missing(frame, table)
        frame = frame.select(_column(frame, name, dtype, table) for name, dtype in table.schema.items())
    _refuse_null_keys(frame, table)
    _refuse_nan(frame, table)
    return _check_confidence(frame) if "confidence" in table.schema else frame


def _refuse_unknown(frame: pl.DataFrame, table: Table) -> None:
    for name in frame.columns:
        if name not in table.schema:
            close = nearest(name, table.schema, n=1)
            hint = f' Did you mean "{close[0]}"?' if close else ""
            raise TableError(
                f'Unknown column "{name}" in {table.name}.{hint} Known: {", ".join(table.schema)}. '
                f"Drop it, or write other scores to the side table with append_side."
            )


def _refuse_missing(frame: pl.DataFrame, table: Table) -> None:
    missing = [name for name in table.key if name not in frame.columns]
    if missing:
        listing = ", ".join(f'"{name}"' for name in missing)
        raise TableError(
            f"Missing key column {listing} in {table.name}. The key is {', '.join(table.key)}; add it."
        )


def _column(frame: pl.DataFrame, name: str, dtype: pl.DataType, table: Table) -> pl.Series:
    if name not in frame.columns:
        return pl.Series(name, [None], dtype=dtype).new_from_index(0, len(frame))
    column = frame[name]
    if not _fits(column.dtype, dtype):
        raise TableError(
            f'Column "{name}" of {table.name} has type {column.dtype}; accepted is {dtype}. Convert it '
            f"before writing."
        )
    try:
        converted = column.cast(dtype, strict=True)
    except pl.exceptions.PolarsError as error:
        reason = str(error).splitlines()[0]
        raise TableError(f'Column "{name}" of {table.name} does not fit into {dtype}: {reason}.') from error
    if column.dtype.is_integer() and dtype.is_float():
        _refuse_rounding(column, converted, table)
    return converted


def _refuse_rounding(column: pl.Series, converted: pl.Series, table: Table) -> None:
    """Refuse whole numbers beyond 2**53, most of which no float holds."""
    changed = column.filter(converted.cast(column.dtype, strict=False).ne_missing(column))
    if len(changed):
        raise TableError(
            f'Column "{column.name}" of {table.name} does not fit into {converted.dtype}: {changed[0]} would '
            f"be rounded."
        )


def _fits(have: pl.DataType, want: pl.DataType) -> bool:
    """Tell whether values of one type survive a strict cast to the other unchanged."""
    if isinstance(have, pl.List) and isinstance(want, pl.List):
        return _fits(_inner(have), _inner(want))
    return (
        have == want
        or have == pl.Null
        or (have.is_integer() and want.is_numeric())
        or (have.is_float() and want.is_float())
        or (have in (pl.Categorical, pl.Enum) and want == pl.String)
    )


def _inner(dtype: pl.List) -> pl.DataType:
    return dtype.inner if isinstance(dtype.inner, pl.DataType) else dtype.inner()


def _refuse_null_keys(frame: pl.DataFrame, table: Table) -> None:
    for name in table.key:
        if name not in NULL_KEYS and frame[name].null_count():
            row = int(frame[name].is_null().arg_max() or 0)
            raise TableError(
                f'Column "{name}" of {table.name} is null in row {row}. It belongs to the key, of which only '
                f"perturbation may be null; fill it."
            )


def _refuse_nan(frame: pl.DataFrame, table: Table) -> None:
    for name, dtype in table.schema.items():
        if dtype.is_float() and frame[name].is_nan().any():
            row = int(frame[name].is_nan().arg_max() or 0)
            raise TableError(
                f'Column "{name}" of {table.name} is NaN in row {row}. Write null for a missing value.'
            )


def _check_confidence(frame: pl.DataFrame) -> pl.DataFrame:
    column = frame["confidence"]
    wrong = column.filter(~column.is_between(-_ROUNDING, 1 + _ROUNDING))
    if len(wrong):
        raise TableError(
            f'Column "confidence" holds {wrong[0]}; accepted are probabilities in [0, 1] and null. '
            f"Take exp of a log-probability, or a softmax of scores."
        )
    return frame.with_columns(column.clip(0.0, 1.0))

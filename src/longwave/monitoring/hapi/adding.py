"""Take a new round into a store: every row is checked before any is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from longwave.errors import DataError
from longwave.monitoring.hapi.checks import check_confidence, check_labels, place_rows
from longwave.monitoring.hapi.labels import LabelSpace
from longwave.monitoring.store import EXTRA_COLUMNS, LABEL_TYPES, Examples, LabelKind, Rows

__all__ = ["Records", "check_examples", "check_rows", "no_examples"]

Records = pl.DataFrame | Iterable[Mapping[str, object]]
_ROW_COLUMNS = ("example_id", "predicted_label", "confidence")
_FURTHER = ("version", "latency_s", "cost_usd", "answer_chars", "label_confidence")


def check_examples(records: Records, space: LabelSpace, where: str) -> Examples:
    """Return the examples of a dataset, in their order.

    Parameters
    ----------
    records : DataFrame or iterable of mapping
        ``example_id``; ``true_label``, ``group`` and ``input`` where they are known.
    space : LabelSpace
    where : str
        Begins messages.

    Raises
    ------
    DataError
    """
    frame = _frame(records, {"example_id": pl.String(), "true_label": LABEL_TYPES[space.kind]}, where)
    further = [name for name in ("group", "input") if name in frame.columns]
    if not len(frame) or frame["example_id"].null_count():
        raise DataError(f"{where}: a dataset needs at least one example, and each of them an example_id.")
    has_labels = frame["true_label"].null_count() < len(frame)
    if has_labels:
        check_labels(frame["true_label"], space, where)
    rows = frame.select(
        pl.int_range(pl.len(), dtype=pl.Int32).alias("row"),
        "example_id",
        "true_label",
        *(pl.col(name).cast(pl.String) for name in further),
    )
    return Examples(
        kind=space.kind, n_examples=len(rows), has_labels=has_labels, read=rows.lazy, given=frozenset(further)
    )


def no_examples(kind: LabelKind) -> Examples:
    """Return the examples of a dataset of which runs are only listed."""
    schema = {"row": pl.Int32(), "example_id": pl.String(), "true_label": LABEL_TYPES[kind]}
    return Examples(kind=kind, n_examples=0, has_labels=False, read=lambda: pl.LazyFrame(schema=schema))


def check_rows(
    records: Records,
    examples: Examples,
    space: LabelSpace,
    *,
    where: str,
    labelmap: Mapping[object, object] | None = None,
    allow_partial: bool = False,
) -> Rows:
    """Return the rows of a run, each with its place in the dataset.

    Parameters
    ----------
    records : DataFrame or iterable of mapping
        ``example_id``, ``predicted_label``, ``confidence``, and ``version``, ``latency_s``, ``cost_usd``,
        ``answer_chars`` and ``label_confidence`` where they are known.
    examples : Examples
        Of the dataset.
    space : LabelSpace
        Of the dataset.
    where : str
        Begins messages.
    labelmap : mapping, optional
        From labels, or single tags, of the vendor to common ones; every one that occurs must be in it.
    allow_partial : bool
        Accept a part of the rows; ids must be unique then.

    Raises
    ------
    DataError
    """
    records = _mapped(records, labelmap, where) if labelmap is not None else records
    frame = _frame(records, {"example_id": pl.String(), "predicted_label": LABEL_TYPES[space.kind]}, where)
    unknown = [name for name in frame.columns if name not in (*_ROW_COLUMNS, *_FURTHER)]
    if unknown:
        raise DataError(
            f"{where}: unknown column {unknown[0]}. Known: {', '.join((*_ROW_COLUMNS, *_FURTHER))}."
        )
    if "confidence" not in frame.columns:
        frame = frame.with_columns(pl.lit(None, dtype=pl.Float64).alias("confidence"))
    frame = frame.cast({name: EXTRA_COLUMNS[name] for name in frame.columns if name in _FURTHER})
    check_labels(frame["predicted_label"], space, where)
    check_confidence(frame["confidence"].cast(pl.Float64), where)
    if not len(frame) or (len(frame) != examples.n_examples and not allow_partial):
        raise DataError(
            f"{where} has {len(frame):,} rows, the dataset {examples.n_examples:,} examples. Give all of "
            "them, or say allow_partial=True; differences between rounds are then over the rows that both "
            "have."
        )
    place = place_rows(
        frame["example_id"], examples.read().select("example_id").collect()["example_id"], where
    )
    is_in_order = len(frame) == examples.n_examples and bool(
        (place == pl.int_range(len(place), eager=True)).all()
    )
    if len(frame) == examples.n_examples and not is_in_order:
        raise DataError(
            f"{where} lists the examples in another order than the labels, {frame['example_id'][0]} first. "
            "Sort its rows as the labels are."
        )
    given = [name for name in _FURTHER if name in frame.columns]
    kept = frame.select(place, "predicted_label", pl.col("confidence").cast(pl.Float64), *given)
    return Rows(n_rows=len(kept), read=kept.lazy, is_in_order=is_in_order, given=frozenset(given))


def _frame(records: Records, needed: Mapping[str, pl.DataType], where: str) -> pl.DataFrame:
    """Return records as a frame with the needed columns in their types."""
    try:
        frame = (
            records
            if isinstance(records, pl.DataFrame)
            else pl.DataFrame(list(records), infer_schema_length=None)
        )
        if "true_label" in needed and "true_label" not in frame.columns:
            frame = frame.with_columns(pl.lit(None).alias("true_label"))
        missing = [name for name in needed if name not in frame.columns]
        if missing:
            raise DataError(f"{where}: rows have no {', '.join(missing)}. They need {', '.join(needed)}.")
        return frame.cast(dict(needed), strict=True)  # type: ignore[arg-type]
    except (pl.exceptions.PolarsError, TypeError) as error:
        reason = str(error).splitlines()[0]
        types = ", ".join(f"{name} {dtype}" for name, dtype in needed.items())
        raise DataError(f"{where}: rows do not have the types {types}: {reason}") from error


def _mapped(
    records: Records, labelmap: Mapping[object, object], where: str
) -> Sequence[Mapping[str, object]]:
    """Translate the labels of a vendor."""
    rows = records.to_dicts() if isinstance(records, pl.DataFrame) else [dict(row) for row in records]
    for place, row in enumerate(rows):
        native = row.get("predicted_label")
        tags = list(native) if isinstance(native, Sequence) and not isinstance(native, str) else [native]
        strange = [tag for tag in tags if tag not in labelmap]
        if strange:
            raise DataError(
                f"{where}, row {place}: the vendor's label {strange[0]!r} is not in the labelmap, which "
                f"knows {', '.join(map(repr, labelmap))}. Add it."
            )
        common = [labelmap[tag] for tag in tags]
        row["predicted_label"] = common[0] if tags == [native] else common
    return rows

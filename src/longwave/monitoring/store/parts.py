"""What a store of runs is made of: the runs, and the examples they were about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import polars as pl

__all__ = [
    "EXTRA_COLUMNS",
    "LABEL_COLUMNS",
    "LABEL_TYPES",
    "ORDERED_STATUSES",
    "RUN_COLUMNS",
    "TABLE_COLUMNS",
    "ConfidenceKind",
    "DateStatus",
    "Examples",
    "LabelKind",
    "Rows",
    "Run",
    "table_schema",
]

LabelKind = Literal["class", "tags", "text"]
DateStatus = Literal["confirmed", "not_later_than", "model_snapshot", "unknown"]
ConfidenceKind = Literal["probability", "levels", "magnitude", "score", "none"]

# of what an analysis of change over time accepts
ORDERED_STATUSES: tuple[DateStatus, ...] = ("confirmed", "not_later_than", "model_snapshot")

LABEL_TYPES: dict[LabelKind, pl.DataType] = {
    "class": pl.Int16(),
    "tags": pl.List(pl.String()),
    "text": pl.String(),
}

# name: type; what store.runs() returns
RUN_COLUMNS = pl.Schema(
    {
        "run": pl.Int32(),
        "task": pl.Categorical(),
        "dataset": pl.Categorical(),
        "api": pl.Categorical(),
        "date": pl.Categorical(),
        "version": pl.String(),
        "kind": pl.String(),
        "n_rows": pl.Int64(),
        "n_examples": pl.Int64(),
        "has_labels": pl.Boolean(),
        "cost_per_10k": pl.Float64(),
        "date_status": pl.String(),
        "confidence_kind": pl.String(),
        "accuracy": pl.Float64(),
    }
)

# what store.table() returns for classes; for other kinds both labels have another type
TABLE_COLUMNS = pl.Schema(
    {
        "run": pl.Int32(),
        "task": pl.Categorical(),
        "dataset": pl.Categorical(),
        "api": pl.Categorical(),
        "date": pl.Categorical(),
        "row": pl.Int32(),
        "example_id": pl.String(),
        "predicted_label": pl.Int16(),
        "confidence": pl.Float64(),
        "true_label": pl.Int16(),
        "score": pl.Float64(),
        "group": pl.String(),
    }
)

# further columns of store.table(), on request
EXTRA_COLUMNS = pl.Schema(
    {
        "version": pl.String(),
        "latency_s": pl.Float64(),
        "cost_usd": pl.Float64(),
        "answer_chars": pl.Int32(),
        "label_confidence": pl.List(pl.Float64()),
        "released_score": pl.Float64(),
    }
)

LABEL_COLUMNS = ("task", "dataset", "row", "example_id", "true_label", "group")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One round of questions: what an API said of a dataset on a day.

    Parameters
    ----------
    task, dataset, api, date : str
        Together the key. ``date`` sorts as text.
    cost_per_10k : float, optional
        US dollars for 10,000 calls.
    date_status : {"confirmed", "not_later_than", "model_snapshot", "unknown"}
        How far the date can be trusted.
    version : str, optional
        Snapshot of the model, where the vendor names one.
    confidence_kind : {"probability", "levels", "magnitude", "score", "none"}
    accuracy : float, optional
        As the source published it.
    """

    task: str
    dataset: str
    api: str
    date: str
    cost_per_10k: float | None = None
    date_status: DateStatus = "unknown"
    version: str | None = None
    confidence_kind: ConfidenceKind = "score"
    accuracy: float | None = None

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Task, dataset, api, date."""
        return self.task, self.dataset, self.api, self.date

    @property
    def path(self) -> str:
        """Where the released layout keeps it, below ``tasks/``."""
        return "/".join(self.key) + ".json"


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The predictions of one run, wherever they are kept.

    Parameters
    ----------
    n_rows : int
        0 for a run that is listed and whose predictions are not here.
    read : callable
        Returns a LazyFrame with ``row``, ``predicted_label``, ``confidence``, and whichever of
        ``EXTRA_COLUMNS`` and ``score`` are named in ``given``; in the order of the source.
    is_in_order : bool
        ``row`` counts from 0 to the number of examples, one by one.
    given : frozenset of str
        Columns besides the first three.
    """

    n_rows: int
    read: Callable[[], pl.LazyFrame]
    is_in_order: bool = True
    given: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Examples:
    """The examples of one dataset.

    Parameters
    ----------
    kind : {"class", "tags", "text"}
    n_examples : int
    has_labels : bool
    read : callable
        Returns a LazyFrame with ``row`` (0 to the number of examples), ``example_id`` and ``true_label``, and
        whichever of ``group`` and ``input`` are named in ``given``.
    given : frozenset of str
        Columns besides the first three.
    """

    kind: LabelKind
    n_examples: int
    has_labels: bool
    read: Callable[[], pl.LazyFrame]
    given: frozenset[str] = frozenset()


def table_schema(kind: LabelKind, columns: tuple[str, ...] | None = None) -> pl.Schema:
    """Return the names and types of a table of runs.

    Parameters
    ----------
    kind : {"class", "tags", "text"}
        Type of both labels.
    columns : tuple of str, optional
        Which, in order; default: those of ``TABLE_COLUMNS``.
    """
    every: dict[str, pl.DataType] = {**TABLE_COLUMNS, **EXTRA_COLUMNS}
    labels = LABEL_TYPES[kind]
    every |= {"predicted_label": labels, "true_label": labels}
    return pl.Schema({name: every[name] for name in columns or tuple(TABLE_COLUMNS)})

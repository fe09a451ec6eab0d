"""Runs of predictors on fixed datasets. `runs` is the store, `parts` what it is made of."""

from longwave.monitoring.store.pairing import Pairing, align, pair_runs
from longwave.monitoring.store.parts import (
    EXTRA_COLUMNS,
    LABEL_TYPES,
    ORDERED_STATUSES,
    RUN_COLUMNS,
    TABLE_COLUMNS,
    ConfidenceKind,
    DateStatus,
    Examples,
    LabelKind,
    Rows,
    Run,
)
from longwave.monitoring.store.runs import Names, RunStore

__all__ = [
    "EXTRA_COLUMNS",
    "LABEL_TYPES",
    "ORDERED_STATUSES",
    "RUN_COLUMNS",
    "TABLE_COLUMNS",
    "ConfidenceKind",
    "DateStatus",
    "Examples",
    "LabelKind",
    "Names",
    "Pairing",
    "Rows",
    "Run",
    "RunStore",
    "align",
    "pair_runs",
]

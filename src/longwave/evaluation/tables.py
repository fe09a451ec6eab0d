"""The tables of an evaluation's folder, read at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from longwave.predictions import read_predictions, read_side

__all__ = ["Tables", "read_tables"]


@dataclass(frozen=True, kw_only=True)
class Tables:
    """What an evaluation's folder holds: the predictions table and its side tables."""

    predictions: pl.DataFrame
    requests: pl.DataFrame
    instances: pl.DataFrame
    scores: pl.DataFrame


def read_tables(folder: Path | str) -> Tables:
    """Read the four tables of an evaluation's folder.

    Raises
    ------
    MissingFile
        If the folder does not exist; a missing table is an empty one.
    TableError
        If a file is damaged, breaks its schema or was written by a newer Longwave.
    """
    return Tables(
        predictions=read_predictions(folder),
        requests=read_side(folder, "requests"),
        instances=read_side(folder, "instances"),
        scores=read_side(folder, "scores"),
    )

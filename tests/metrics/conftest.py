"""A small predictions table for the summaries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl
import pytest

from longwave.predictions import SCHEMA


@pytest.fixture
def table() -> Callable[..., pl.DataFrame]:
    """Return a function that makes a table of n rows from columns; those of the key have defaults."""

    def make(n: int, **columns: Sequence[object]) -> pl.DataFrame:
        filled = {
            "scenario": ["boolq@1"] * n,
            "instance": [f"id{i:04d}" for i in range(n)],
            "model": ["fake:first"] * n,
            "version": ["1"] * n,
            "date": ["2026-01-31"] * n,
            "prompt": ["default"] * n,
            "perturbation": [None] * n,
            "trial": [0] * n,
            **columns,
        }
        full = {name: filled.get(name, [None] * n) for name in SCHEMA}
        extra = {name: values for name, values in columns.items() if name not in SCHEMA}
        return pl.DataFrame({**full, **extra}, schema_overrides=SCHEMA)

    return make


@pytest.fixture
def value_of() -> Callable[..., float]:
    """Return a function that takes one value out of a tidy frame."""

    def find(frame: pl.DataFrame, metric: str, column: str = "value", **groups: object) -> float:
        conditions = [
            pl.col("metric") == metric,
            *(pl.col(name).eq_missing(pl.lit(v)) for name, v in groups.items()),
        ]
        return frame.filter(conditions)[column].item()

    return find

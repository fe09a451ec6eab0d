"""Rows of the predictions table for the tests of its store."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from longwave.predictions import SCHEMA


@pytest.fixture
def make_rows() -> Callable[..., pl.DataFrame]:
    """Return a function that makes n rows with the instances id<start>, id<start+1>, ..."""

    def make(n: int, start: int = 0, **columns: object) -> pl.DataFrame:
        rows = pl.DataFrame(
            {
                "scenario": ["boolq@1"] * n,
                "instance": [f"id{start + i}" for i in range(n)],
                "model": ["fake:first"] * n,
                "version": ["1"] * n,
                "date": ["2026-01-31"] * n,
                "prompt": ["default"] * n,
                "perturbation": [None] * n,
                "trial": [0] * n,
                "prediction": ["Yes"] * n,
                "score": [1.0] * n,
            },
            schema_overrides={"trial": pl.Int32, "perturbation": pl.String},
        )
        return rows.with_columns(
            pl.lit(value, SCHEMA.get(name)).alias(name) for name, value in columns.items()
        )

    return make

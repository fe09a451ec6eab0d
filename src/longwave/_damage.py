"""What polars raises where a file is not what it says; its panics are no Exception, so they are named."""

from __future__ import annotations

import polars as pl

__all__ = ["POLARS_DAMAGE"]

POLARS_DAMAGE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)

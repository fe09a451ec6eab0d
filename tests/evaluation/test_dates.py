"""New rows carry the day of the rows there are."""

from __future__ import annotations

import datetime
from pathlib import Path

import polars as pl

from longwave.evaluation.dates import latest_date
from longwave.predictions import write_predictions


def test_an_empty_folder_has_the_day_of_today(tmp_path: Path) -> None:
    assert latest_date(tmp_path) == datetime.date.today().isoformat()


def test_otherwise_it_is_the_latest(tmp_path: Path) -> None:
    rows = pl.DataFrame({"date": ["2026-01-03", "2026-01-01"]}).with_columns(
        scenario=pl.lit("s@1"), instance=pl.lit("i"), model=pl.lit("m"), version=pl.lit("1"),
        prompt=pl.lit("p"), trial=pl.lit(0), perturbation=pl.lit(None, dtype=pl.String),
    )  # fmt: skip
    write_predictions(tmp_path, rows)
    assert latest_date(tmp_path) == "2026-01-03"

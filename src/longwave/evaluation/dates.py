"""The day that new rows of a folder carry: that of the rows there are, so that they stand beside those."""

from __future__ import annotations

import datetime
from pathlib import Path

from longwave.predictions import read_predictions

__all__ = ["latest_date"]


def latest_date(out: Path) -> str:
    """Return the latest date of a folder's predictions, YYYY-MM-DD; today's where there are none."""
    if (out / "predictions").is_dir():
        dates = read_predictions(out)["date"].drop_nulls()
        if len(dates):
            return str(dates.max())
    return datetime.date.today().isoformat()

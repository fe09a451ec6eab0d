"""Call a change improved, declined or steady: by its size and by whether chance explains it."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

from longwave.monitoring.paired.corrections import Adjustment, adjust_p_values

__all__ = ["MIN_CHANGE", "Verdict", "judge", "judge_all"]

Verdict = Literal["improved", "declined", "steady"]

MIN_CHANGE = 0.01  # a smaller change is steady, however certain


def judge(change: float, p_value: float, *, alpha: float = 0.05, min_change: float = MIN_CHANGE) -> Verdict:
    """Call a change "improved" or "declined" if it is large enough and unlikely by chance, else "steady".

    Parameters
    ----------
    change : float
        Of accuracy, 0.01 is a point.
    p_value : float
        Corrected for the number of series where there are several.
    alpha, min_change : float
        ``|change| >= min_change`` and ``p_value <= alpha`` are both needed.

    Examples
    --------
    >>> judge(-0.02, 0.001), judge(-0.005, 0.001), judge(0.02, 0.3)
    ('declined', 'steady', 'steady')
    """
    if abs(change) < min_change or p_value > alpha:
        return "steady"
    return "improved" if change > 0 else "declined"


def judge_all(
    table: pl.DataFrame, *, adjust: Adjustment = "holm", alpha: float = 0.05, min_change: float = MIN_CHANGE
) -> pl.DataFrame:
    """Correct the p-values of many changes and judge each.

    Parameters
    ----------
    table : DataFrame
        With ``change`` and ``p_value``, null where unknown.
    adjust : {"holm", "bh", "none"}
        Correction over all rows that have a p-value.
    alpha, min_change : float
        As in `judge`.

    Returns
    -------
    DataFrame
        The same rows with ``p_adjusted`` and ``verdict``, null where there is no p-value.
    """
    known = table["p_value"].is_not_null().to_numpy()
    corrected = np.full(len(table), np.nan)
    corrected[known] = adjust_p_values(table["p_value"].to_numpy()[known], adjust)
    verdicts = [
        None if np.isnan(p) else judge(change, p, alpha=alpha, min_change=min_change)
        for change, p in zip(table["change"].to_list(), corrected.tolist(), strict=True)
    ]
    return table.with_columns(
        p_adjusted=pl.Series(corrected, dtype=pl.Float64).fill_nan(None),
        verdict=pl.Series(verdicts, dtype=pl.String),
    )

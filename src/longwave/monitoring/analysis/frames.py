"""The tables of an analysis, from its counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from longwave.monitoring.analysis.counts import Pairs, RunCounts, Vocabulary
from longwave.monitoring.paired import Adjustment, judge_all, share_change, wilson_bounds
from longwave.predictions import wilson_interval

__all__ = ["CHANGES", "GROUPS", "RUNS", "change_rows", "group_rows", "run_rows"]

_MEASURES = (
    "mean_confidence", "ece", "ece_equal_mass", "brier", "auroc", "accuracy_at_50", "accuracy_at_80",
    "accuracy_at_90",
)  # fmt: skip
_FLIPS = ("right_right", "right_wrong", "wrong_right", "wrong_same", "wrong_other")

RUNS = pl.Schema(
    {
        "n": pl.Int64(),
        "n_scored": pl.Int64(),
        "accuracy": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "no_answer": pl.Float64(),
        **dict.fromkeys(_MEASURES, pl.Float64()),
    }
)
GROUPS = pl.Schema(
    {
        "by": pl.String(),
        "group": pl.String(),
        "n": pl.Int64(),
        "accuracy": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
    }
)
CHANGES = pl.Schema(
    {
        "before": pl.String(),
        "after": pl.String(),
        "n": pl.Int64(),
        "n_scored": pl.Int64(),
        "overlap": pl.Float64(),
        "change": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "p_value": pl.Float64(),
        **dict.fromkeys(_FLIPS, pl.Float64()),
        "total_variation": pl.Float64(),
        "error_shift": pl.Float64(),
    }
)


def run_rows(runs: Sequence[RunCounts], keys: Sequence[str]) -> pl.DataFrame:
    """Return one row a run: its key and `RUNS`, null where a run has no truth or no confidence.

    ``no_answer`` is the share of rows without a prediction; where a label stands for none, read it from the
    confusions.
    """
    return _frame([_run_row(run) for run in runs], [run.key for run in runs], keys, RUNS)


def group_rows(
    runs: Sequence[RunCounts], keys: Sequence[str], names: Mapping[str, Vocabulary]
) -> pl.DataFrame:
    """Return one row a run, grouping and group: the run's key and `GROUPS`."""
    found, owners = [], []
    for run in runs:
        for by, counts in run.groups.items():
            labels = names[by].names(len(counts) // 2)
            for label, (wrong, right) in zip(labels, counts.reshape(-1, 2).tolist(), strict=True):
                if wrong + right:
                    found.append((by, label, wrong + right, right))
                    owners.append(run.key)
    sizes, hits = (np.array([row[i] for row in found], dtype=np.float64) for i in (2, 3))
    bounds = np.column_stack([hits / sizes, *wilson_bounds(hits, sizes)])
    rows = [(*row[:3], *values) for row, values in zip(found, bounds.tolist(), strict=True)]
    return _frame(rows, owners, keys, GROUPS)


def change_rows(
    pairs: Sequence[Pairs],
    keys: Sequence[str],
    varies: str,
    *,
    alpha: float,
    min_change: float,
    adjust: Adjustment,
) -> pl.DataFrame:
    """Return one row a pair of runs: what they share of the key, `CHANGES`, ``p_adjusted`` and ``verdict``.

    ``before`` and ``after`` are what varies: the dates, or ``api`` and date. Flips are shares of the scored
    rows.
    """
    own = ("date",) if varies == "dates" else ("api", "date")
    shared = [i for i, name in enumerate(keys) if name not in own]
    moving = [i for i, name in enumerate(keys) if name in own]
    rows = [
        (*("/".join(key[i] for i in moving) for key in (pair.first, pair.second)), *_change_row(pair))
        for pair in pairs
    ]
    owners = [tuple(pair.first[i] for i in shared) for pair in pairs]
    frame = _frame(rows, owners, [keys[i] for i in shared], CHANGES)
    return judge_all(frame, adjust=adjust, alpha=alpha, min_change=min_change)


def _run_row(run: RunCounts) -> tuple[object, ...]:
    scored = int(run.confusion.sum())
    missing = int(run.confusion[:, -1].sum() + run.unlabelled[-1]) / run.n
    if not scored:
        return (run.n, 0, None, None, None, missing, *[None] * len(_MEASURES))
    share = wilson_interval(int(np.trace(run.confusion)), scored)
    return (run.n, scored, share.estimate, share.low, share.high, missing, *_measures(run))


def _measures(run: RunCounts) -> list[float | None]:
    if run.calibration is None:
        return [None] * len(_MEASURES)
    values = [float(getattr(run.calibration, name)) for name in _MEASURES]
    return [None if np.isnan(value) else value for value in values]


def _change_row(pair: Pairs) -> tuple[object, ...]:
    head = (pair.n, pair.n_scored, pair.same / pair.n if pair.n else None)
    if not pair.n_scored:
        return (*head, *[None] * (len(CHANGES) - 2 - len(head)))
    neither = pair.wrong_same + pair.wrong_other
    change = share_change(pair.right_right, pair.right_wrong, pair.wrong_right, neither)
    flips = [getattr(pair, name) / pair.n_scored for name in _FLIPS]
    moved = np.abs(pair.shift).astype(np.float64)
    variation = float(moved.sum()) / 2 / pair.n_scored
    on_diagonal = float(np.trace(moved)) / 2 / pair.n_scored
    tested = (change.estimate, change.low, change.high, change.p_value)
    return (*head, *tested, *flips, variation, variation - on_diagonal)


def _frame(
    rows: Sequence[tuple[object, ...]],
    owners: Sequence[tuple[str, ...]],
    keys: Sequence[str],
    schema: pl.Schema,
) -> pl.DataFrame:
    named = {**dict.fromkeys(keys, pl.String()), **schema}
    return pl.DataFrame(
        [(*owner, *row) for owner, row in zip(owners, rows, strict=True)], named, orient="row"
    )

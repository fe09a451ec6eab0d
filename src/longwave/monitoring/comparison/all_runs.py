"""Every series of a store compared date by date, or every two APIs of a dataset, in one table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Literal

import polars as pl

from longwave.errors import ConfigError, DataError
from longwave.monitoring.comparison.two_runs import Comparison, compare
from longwave.monitoring.hapi.labels import LabelSpace, label_space, list_tasks
from longwave.monitoring.paired import MIN_CHANGE, Adjustment, judge_all
from longwave.monitoring.store import ORDERED_STATUSES, Names, RunStore

__all__ = ["Across", "Comparisons", "compare_all"]

Across = Literal["dates", "neighbours", "ends", "apis"]

_COLUMNS = (
    "task", "dataset", "api", "date", "row", "predicted_label", "true_label", "score", "confidence", "group",
    "latency_s", "cost_usd", "answer_chars",
)  # fmt: skip
_ADDED = pl.Schema(
    {
        "task": pl.String(),
        "dataset": pl.String(),
        "api": pl.String(),
        "date": pl.String(),
        "api_after": pl.String(),
        "date_after": pl.String(),
        "date_status": pl.String(),
        "date_status_after": pl.String(),
        "cost_per_10k": pl.Float64(),
        "cost_per_10k_after": pl.Float64(),
    }
)
_SUMMARY = pl.Schema(
    {
        "n": pl.Int64(),
        "n_scored": pl.Int64(),
        **dict.fromkeys(
            ("accuracy_before", "accuracy_after", "change", "low", "high", "p_value"), pl.Float64()
        ),
        "verdict": pl.String(),
        **dict.fromkeys(
            (
                "overlap", "negative_flips", "positive_flips", "error_shift", "no_answer_before",
                "no_answer_after", "confidence_movement", "ks",
            ),
            pl.Float64(),
        ),
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparisons:
    """Many comparisons.

    Parameters
    ----------
    table : DataFrame
        One row a pair of runs: which they are, the figures of `Comparison.summary`, and ``p_adjusted``,
        corrected over all rows that have a p-value. ``verdict`` is by the corrected one.
    details : tuple of Comparison
        In the order of the rows. Their own verdicts know nothing of the others.
    notes : tuple of str
        What was left out, and why.
    """

    table: pl.DataFrame
    details: tuple[Comparison, ...]
    notes: tuple[str, ...] = ()


def compare_all(
    store: RunStore,
    *,
    task: Names = None,
    dataset: Names = None,
    api: Names = None,
    date: Names = None,
    across: Across = "dates",
    by: Sequence[str] = (),
    adjust: Adjustment = "holm",
    alpha: float = 0.05,
    min_change: float = MIN_CHANGE,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Comparisons:
    """Compare the runs of every series, or of every dataset.

    Parameters
    ----------
    store : RunStore
    task, dataset, api, date : str or sequence of str, optional
        Keep these runs only.
    across : {"dates", "neighbours", "ends", "apis"}
        All pairs of dates of a series, each date with the next, the first with the last; or the last runs of
        every two APIs of a dataset.
    by, alpha, min_change, n_resamples, seed
        As in `compare`.
    adjust : {"holm", "bh", "none"}
        Correction over all pairs, and within a pair over its groups: Holm for a handful of series, Benjamini
        and Hochberg (``"bh"``) for hundreds.

    Raises
    ------
    UnknownName
        If a filter names what no run has.
    DataError
        If no two runs can be compared.
    ConfigError
        If an option is none of the accepted.
    """
    if across not in ("dates", "neighbours", "ends", "apis"):
        raise ConfigError(f'Unknown across "{across}". Known: apis, dates, ends, neighbours.')
    runs = store.runs(task=task, dataset=dataset, api=api, date=date).filter(pl.col("n_rows") > 0)
    usable, notes = runs, []
    if across != "apis":
        usable = runs.filter(pl.col("date_status").is_in(ORDERED_STATUSES))
        notes = _left_out(runs.filter(~pl.col("date_status").is_in(ORDERED_STATUSES)))
    rows, details = [], []
    for first, second in _pairs(usable, across):
        found = _compare_two(
            store, first, second, by=by, adjust=adjust, alpha=alpha, min_change=min_change,
            n_resamples=n_resamples, seed=seed,
        )  # fmt: skip
        details.append(found)
        rows.append({**_which(first, second), **found.summary()})
    if not rows:
        raise DataError(
            f"{store.source} has no two runs to compare among the {len(runs)} chosen. A series needs two "
            'dates (see store.series()); compare two APIs of a dataset with across="apis".'
        )
    table = pl.DataFrame(rows, schema={**_ADDED, **_SUMMARY})
    return Comparisons(
        table=judge_all(table, adjust=adjust, alpha=alpha, min_change=min_change),
        details=tuple(details),
        notes=tuple(notes),
    )


def _pairs(runs: pl.DataFrame, across: Across) -> Iterator[tuple[dict[str, object], dict[str, object]]]:
    text = runs.with_columns(pl.col("task", "dataset", "api", "date").cast(pl.String))
    group_by = ["task", "dataset"] if across == "apis" else ["task", "dataset", "api"]
    for _, group in text.sort([*group_by, "date"]).group_by(group_by, maintain_order=True):
        members = group
        if across == "apis":
            members = group.sort("date").group_by("api", maintain_order=True).last().sort("api")
        listed = members.to_dicts()
        if across in ("apis", "dates"):
            yield from combinations(listed, 2)
        elif across == "neighbours":
            yield from pairwise(listed)
        elif len(listed) > 1:
            yield listed[0], listed[-1]


def _compare_two(
    store: RunStore,
    first: dict[str, object],
    second: dict[str, object],
    *,
    by: Sequence[str],
    adjust: Adjustment,
    alpha: float,
    min_change: float,
    n_resamples: int,
    seed: int,
) -> Comparison:
    sides = [
        store.table(
            task=str(run["task"]),
            dataset=str(run["dataset"]),
            api=str(run["api"]),
            date=str(run["date"]),
            columns=_COLUMNS,
        ).collect()
        for run in (first, second)
    ]
    task, dataset = str(first["task"]), str(first["dataset"])
    space = label_space(task, dataset) if task in list_tasks() else None
    kinds = {str(run["confidence_kind"]) for run in (first, second)}
    return compare(
        *sides,
        by=by,
        alpha=alpha,
        min_change=min_change,
        adjust=adjust,
        labels=None if space is None else _labels_of(space),
        names=space.names if space is not None and space.kind == "class" else (),
        no_answer=space.no_answer if space else None,
        confidence_kind=kinds.pop() if len(kinds) == 1 else "none" if "none" in kinds else "score",
        n_resamples=n_resamples,
        seed=seed,
    )


def _labels_of(space: LabelSpace) -> Sequence[object] | None:
    """Return the common labels: codes of classes, or tags; None where the space is open."""
    return (range(len(space.names)) if space.kind == "class" else space.names) or None


def _which(first: dict[str, object], second: dict[str, object]) -> dict[str, object]:
    shared = {name: first[name] for name in ("task", "dataset", "api", "date", "date_status", "cost_per_10k")}
    after = {f"{name}_after": second[name] for name in ("api", "date", "date_status", "cost_per_10k")}
    return {**shared, **after}


def _left_out(runs: pl.DataFrame) -> list[str]:
    return [
        f"{'/'.join(str(run[name]) for name in ('task', 'dataset', 'api', 'date'))} is left out: its date is "
        "unknown, and a comparison of dates needs their order."
        for run in runs.iter_rows(named=True)
    ]

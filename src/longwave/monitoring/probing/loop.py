"""Probe a model that may have changed: a few chosen calls instead of all of them.

The answers of an earlier day are known for every row. A probe asks the model again about the rows from which
most is learned, and estimates what asking about all of them would show: how the confusion matrix moved, and
with it the accuracy.

* A `Sampler` says which rows to ask and is told the answers; its state is JSON, so that a killed probe
  continues and never chooses otherwise than it would have.
* `probe` drives a sampler with a model that is a function.
* `longwave.monitoring.probe_instances` drives one with a model of an evaluation.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from longwave.config import write_json
from longwave.errors import BudgetExceeded, ConfigError, DataError, TableError
from longwave.monitoring.classes import Label
from longwave.monitoring.probing.estimate import ShiftEstimate
from longwave.monitoring.probing.sampler import Failed, ProbeConfig, Sampler
from longwave.monitoring.probing.stop import StopRule

__all__ = ["ProbeResult", "probe"]


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """What a probe found.

    Parameters
    ----------
    estimate : ShiftEstimate
    answers : DataFrame
        The rows of the baseline that were asked, in order, with ``new_prediction``.
    n_calls, n_failed : int
        Calls of this probe, earlier starts included, and those that failed.
    stopped : str
        Why it ended.
    """

    estimate: ShiftEstimate
    answers: pl.DataFrame
    n_calls: int
    n_failed: int
    stopped: str


Ask = Callable[[pl.DataFrame], Sequence[Label | Failed]]
Listener = Callable[[int, int, str], None]


def probe(
    ask: Ask,
    baseline: pl.DataFrame,
    *,
    budget: int = 500,
    config: ProbeConfig | None = None,
    stop: StopRule | None = None,
    batch_size: int = 25,
    state: Path | None = None,
    on_progress: Listener | None = None,
) -> ProbeResult:
    """Ask a model about chosen rows until the budget is spent or enough is known.

    Parameters
    ----------
    ask : callable
        Takes rows of the baseline, gives a prediction for each: a label, None for no answer, or ``FAILED``.
    baseline : DataFrame
        ``label`` and ``prediction`` (or ``true_label`` and ``predicted_label``), whatever else ``ask`` needs.
    budget : int
        Calls at most.
    config : ProbeConfig, optional
        More settings; its budget gives way to ``budget``.
    stop : StopRule, optional
    batch_size : int
        Rows asked at a time; after each, the next ones are chosen anew.
    state : Path, optional
        File that keeps the answers; a probe that finds its file there continues.
    on_progress : callable, optional
        Called with answers so far, the budget, and a line of what is known.

    Raises
    ------
    TableError
        If the baseline lacks its columns.
    DataError
        If it cannot be probed, answers do not fit, the state belongs to another baseline, or every call
        failed.
    ConfigError
        If a setting is out of range, or the state was begun with other settings.
    """
    if batch_size < 1:
        raise ConfigError(f'"batch_size" is {batch_size}; it must be at least 1.')
    config = replace(config or ProbeConfig(), budget=budget)
    labels, before = baseline_columns(baseline)
    sampler = open_sampler(labels, before, config, state)
    reason = drive(sampler, lambda rows: ask(baseline[rows]), stop, batch_size, state, on_progress)
    answers = [sampler.classes[code] for code in sampler.after[sampler.told]]
    return ProbeResult(
        estimate=sampler.estimate(),
        answers=baseline[sampler.told].with_columns(pl.Series("new_prediction", answers, before.dtype)),
        n_calls=sampler.n_asked,
        n_failed=sampler.n_failed,
        stopped=reason,
    )


def drive(
    sampler: Sampler,
    ask: Callable[[list[int]], Sequence[Label | Failed]],
    stop: StopRule | None,
    batch_size: int,
    state: Path | None,
    on_progress: Listener | None,
) -> str:
    """Ask batch after batch, and say why it ended."""
    reason = sampler.should_stop(stop) if stop is not None else None
    while reason is None and (rows := sampler.next(batch_size).tolist()):
        save_state(sampler, state)
        try:
            answers = ask(rows)
        except BudgetExceeded as limit:  # what is known so far is worth its price
            if not sampler.n_told:
                raise
            return str(limit)
        sampler.tell(rows, answers)
        save_state(sampler, state)
        reason = sampler.should_stop(stop) if stop is not None else None
        if on_progress is not None:
            on_progress(sampler.n_asked, min(sampler.config.budget, sampler.strata.n_rows), describe(sampler))
    if not sampler.n_told:
        raise DataError(f"All {sampler.n_failed} calls of the probe failed. Look at what the model says.")
    if sampler.n_asked == sampler.strata.n_rows:
        return "every row was asked"
    return reason or f"all {sampler.n_asked} calls are spent"


def baseline_columns(baseline: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """Return labels and earlier predictions of a baseline."""
    for label, prediction in (("label", "prediction"), ("true_label", "predicted_label")):
        if {label, prediction} <= set(baseline.columns):
            return baseline[label], baseline[prediction]
    raise TableError(
        f"The baseline has the columns {', '.join(baseline.columns)}; a probe needs label and prediction, or "
        "true_label and predicted_label. Rename them."
    )


def open_sampler(labels: pl.Series, before: pl.Series, config: ProbeConfig, state: Path | None) -> Sampler:
    """Begin a probe, or continue the one of a file."""
    # whole numbers are read at once as arrays, which is a hundred times as fast
    is_plain = labels.dtype.is_integer() and before.dtype.is_integer() and not before.null_count()
    columns = (
        (labels.to_numpy(), before.to_numpy()) if is_plain and not labels.null_count() else (labels, before)
    )
    if state is None or not state.is_file():
        return Sampler(*columns, config=config)
    try:
        sampler = Sampler.from_json(state.read_text("utf-8", errors="replace"), *columns)
    except DataError as error:
        raise DataError(f'"{state}": {error}') from error
    begun = sampler.config
    # a larger budget continues where a smaller one ended; strata stay those of the first start
    wanted = replace(config, budget=begun.budget, max_strata=config.max_strata or begun.max_strata)
    if wanted != begun:
        raise ConfigError(
            f'"{state}" was begun with other settings, {begun}. Give the same ones, or another file.'
        )
    sampler.config = replace(begun, budget=config.budget)
    return sampler


def save_state(sampler: Sampler, state: Path | None) -> None:
    """Write the state whole, or not at all."""
    if state is not None:
        write_json(state, json.loads(sampler.to_json()))


def describe(sampler: Sampler) -> str:
    """Say in a line what is known so far."""
    if not sampler.n_told:
        return f"{sampler.n_failed} failed"
    delta = sampler.estimate(with_cells=False).delta
    failed = f", {sampler.n_failed} failed" if sampler.n_failed else ""
    low, high = 100 * delta.low, 100 * delta.high
    return f"accuracy {100 * delta.estimate:+.1f} points ({low:+.1f} to {high:+.1f}){failed}"

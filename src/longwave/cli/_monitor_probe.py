"""``longwave monitor probe``: a few chosen calls tell whether a model changed."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from longwave.cli._monitor_store import Json
from longwave.cli._output import Output

if TYPE_CHECKING:
    from longwave.monitoring import ProbeResult
    from longwave.monitoring.probing import Design

LARGEST = 10


def probe(
    context: typer.Context,
    model: Annotated[str, typer.Option(help="The model as it is today; longwave list clients names kinds.")],
    baseline: Annotated[Path, typer.Option(help="Folder of an earlier evaluation of it.")],
    out: Annotated[Path, typer.Option(help="Folder of the new rows; a killed probe continues there.")],
    budget: Annotated[int, typer.Option(help="Calls at most.", min=1)] = 500,
    design: Annotated[
        str, typer.Option(help="How rows are chosen: adaptive, proportional or uniform.")
    ] = "adaptive",
    stop_width: Annotated[
        float | None, typer.Option(help="Stop when the interval is at most so wide, in points.")
    ] = None,
    stop_drop: Annotated[
        float | None,
        typer.Option(help="Stop when it is certain that accuracy fell by so many points, or did not."),
    ] = None,
    scenario: Annotated[str | None, typer.Option(help="Scenario, where the baseline has several.")] = None,
    of: Annotated[
        str | None, typer.Option(help="Model of the baseline's rows, where it has several.")
    ] = None,
    date: Annotated[
        str | None, typer.Option(help="Date of the baseline's rows; its latest when left out.")
    ] = None,
    prompt: Annotated[str | None, typer.Option(help="Prompt variant, where it has several.")] = None,
    batch: Annotated[int, typer.Option(help="Calls between two choices.", min=1)] = 25,
    max_usd: Annotated[
        float | None, typer.Option(help="Stop before the model has cost more than this.", min=0)
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the choices.")] = 0,
    as_json: Json = False,
) -> None:
    """Estimate what changed from a few chosen calls.

    The model is asked again, by the settings of the baseline, about the rows from which most is learned. The
    estimate is of the accuracy, of the share of answers that differ, and of every confusion, each with an
    interval. The same command continues a probe that was killed.
    """
    from longwave.evaluation.chosen import earlier_settings, open_chosen
    from longwave.monitoring import ProbeConfig, StopRule, pick_baseline, probe_instances
    from longwave.predictions import read_predictions

    output: Output = context.obj
    rows = pick_baseline(read_predictions(baseline), scenario=scenario, model=of, date=date, prompt=prompt)
    asked = earlier_settings(baseline, rows["run"][0], model=model, scenario=str(rows["scenario"][0]))
    config = replace(asked, date=_day(out))
    has_rule = stop_width is not None or stop_drop is not None
    stop = StopRule(width_pp=stop_width, drop_pp=stop_drop) if has_rule else None
    with (
        open_chosen(config, out, prompt=str(rows["prompt"][0]), max_usd=max_usd) as asker,
        output.bar("probe") as update,
    ):
        found = probe_instances(
            asker,
            rows,
            budget=budget,
            config=ProbeConfig(budget=budget, design=cast("Design", design), seed=seed),
            stop=stop,
            batch_size=batch,
            out=out,
            on_progress=update,
        )
    if as_json:
        output.result_json(describe_json(found))
    else:
        _show(output, found)


def describe_json(found: ProbeResult) -> dict[str, Any]:
    """Return what a probe found as plain values."""
    estimate = found.estimate
    intervals = {name: vars(getattr(estimate, name)) for name in ("delta", "accuracy", "churn")}
    return {
        **intervals,
        "n_calls": found.n_calls,
        "n_failed": found.n_failed,
        "n_rows": estimate.n_rows,
        "stopped": found.stopped,
        "cells": estimate.cells(LARGEST).to_dicts(),
    }


def _show(output: Output, found: ProbeResult) -> None:
    estimate = found.estimate
    failed = f", {found.n_failed:,} failed" if found.n_failed else ""
    output.result(f"{found.n_calls:,} of {estimate.n_rows:,} rows asked{failed}: {found.stopped}.")
    for name, one, scale in (
        ("accuracy", estimate.accuracy, "%"),
        ("change of accuracy", estimate.delta, "points"),
        ("answers that differ", estimate.churn, "%"),
    ):
        sign = "+" if scale == "points" else ""
        bounds = f"{100 * one.low:{sign}.1f} to {100 * one.high:{sign}.1f}"
        output.result(f"{name}: {100 * one.estimate:{sign}.1f} {scale} ({bounds})")
    cells = estimate.cells(LARGEST)
    if len(cells):
        output.result("\nConfusions that moved most")
        lines = [
            (
                *(str(row["label"]), row["prediction"] or "(no answer)", f"{row['shift_pp']:+.2f}"),
                *(f"{row['low_pp']:+.2f} to {row['high_pp']:+.2f}", f"{row['rows']:+.0f}"),
            )
            for row in cells.iter_rows(named=True)
        ]
        output.result_table(("label", "prediction", "points", "95 % interval", "rows"), lines)


def _day(out: Path) -> str:
    """Return today, or the day on which the probe of this folder began: it may run past midnight."""
    from longwave.evaluation.dates import latest_date
    from longwave.monitoring.probing import STATE_NAME

    has_begun = (out / STATE_NAME).is_file()
    return latest_date(out) if has_begun else datetime.date.today().isoformat()

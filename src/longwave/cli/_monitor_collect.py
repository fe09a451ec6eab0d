"""``longwave monitor collect``: the round of a day, and alarms on what changed since."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from longwave.cli._evaluate import describe_progress
from longwave.cli._monitor_store import Json, p_value, percent, points
from longwave.cli._output import Output

if TYPE_CHECKING:
    from longwave.evaluation import Progress
    from longwave.monitoring import AlarmVerdict, CollectConfig, Round

FAILED, ALARM = 1, 3


def collect(
    context: typer.Context,
    job: Annotated[
        Path, typer.Argument(help="YAML file: models, scenarios or a suite, alarms, where rounds go.")
    ],
    out: Annotated[Path | None, typer.Option(help="Folder of all rounds, instead of the file's.")] = None,
    date: Annotated[
        str | None, typer.Option(help="Day of the round, YYYY-MM-DD, instead of the file's; else today.")
    ] = None,
    baseline: Annotated[
        str | None, typer.Option(help="Compare with: previous, first, or the day of a round.")
    ] = None,
    fail_if: Annotated[
        list[str] | None,
        typer.Option(help='A further alarm, such as "accuracy drop > 2pp at 95%"; repeatable.'),
    ] = None,
    max_usd: Annotated[
        float | None, typer.Option(help="Stop before models with a price cost more than this.", min=0)
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask once more, compare with before, judge alarms.

    The models of the job are asked under today's date. The same command continues a round that was
    killed, and asks nothing twice on one day. Exits with 0 when no alarm went off, with 3 when one did,
    and with 1 when the round failed or is too small to be judged.
    """
    from longwave.monitoring import read_collect_config

    output: Output = context.obj
    config = read_collect_config(job)
    config = replace(
        config,
        out=config.out if out is None else str(out),
        date=date or config.date,
        baseline=baseline or config.baseline,
        max_usd=config.max_usd if max_usd is None else max_usd,
        alarms=(*config.alarms, *(fail_if or ())),
    )
    found = _ask(output, config)
    if as_json:
        output.result_json(found.to_dict())
    else:
        _show(output, found)
    output.say(f"Rows in {found.out}. Next: longwave report {found.out}")
    if found.state != "fine":
        raise typer.Exit(ALARM if found.state == "alarm" else FAILED)


def _ask(output: Output, config: CollectConfig) -> Round:
    """Collect behind a bar."""
    from longwave.monitoring import collect as collect_round

    is_fresh = False
    with output.bar("collect") as update:

        def on_progress(progress: Progress) -> None:
            nonlocal is_fresh
            is_fresh = is_fresh or progress.remaining_s is not None
            update(progress.done, progress.total, describe_progress(progress))

        found = collect_round(config, on_progress=on_progress)
    if not is_fresh:
        output.say("Every row of this day was there before; nothing was asked.")
    return found


def _show(output: Output, found: Round) -> None:
    failed = f", {found.n_failed:,} failed" if found.n_failed else ""
    output.result(f"Round of {found.date}: {found.n_rows:,} rows{failed}")
    for note in found.notes:
        output.result(f"! {note}")
    if len(found.changes):
        output.result_table(*describe_changes(found))
    for verdict in found.verdicts:
        output.result(describe_verdict(verdict))


def describe_changes(found: Round) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return head and rows of the table of changes."""
    rows = [
        (
            *(str(row[name]) for name in ("scenario", "model", "before", "after")),
            *(f"{row['n']:,}", percent(row["accuracy_before"]), percent(row["accuracy_after"])),
            points(row["change"]),
            "-" if row["low"] is None else f"{points(row['low'])} to {points(row['high'])}",
            *(p_value(row["p_adjusted"]), percent(row["overlap"]), row["verdict"] or "-"),
        )
        for row in found.changes.iter_rows(named=True)
    ]
    heads = (
        *("scenario", "model", "baseline", "round", "rows", "before", "after", "change"),
        *("95 % interval", "p", "overlap", "verdict"),
    )
    return heads, rows


def describe_verdict(verdict: AlarmVerdict) -> str:
    """Say in a line what an alarm found."""
    word = {"raised": "ALARM", "quiet": "quiet", "not judged": "not judged"}[verdict.state]
    start = f"{word}: {verdict.alarm} · {verdict.scenario}, {verdict.model}: "
    if verdict.estimate is None or verdict.low is None or verdict.high is None:
        return f"{start}{verdict.reason}."
    group = f' (group "{verdict.group}")' if verdict.group is not None else ""
    rows = f", {verdict.n_rows:,} of {verdict.n:,} rows" if verdict.rows else f", {verdict.n:,} rows"
    unit = "points" if "pp" in verdict.alarm else "%"
    first = f", {', '.join(verdict.rows[:3])} first" if verdict.rows and verdict.state == "raised" else ""
    return (
        f"{start}{100 * verdict.estimate:.1f} {unit} ({100 * verdict.low:.1f} to {100 * verdict.high:.1f})"
        f"{group}{rows}{first}"
    )

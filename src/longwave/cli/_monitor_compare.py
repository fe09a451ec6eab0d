"""``longwave monitor compare``: every series' first and last round, and one series in detail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from longwave.cli._monitor_store import (
    Apis,
    Dataset,
    Json,
    PromptOf,
    Source,
    Task,
    open_store,
    p_value,
    percent,
    points,
)
from longwave.cli._output import Output

if TYPE_CHECKING:
    from longwave.monitoring import Comparison, Comparisons
    from longwave.monitoring.comparison import Across
    from longwave.monitoring.paired import Adjustment

LARGEST = 8  # cells of a confusion shift that are shown
WORDS = {"improved": "second better", "declined": "first better", "steady": "level"}  # of two APIs
HEADS = (
    "task", "dataset", "api", "first", "last", "rows", "before", "after", "change", "95 % interval", "p",
    "overlap", "right→wrong", "wrong→right", "verdict",
)  # fmt: skip


def compare(
    context: typer.Context,
    source: Source,
    task: Task = None,
    dataset: Dataset = None,
    api: Apis = None,
    before: Annotated[
        str | None, typer.Option(help="Date to start from; the first of each series when left out.")
    ] = None,
    after: Annotated[str | None, typer.Option(help="Date to look at; the last when left out.")] = None,
    across: Annotated[
        str,
        typer.Option(
            help="ends: first and last date; dates: any two; neighbours: each with the next; apis: two APIs."
        ),
    ] = "ends",
    by: Annotated[
        list[str] | None,
        typer.Option(help="Also by this column, in detail: group or true_label; repeatable."),
    ] = None,
    alpha: Annotated[float, typer.Option(help="Level of the tests.")] = 0.05,
    min_change: Annotated[float, typer.Option(help="Least change that is called one, in points.")] = 1.0,
    adjust: Annotated[str, typer.Option(help="Correction for many tests: holm, bh or none.")] = "holm",
    details: Annotated[
        bool, typer.Option("--details", help="Show every comparison in detail; a single one is anyway.")
    ] = False,
    prompt: PromptOf = None,
    as_json: Json = False,
) -> None:
    """Compare rounds: what changed, and for whom.

    Rounds are compared row by row: accuracy with test and interval, flips, and in detail groups,
    confusions, confidence, latency and price. A series improved or declined if its change is of at least
    --min-change points and its corrected p-value of at most --alpha; else it is steady.
    """
    from longwave.monitoring import compare_all

    output: Output = context.obj
    store = open_store(source, prompt=prompt)
    dates = [date for date in (before, after) if date is not None] or None
    if dates is not None and len(dates) == 1:
        dates = sorted({str(date) for date in store.runs(task=task, dataset=dataset, api=api)["date"]})
        dates = [date for date in dates if (before or "") <= date <= (after or "~")]
    found = compare_all(
        store,
        task=task,
        dataset=dataset,
        api=api,
        date=dates,
        across=cast("Across", across),
        by=tuple(by or ()),
        alpha=alpha,
        min_change=min_change / 100,
        adjust=cast("Adjustment", adjust),
    )
    shown = list(found.details) if details or by or len(found.details) == 1 else []
    if as_json:
        output.result_json(
            {
                "series": found.table.to_dicts(),
                "details": [describe_json(one) for one in shown],
                "notes": [*store.notes, *found.notes],
            }
        )
        return
    output.result_table(*describe_series(found))
    for one in shown:
        _show(output, one)
    for note in found.notes:
        output.say(note)


def describe_series(found: Comparisons) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return head and rows of the table of series."""
    rows = []
    for row in found.table.iter_rows(named=True):
        is_pair = row["api"] != row["api_after"]
        api = f"{row['api']} → {row['api_after']}" if is_pair else row["api"]
        interval = "-" if row["low"] is None else f"{points(row['low'])} to {points(row['high'])}"
        rows.append(
            (
                *(row["task"], row["dataset"], api, row["date"], row["date_after"], f"{row['n']:,}"),
                *(percent(row[name]) for name in ("accuracy_before", "accuracy_after")),
                *(points(row["change"]), interval, p_value(row["p_adjusted"]), percent(row["overlap"])),
                *(percent(row["negative_flips"]), percent(row["positive_flips"])),
                (WORDS if is_pair else {}).get(row["verdict"], row["verdict"] or "-"),
            )
        )
    return HEADS, rows


def describe_json(found: Comparison) -> dict[str, Any]:
    """Return one comparison as plain values."""
    return {
        **found.summary(),
        "flips": found.flips.shares() if found.flips else None,
        "warnings": list(found.warnings),
        "groups": found.groups.to_dicts(),
        "classes": found.shift.by_class().to_dicts() if found.shift else None,
        "confusions": found.shift.largest(LARGEST).to_dicts() if found.shift else None,
        "calibration": found.calibration.to_dicts() if found.calibration is not None else None,
        "numbers": found.numbers.to_dicts(),
    }


def _show(output: Output, found: Comparison) -> None:
    """Print the parts of one comparison that there are."""
    output.result(f"\n{found.before} → {found.after}: {found.n:,} rows")
    for line in describe_comparison(found):
        output.result(line)
    if len(found.groups):
        output.result("\nFor whom")
        output.result_table(*describe_groups(found))
    if found.shift is not None and len(cells := found.shift.largest(LARGEST)):
        output.result("\nConfusions that moved most (points of all rows)")
        heads = ("label", "prediction", "before", "after", "shift", "95 % interval", "p")
        output.result_table(
            heads,
            [
                (
                    *(row["true_label"], row["predicted_label"], f"{row['before']:,}", f"{row['after']:,}"),
                    *(points(row["shift"]), f"{points(row['low'])} to {points(row['high'])}"),
                    p_value(row["p_value"]),
                )
                for row in cells.iter_rows(named=True)
            ],
        )
    if rows := list(_drifts(found)):
        output.result("\nConfidence, latency, price, length")
        output.result_table(("what", "before", "after", "change", "95 % interval"), rows)


def describe_comparison(found: Comparison) -> Iterator[str]:
    """Yield what one comparison says in sentences; what an aggregate hides comes first."""
    yield from (f"! {warning}" for warning in found.warnings)
    if found.flips is not None:
        shares = found.flips.shares()
        yield (
            f"Of the answers {percent(shares['right_right'])} stayed right, {percent(shares['right_wrong'])} "
            f"broke, {percent(shares['wrong_right'])} were mended, {percent(shares['wrong_same'])} stayed "
            f"wrong, {percent(shares['wrong_other'])} are wrong in another way."
        )
    yield (
        f"{percent(found.api_shift)} of the predictions changed; without an answer: "
        f"{percent(found.no_answer_before)} before, {percent(found.no_answer_after)} after."
    )
    for name, one in found.disparities.items():
        before, after = one.by_date
        yield (
            f"Between the best and the worst {name} lie {100 * before.estimate:.1f} points before "
            f"({one.worst[0]} worst) and {100 * after.estimate:.1f} after ({one.worst[1]} worst)."
        )


def describe_groups(found: Comparison) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return head and rows of the table of groups, those that lost most first."""
    rows: list[tuple[str, ...]] = [
        (
            *(row["by"], row["group"], f"{row['n']:,}", percent(row["before"]), percent(row["after"])),
            *(points(row["change"]), f"{points(row['low'])} to {points(row['high'])}"),
            p_value(row["p_adjusted"]),
        )
        for row in found.groups.sort("by", "change").iter_rows(named=True)
    ]
    return ("by", "group", "rows", "before", "after", "change", "95 % interval", "p"), rows


def _drifts(found: Comparison) -> Iterator[tuple[str, ...]]:
    if found.calibration is not None:
        for row in found.calibration.iter_rows(named=True):
            yield _drift(row["metric"].replace("_", " "), row)
    for row in found.numbers.iter_rows(named=True):
        yield _drift(f"{row['column']} ({row['statistic']})", row)


def _drift(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    def write(value: float | None, sign: str = "") -> str:
        return "-" if value is None else f"{value:{sign}.4g}"

    interval = "-" if row["low"] is None else f"{write(row['low'], '+')} to {write(row['high'], '+')}"
    return name, write(row["before"]), write(row["after"]), write(row["change"], "+"), interval

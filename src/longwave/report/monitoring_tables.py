"""Tables of the page of monitoring: steps, groups, drifts, prices and how far models agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from longwave.errors import LongwaveError
from longwave.monitoring import Comparison, agreement
from longwave.report.analysis import Analysis
from longwave.report.comparisons import ALPHA
from longwave.report.formats import ABSENT, number, p_value, significant
from longwave.report.links import ORIGINAL, rows_link
from longwave.report.measures import Measure
from longwave.report.monitoring_series import Step, Watched
from longwave.report.tables import NO_CELL, Cell, Column, Row, Table

__all__ = ["agreement_table", "drift_table", "group_table", "price_table", "step_table"]

_PER_10K = 10_000
_MEASURED = {
    "latency_s": ("latency", "s", 1),
    "cost_usd": ("price", "US$ for 10,000 requests", _PER_10K),
    "answer_chars": ("length of the answer", "characters", 1),
    "tokens_out": ("length of the answer", "tokens", 1),
}
_CALIBRATION = {
    "mean_confidence": "mean confidence",
    "ece": "calibration error",
    "brier": "Brier score",
    "auroc": "AUROC of the confidence",
    "accuracy_at_80": "accuracy on the surest 80 %",
}
_BY = {"group": "group", "true_label": "label"}


def step_table(analysis: Analysis, watched: Watched, colors: Sequence[str]) -> Table | None:
    """Write what changed from every date to the next; None where no model has two."""
    measure = analysis.measures[watched.scenario]
    rows = [
        Row(
            head=Column(text=step.model, below=f"{step.before} → {step.after}"),
            cells=_step_cells(watched, step, measure),
            color=colors.index(step.model) % 8,
        )
        for step in watched.steps
    ]
    if not rows:
        return None
    unit = "points" if measure.is_share else "in the score’s unit"
    columns = [
        Column(text="verdict", below="p, corrected", is_text=True),
        Column(text="before", below=measure.name, arrow=measure.arrow),
        Column(text="after", below=measure.name, arrow=measure.arrow),
        Column(text="change", below=f"{unit}, 95 %"),
        Column(text="changed", below="answers"),
        Column(text="broke", below="were right"),
        Column(text="mended", below="were wrong"),
        Column(text="rows", below="both days"),
    ]
    return Table(
        caption="From every day to the next, on the rows that both have. Exact McNemar test where answers "
        f"are right or wrong, else sign flips; p by Holm within this table, bold where p < {ALPHA:g}."
        + (" A change of less than one point is steady, however certain." if measure.is_share else ""),
        corner="model",
        columns=columns,
        rows=rows,
    )


def _step_cells(watched: Watched, step: Step, measure: Measure) -> list[Cell]:
    before, after = (
        rows_link(watched.slug, model=name, input_=ORIGINAL, prompt=watched.prompt) for name in step.systems
    )
    first, second = step.pair.scores
    change, flips = step.change, step.flips
    is_clear = step.p_adjusted is not None and step.p_adjusted < ALPHA
    changed = Cell(text=f"{number(100 * (1 - float(step.pair.overlap.mean())), 1)} %")
    if change is None:
        return [NO_CELL, NO_CELL, NO_CELL, NO_CELL, changed, NO_CELL, NO_CELL, _count(step.pair.n)]
    p_text = p_value(step.p_adjusted)
    return [
        Cell(text=step.verdict, below=f"p {p_text if '<' in p_text else f'= {p_text}'}", is_text=True),
        Cell(text=measure.cell(float(first.mean())), href=before),
        Cell(text=measure.cell(float(second.mean())), href=after),
        Cell(
            text=measure.difference(change.estimate),
            below=f"{measure.difference(change.low)} to {measure.difference(change.high)}",
            is_best=is_clear,
        ),
        changed,
        *(
            Cell(text=f"{count:,}", href=_flip_link(watched, step, outcome))
            for count, outcome in (
                [(flips.right_wrong, "wrong"), (flips.wrong_right, "right")] if flips else []
            )
        ),
        _count(change.n),
    ]


def _flip_link(watched: Watched, step: Step, outcome: str) -> str:
    """Link the rows whose outcome is this after the step and was the other before."""
    return rows_link(
        watched.slug,
        model=step.systems[1],
        input_=ORIGINAL,
        prompt=watched.prompt,
        outcome=outcome,
        versus=step.systems[0],
    )


def group_table(watched: Watched, step: Step, found: Comparison, measure: Measure) -> Table | None:
    """Write who gained and who lost, the loss first; None without groups."""
    rows = []
    for row in found.groups.sort("by", "change").iter_rows(named=True):
        link = rows_link(
            watched.slug,
            model=step.systems[1],
            input_=ORIGINAL,
            prompt=watched.prompt,
            group=row["group"] if row["by"] == "group" else None,
        )
        is_clear = row["p_adjusted"] < ALPHA
        interval = ABSENT
        if row["low"] is not None:
            interval = f"{measure.difference(row['low'])} to {measure.difference(row['high'])}"
        cells = [
            Cell(text=measure.cell(row["before"])),
            Cell(text=measure.cell(row["after"]), href=link if row["by"] == "group" else None),
            Cell(text=measure.difference(row["change"]), below=interval, is_best=is_clear),
            Cell(text=p_value(row["p_adjusted"]), is_best=is_clear),
            Cell(text=f"{number(100 * (1 - row['overlap']), 1)} %"),
            Cell(text=f"{row['n']:,}"),
        ]
        rows.append(Row(head=Column(text=row["group"], below=_BY[row["by"]]), cells=cells))
    if not rows:
        return None
    columns = [
        Column(text="before", below=measure.name, arrow=measure.arrow),
        Column(text="after", below=measure.name, arrow=measure.arrow),
        Column(text="change", below="95 %"),
        Column(text="p, corrected", below="Holm"),
        Column(text="changed", below="answers"),
        Column(text="rows"),
    ]
    caption = f"By group and by label, those that lost most first; bold where p < {ALPHA:g}."
    return Table(caption=caption, corner="group", columns=columns, rows=rows)


def drift_table(found: Comparison) -> Table | None:
    """Write how confidence, latency, price and length moved; None where nothing was recorded or moved."""
    rows = []
    if found.confidence is not None and found.confidence.ks:
        rows.append(
            _drift_row("distance of the confidences", "Kolmogorov–Smirnov", {"change": found.confidence.ks})
        )
    if found.calibration is not None:
        for row in found.calibration.filter(pl.col("change") != 0).iter_rows(named=True):
            if row["metric"] in _CALIBRATION:
                mapped = "" if row["mapping"] is None else f"mapped ({row['mapping']})"
                rows.append(_drift_row(_CALIBRATION[row["metric"]], mapped, row))
    for row in found.numbers.filter(_is_telling(), pl.col("change") != 0).iter_rows(named=True):
        name, unit, scale = _MEASURED.get(row["column"], (row["column"], "", 1))
        statistic = "95th percentile" if row["statistic"] == "p95" else row["statistic"]
        scaled = {key: row[key] and scale * row[key] for key in ("before", "after", "change", "low", "high")}
        rows.append(_drift_row(name, f"{unit}, {statistic}", scaled))
    if not rows:
        return None
    columns = [Column(text="before"), Column(text="after"), Column(text="change", below="95 %")]
    return Table(
        caption="What moved besides the answers, on the same rows. Intervals of means are normal, others "
        "those of a bootstrap; bold where the interval is on one side of 0.",
        corner="measure",
        columns=columns,
        rows=rows,
    )


def _is_telling() -> pl.Expr:
    """Keep means; of the latency, which has a long tail, its quantiles too."""
    return (pl.col("statistic") == "mean") | (pl.col("column") == "latency_s")


def _drift_row(name: str, below: str, row: dict[str, Any]) -> Row:
    def difference(value: float) -> str:
        return f"+{significant(value)}" if value > 0 else significant(value)

    low, high, change = row.get("low"), row.get("high"), row["change"]
    interval, is_clear = "", False
    if low is not None and high is not None:
        interval, is_clear = f"{difference(low)} to {difference(high)}", low > 0 or high < 0
    cells = [
        Cell(text=significant(row.get("before"))),
        Cell(text=significant(row.get("after"))),
        NO_CELL if change is None else Cell(text=difference(change), below=interval, is_best=is_clear),
    ]
    return Row(head=Column(text=name, below=below), cells=cells)


def price_table(analysis: Analysis, watched: Watched, colors: Sequence[str]) -> Table | None:
    """Write price and score of every model and day; None where no price is known."""
    if watched.store is None:
        return None
    runs = watched.store.runs().filter(pl.col("cost_per_10k").is_not_null())
    rows = []
    for run in runs.sort("api", "date").iter_rows(named=True):
        system = watched.systems.get((run["api"], run["date"]), "")
        score = watched.frame(run["api"], run["date"])["score"].mean()
        each = run["cost_per_10k"] / _PER_10K
        per_right = each / score if isinstance(score, float) and score > 0 else None
        measure = analysis.measures[watched.scenario]
        cells = [
            Cell(text=significant(run["cost_per_10k"])),
            Cell(
                text=measure.cell(score),
                href=rows_link(watched.slug, model=system, input_=ORIGINAL, prompt=watched.prompt),
            )
            if isinstance(score, float)
            else NO_CELL,
            Cell(text=significant(None if per_right is None else 1000 * per_right))
            if measure.is_share
            else NO_CELL,
        ]
        head = Column(text=run["api"], below=run["date"])
        rows.append(Row(head=head, cells=cells, color=colors.index(run["api"]) % 8))
    if not rows:
        return None
    columns = [
        Column(text="price", below="US$ for 10,000 requests", arrow="↓"),
        Column(text="score", arrow=analysis.measures[watched.scenario].arrow),
        Column(text="price of right answers", below="US$ for 1,000", arrow="↓"),
    ]
    caption = "What answers cost, as recorded with them."
    return Table(caption=caption, corner="model", columns=columns, rows=rows)


def agreement_table(watched: Watched) -> tuple[Table, str] | None:
    """Write how far models agree on their newest days, and what a second one gains; None for a single one."""
    if watched.store is None:
        return None
    newest = {model: dates[-1] for model, dates in watched.store.series().select("api", "dates").iter_rows()}
    if len(newest) < 2:
        return None
    try:
        found = agreement({model: watched.frame(model, date) for model, date in newest.items()})
    except LongwaveError:
        return None  # models that share no row have nothing to agree on
    rows = [
        Row(
            head=Column(text=f"{row['first']} and {row['second']}"),
            cells=[
                Cell(
                    text=_percent(row["overlap"]),
                    below=f"{number(100 * row['overlap_low'], 1)}–{number(100 * row['overlap_high'], 1)}",
                ),
                Cell(text=number(row["kappa"], 2)),
                Cell(text=_percent(row["both_wrong"])),
                Cell(text=_percent(row["both_wrong_if_independent"])),
                Cell(text=f"{row['n']:,}"),
            ],
        )
        for row in found.pairs.iter_rows(named=True)
    ]
    columns = [
        Column(text="same answer", below="95 % interval"),
        Column(text="κ", below="Cohen"),
        Column(text="both wrong"),
        Column(text="both wrong", below="if errors were independent"),
        Column(text="rows"),
    ]
    table = Table(
        caption="Every two models on their newest days, on the same rows.",
        corner="models",
        columns=columns,
        rows=rows,
    )
    said = ""
    if found.oracle is not None and found.accuracy:
        best = max(found.accuracy, key=lambda name: found.accuracy[name])
        said = (
            f"At least one of them is right on {_percent(found.oracle.estimate)} of the rows; the best "
            f"alone, {best}, on {_percent(found.accuracy[best])}, "
            f"their majority on {_percent(found.majority)}."
        )
    return table, said


def _count(n: int) -> Cell:
    return Cell(text=f"{n:,}")


def _percent(share: float | None) -> str:
    return ABSENT if share is None else f"{number(100 * share, 1)} %"

"""What the commands of ``longwave adapt`` share: options, data sets, and how figures are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from longwave.adapters.answers import GroupAnswers
    from longwave.adapters.comparison import Spread
    from longwave.adapters.group_report import GroupReport, GroupSpread
    from longwave.adapters.wilds import LayoutData

Data = Annotated[
    str,
    typer.Option(help='A bundled set (captionbirds, ...), "synthetic", or a file: npz, npy, parquet.'),
]
Metadata = Annotated[
    list[Path] | None,
    typer.Option(help="File of labels, splits and groups, a row an embedding; repeatable."),
]
Layout = Annotated[
    str | None, typer.Option(help="Whose metadata they are: table, waterbirds, celeba, ...; see adapt list.")
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, ...")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Settings = Annotated[
    list[str] | None, typer.Argument(help="descent.epochs=50, contrast.tau=0.2, ...", show_default=False)
]

SYNTHETIC = "synthetic"
GROUP_HEADS = ("group", "right %", "95 % interval", "points", "in training")


def open_data(source: str, metadata: Sequence[Path] | None, layout: str | None) -> tuple[str, LayoutData]:
    """Return the name of a data set and the data."""
    from longwave.adapters import list_groups, load_groups, make_groups, read_groups
    from longwave.adapters.wilds import LayoutData, read_layout

    if source == SYNTHETIC or source in list_groups():
        data = make_groups(0) if source == SYNTHETIC else load_groups(source)
        return source, LayoutData(data=data, views={})
    path = Path(source)
    if metadata or layout or path.suffix in (".npy", ".parquet"):
        return path.stem, read_layout(path, metadata or (), layout=layout or "table")
    if not path.suffix:
        load_groups(source)  # says which names there are
    return path.stem, LayoutData(data=read_groups(path), views={})


def training_counts(data: LayoutData) -> dict[str, int]:
    """Return the training points of every group; of data without groups, of every class."""
    from longwave.adapters.group_report import count_groups

    part = data.data.part("train")
    if part.groups is None:
        return count_groups(part.labels, data.data.class_names)
    return count_groups(part.groups, data.data.group_names)


def percent(value: float | None) -> str:
    """Write a share."""
    return "-" if value is None else f"{100 * value:.1f}"


def mean_and_deviation(spread: Spread | None, factor: float = 100.0) -> str:
    """Write a mean over seeds, with its deviation where there are several."""
    if spread is None:
        return "-"
    mean = f"{factor * spread.mean:.1f}"
    return mean if spread.deviation is None else f"{mean} ± {factor * spread.deviation:.1f}"


def group_rows(report: GroupReport) -> list[tuple[str, ...]]:
    """Write the groups, the worst first."""
    return [
        (
            line.group,
            percent(line.accuracy),
            f"{percent(line.low)} to {percent(line.high)}",
            f"{line.n:,}",
            "-" if line.n_train is None else f"{line.n_train:,}",
        )
        for line in sorted(report.lines, key=lambda line: line.accuracy)
    ]


def describe_report(report: GroupReport) -> str:
    """Write the figures of one report in a line."""
    adjusted = report.adjusted_average
    weighted = "" if adjusted is None else f" (weighted as in training {percent(adjusted)})"
    return (
        f"worst group {percent(report.worst.accuracy)} % ({report.worst.group}; 95 % interval "
        f"{percent(report.worst.low)} to {percent(report.worst.high)}), average {percent(report.average)} %"
        f"{weighted}, gap {report.gap_pp:.1f} points, tenth percentile of groups "
        f"{percent(report.percentile_10)} %"
    )


def describe_spread(before: GroupSpread, after: GroupSpread) -> str:
    """Write how groups lay before and lie now."""

    def cosine(value: float | None) -> str:
        return "-" if value is None else f"{value:.2f}"

    return (
        f"cosine between groups of one class {cosine(before.within)} before, {cosine(after.within)} after; "
        f"of different classes {cosine(before.between)}, {cosine(after.between)}; neighbours with the same "
        f"label {percent(before.neighbours)} %, {percent(after.neighbours)} %"
    )


def overlapping_report(report: GroupReport, answers: GroupAnswers) -> GroupReport:
    """Return a report by the groups of all further groupings."""
    import numpy as np

    from longwave.adapters.group_report import report_overlapping

    groups = np.concatenate(list(answers.views.values()))
    correct = np.tile(answers.correct, len(answers.views))
    return report_overlapping(report, correct[groups != ""], groups[groups != ""])


def report_json(report: GroupReport) -> dict[str, object]:
    """Return a report as plain values."""
    return asdict(report)

"""``longwave import``: results of other harnesses become rows of Longwave's tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from longwave.cli._output import Output

if TYPE_CHECKING:
    from longwave.interchange import ImportSummary
    from longwave.interchange.importing import Kind


def import_(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="Who wrote the results: helm, lm-eval or inspect.")],
    path: Annotated[Path, typer.Argument(help="A run, a results file or log, or a folder with many.")],
    out: Annotated[Path, typer.Option(help="Folder of the tables; what is there stays.")],
    metric: Annotated[
        str | None, typer.Option(help="Metric for the score column; the main one of each task when left out.")
    ] = None,
    date: Annotated[
        str | None, typer.Option(help="Day of the answers, YYYY-MM-DD, where the files do not say.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Import results of HELM, lm-evaluation-harness or Inspect; importing them again changes nothing."""
    from longwave.interchange import import_results

    output: Output = context.obj
    with output.bar("import") as update:
        summary = import_results(cast("Kind", kind), path, out, metric=metric, date=date, on_progress=update)
    if as_json:
        output.result_json(summary.to_dict())
    else:
        for line in describe_import(summary):
            output.result(line)
    output.say(f"Tables in {out}. Next: longwave report {out}")


def describe_import(summary: ImportSummary) -> list[str]:
    """Say what was taken and what was left, a line a reason."""
    runs = len(summary.runs)
    lines = [
        f"{summary.rows:,} rows of {runs:,} {'run' if runs == 1 else 'runs'}: {summary.instances:,} inputs, "
        f"{summary.requests:,} requests, {summary.scores:,} further scores."
    ]
    if summary.unchanged:
        lines.append(f"{summary.unchanged:,} runs were there before and stay as they are.")
    return [*lines, *(f"Not mapped: {count:,} {reason}." for reason, count in summary.skipped.items())]

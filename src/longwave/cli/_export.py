"""``longwave export``: a table or a summary as CSV, JSON, Parquet or LaTeX."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from longwave.cli._output import Output

if TYPE_CHECKING:
    import polars as pl

    from longwave.interchange.exporting import Format

FAMILIES = "families"  # the one table that this command makes itself


def export(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder of an evaluation or an import.")],
    to: Annotated[Path, typer.Option(help="File to write; the end of its name tells the format.")],
    table: Annotated[
        str,
        typer.Option(help="predictions, requests, instances, scores, summary, or families (of metrics)."),
    ] = "summary",
    format_: Annotated[
        str | None, typer.Option("--format", help="csv, json, jsonl, latex or parquet, whatever the name.")
    ] = None,
    safe: Annotated[
        bool, typer.Option("--safe", help="CSV: disarm texts that a spreadsheet would run as formulas.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write a table of results, or a summary of models by scenarios, for other programs."""
    from longwave.errors import UnknownName
    from longwave.interchange import export_results, export_table
    from longwave.interchange.exporting import TABLES

    output: Output = context.obj
    form = cast("Format | None", format_)
    if table == FAMILIES:
        path = export_table(summarize(folder), to, format=form, safe=safe)
    elif table not in TABLES:
        raise UnknownName("table", table, [*TABLES, FAMILIES])
    else:
        path = export_results(folder, to, format=form, table=table, safe=safe)
    if as_json:
        output.result_json({"file": str(path), "table": table})
    else:
        output.result(str(path))


def summarize(folder: Path) -> pl.DataFrame:
    """Measure every family of metrics, by prompt and day too where a model has several on one scenario."""
    from longwave.evaluation import read_tables, summarize_families

    tables = read_tables(folder)
    counts = tables.predictions.group_by("scenario", "model").n_unique()
    several = [name for name in ("date", "prompt") if (counts[name] > 1).any()]
    return summarize_families(tables, by=["scenario", "model", "version", *several])

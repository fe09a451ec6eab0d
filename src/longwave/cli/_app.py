"""The Typer application: one line a command; the modules of the commands import their heavy parts late."""

from __future__ import annotations

from typing import Annotated

import typer

from longwave import __version__
from longwave.cli import (
    _adapt,
    _bench,
    _classify,
    _distill,
    _evaluate,
    _export,
    _fields,
    _generate,
    _grid,
    _import,
    _legal,
    _list,
    _monitor,
    _quickstart,
    _report,
    _train,
    _votes,
)
from longwave.cli._output import Output

app = typer.Typer(
    name="longwave",
    help="Build, train, generate from and evaluate long-context models.",
    rich_markup_mode=None,  # plain help: half the start-up time
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print results only, no progress.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks and debug messages.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del debug, version  # read by main and by the callback above
    context.obj = Output(is_quiet=quiet)


app.command("quickstart")(_quickstart.quickstart)
app.command("train")(_train.train)
app.command("generate")(_generate.generate)
app.command("distill")(_distill.distill)
app.command("evaluate")(_evaluate.evaluate)
app.command("fields")(_fields.fields)
app.command("classify")(_classify.classify)
app.command("grid")(_grid.grid)
app.command("votes")(_votes.votes)
app.command("import")(_import.import_)
app.command("export")(_export.export)
app.command("report")(_report.report)
app.command("bench")(_bench.bench)
app.add_typer(_adapt.app, name="adapt")
app.add_typer(_legal.app, name="legal")
app.add_typer(_monitor.app, name="monitor")
app.command("list")(_list.list_entries)

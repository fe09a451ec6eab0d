"""The Typer application: one line a command; the modules of the commands import their heavy parts late."""

from __future__ import annotations

from typing import Annotated

import typer

from longwave import __version__
from longwave.cli import (
    _bench,
    _classify,
    _distill,
    _doctor,
    _evaluate,
    _export,
    _fields,
    _generate,
    _grid,
    _import,
    _list,
    _quickstart,
    _report,
    _serve,
    _train,
    _votes,
)
from longwave.cli._later import LaterGroup
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


def _later(name: str, text: str) -> None:
    """Add the group of a module of its own, which says the commands."""
    app.add_typer(typer.Typer(cls=LaterGroup), name=name, help=text)


app.command("quickstart")(_quickstart.quickstart)
app.command("train")(_train.train)
app.command("generate")(_generate.generate)
app.command("serve")(_serve.serve)
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
_later(
    "adapt",
    "Repair the groups that a frozen model fails, on its embeddings: fit adapters and other methods, and "
    "tell their worst groups.",
)
_later("legal", "Work with LegalBench: list tasks, report by class of reasoning, contribute a task.")
_later(
    "monitor",
    "Watch models that are bought: archives of API predictions and tables of one's own, compared round by "
    'round. Where a folder is asked for, "sample" is the bundled one.',
)
app.command("list")(_list.list_entries)
app.command("doctor")(_doctor.doctor)

"""``longwave report``: static pages from a folder of results."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from longwave.cli._output import Output


def report(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder that an evaluation or the quickstart wrote.")],
    out: Annotated[Path | None, typer.Option(help="Where the pages go; FOLDER/report when left out.")] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve the report on this machine until Ctrl-C.")
    ] = False,
    port: Annotated[int, typer.Option(help="Port for --serve; 0 takes a free one.", min=0, max=65535)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Build the static report of a folder of results."""
    from longwave.report import build_report
    from longwave.report import serve as serve_report

    output: Output = context.obj
    page = build_report(folder, out)
    if as_json:
        output.result_json({"report": str(page)})
    else:
        output.result(str(page))
    if open_page:
        typer.launch(page.resolve().as_uri())
    if serve:
        with contextlib.suppress(KeyboardInterrupt):  # the way to end it
            serve_report(
                page.parent, port=port, on_start=lambda url: output.say(f"Serving {url} (Ctrl-C ends it)")
            )

"""``longwave list``: what there is, with its source."""

from __future__ import annotations

from typing import Annotated

import typer

from longwave import registry
from longwave.cli._output import Output


def list_entries(
    context: typer.Context,
    kind: Annotated[
        str | None, typer.Argument(help=f"One of: {', '.join(registry.KINDS)}. All kinds when left out.")
    ] = None,
    paper: Annotated[
        str | None, typer.Option(help="Only entries of this arXiv number, e.g. 2302.10866.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List mixers, scenarios, metrics and everything else that is found by name."""
    output: Output = context.obj
    kinds = registry.KINDS if kind is None else (kind,)
    found = [
        entry for each in kinds for entry in registry.entries(each).values() if paper in (None, entry.paper)
    ]
    if as_json:
        output.result_json([vars(entry) for entry in found])
        return
    if not found:
        output.say(
            "Nothing is registered under this." + (f' No entry has the paper "{paper}".' if paper else "")
        )
        return
    rows = [(entry.kind, entry.name, entry.paper or "-", entry.description) for entry in found]
    output.result_table(("kind", "name", "paper", "description"), rows)

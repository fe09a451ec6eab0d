"""``longwave doctor``: what is installed, what of it works, and how to get the rest."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from longwave.cli._output import Output

if TYPE_CHECKING:
    from longwave.doctor import Finding

HEADS = ("", "what", "state", "found, and what to do")


def doctor(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell what is installed, what of it works, and how to get the rest.

    Exits with 1 where something is there and fails; what is not installed is no failure.
    """
    from longwave.doctor import diagnose

    output: Output = context.obj
    found = diagnose()
    if as_json:
        output.result_json({**asdict(found), "is_sound": found.is_sound})
    else:
        output.result(f"Longwave {found.version}")
        output.result_table(HEADS, [_cells(one) for one in found.findings])
        broken = [one.name for one in found.findings if one.state == "broken"]
        output.result(f"Broken: {', '.join(broken)}." if broken else "Everything that is there works.")
    if not found.is_sound:
        raise typer.Exit(1)


def _cells(one: Finding) -> tuple[str, ...]:
    return (one.area, one.name, one.state, f"{one.detail}; {one.remedy}" if one.remedy else one.detail)

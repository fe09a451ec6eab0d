"""``longwave list``: what there is, with its source; for scenarios what they cover, and what none covers."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from longwave import registry
from longwave.cli._output import Output

if TYPE_CHECKING:
    from longwave.scenarios import AbsentScenario, TaxonomyRow

SUITES = "suites"  # kept as data of their own, not in the registry
TAXONOMY = ("task", "what", "who", "when", "language")
COLUMNS = ("name", "category", *TAXONOMY, "licence", "offline")
# in a terminal: shares of the room that name and offline leave, and the blanks between columns
SHARES = {"task": 20, "what": 24, "who": 18, "when": 10, "language": 13, "licence": 15}
NARROW = ("task", "what", "language")  # what is left of them where the terminal has less than so many columns
WIDE = 110
GAP = 2


def list_entries(
    context: typer.Context,
    kind: Annotated[
        str | None,
        typer.Argument(help=f"One of: {', '.join(registry.KINDS)}, suites. All but suites when left out."),
    ] = None,
    paper: Annotated[
        str | None, typer.Option(help="Only entries of this arXiv number, e.g. 2302.10866.")
    ] = None,
    family: Annotated[
        str | None, typer.Option(help="The scenarios of this family, e.g. legalbench; see list families.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List mixers, scenarios, metrics and everything else that is found by name."""
    output: Output = context.obj
    if family is not None:
        _list_family(output, family, as_json=as_json)
        return
    if kind == SUITES:
        _list_suites(output, as_json=as_json)
        return
    kinds = registry.KINDS if kind is None else (kind,)
    found = [
        entry for each in kinds for entry in registry.entries(each).values() if paper in (None, entry.paper)
    ]
    if kind == "scenarios" and found:
        _list_scenarios(output, found, has_absent=paper is None, as_json=as_json)
        return
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


def _list_scenarios(
    output: Output, entries: Sequence[registry.Entry], *, has_absent: bool, as_json: bool
) -> None:
    """Show what scenarios cover; the absent ones come last, unless only those of a paper are wanted."""
    from longwave.scenarios import list_absent, taxonomy_table

    covered = {row.name: row for row in taxonomy_table()}
    absent = list_absent() if has_absent else ()
    if as_json:
        present = [{**vars(entry), **vars(covered[entry.name])} for entry in entries]
        output.result_json([*present, *({"kind": "absent", **vars(each)} for each in absent)])
        return
    rows = [_cells(covered[entry.name]) for entry in entries] + [_cells(each) for each in absent]
    _show(output, rows)


def _list_suites(output: Output, *, as_json: bool) -> None:
    """Show the named lists of scenarios, as ``longwave evaluate --suite`` takes them."""
    from longwave.evaluation.suites import list_suites

    suites = list_suites()
    if as_json:
        output.result_json([{"kind": SUITES, **vars(suite)} for suite in suites])
        return
    rows = [(suite.name, str(len(suite.scenarios)), suite.description) for suite in suites]
    output.result_table(("name", "scenarios", "description"), rows)


def _list_family(output: Output, name: str, *, as_json: bool) -> None:
    """Show what the scenarios of a family cover."""
    from longwave.scenarios import get_family, taxonomy_table

    found = taxonomy_table(get_family(name).members())
    if as_json:
        output.result_json([{"kind": "scenarios", **vars(row)} for row in found])
    else:
        _show(output, [_cells(row) for row in found])


def _show(output: Output, rows: Sequence[tuple[str, ...]]) -> None:
    if sys.stdout.isatty():
        output.result_table(*_wrap(rows, shutil.get_terminal_size().columns))
    else:
        output.result_table(COLUMNS, rows)


def _cells(row: TaxonomyRow | AbsentScenario) -> tuple[str, ...]:
    taxonomy = (row.task, row.what, row.who, row.when, row.language)
    licence, is_offline = getattr(row, "licence", "-"), getattr(row, "is_offline", None)
    offline = "-" if is_offline is None else "yes" if is_offline else "no"
    return (row.name, getattr(row, "category", "absent"), *taxonomy, licence, offline)


def _wrap(rows: Sequence[Sequence[str]], width: int) -> tuple[list[str], list[list[str]]]:
    """Fit rows into a terminal: the category goes below the name, long cells go over several lines."""
    shown = [name for name in SHARES if width >= WIDE or name in NARROW]
    name_width = max(len(row[0]) for row in rows)
    room = width - name_width - len("offline") - GAP * (len(shown) + 1)
    total = sum(SHARES[name] for name in shown)
    limits = {name: max(1, room * SHARES[name] // total) for name in shown}
    wrapped = []
    for row in rows:
        cells = dict(zip(COLUMNS, row, strict=True))
        lines = [textwrap.fill(cells[name], limit) for name, limit in limits.items()]
        wrapped.append([f"{cells['name']}\n  {cells['category']}", *lines, cells["offline"]])
    return ["name", *shown, "offline"], wrapped

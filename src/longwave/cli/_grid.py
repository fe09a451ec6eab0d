"""``longwave grid``: what of every scenario and family of metrics is measured, and why the rest is not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from longwave.cli._output import Output

if TYPE_CHECKING:
    from longwave.evaluation.grid import GridTable

# so that the longest scenario fits beside them in 100 columns
SHORT = {"calibration": "calibr.", "robustness": "robust."}


def grid(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder of an evaluation.")],
    model: Annotated[str | None, typer.Option(help="Look at this model only and show its values.")] = None,
    category: Annotated[
        str | None, typer.Option(help="Only scenarios of this category, e.g. core; all when left out.")
    ] = None,
    contamination: Annotated[
        Path | None, typer.Option(help="YAML file of more points of contamination.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_latex: Annotated[bool, typer.Option("--latex", help="Print a LaTeX table.")] = False,
) -> None:
    """Lay an evaluation out over every scenario and every family of metrics."""
    from longwave.evaluation.contamination import known_contamination, read_contamination
    from longwave.evaluation.grid import build_grid

    output: Output = context.obj
    points = None if contamination is None else (*known_contamination(), *read_contamination(contamination))
    table = build_grid(folder, model, category=category, points=points)
    if as_json:
        output.result_json(table.to_dict())
    elif as_latex:
        output.result(table.to_latex())
    else:
        output.result_table([SHORT.get(name, name) for name in table.heads], list_rows(table))
        output.result("\n".join(["", *describe_grid(table)]))


def list_rows(table: GridTable) -> list[tuple[str, ...]]:
    """Return the rows of the grid, a row with its name before each category where there are several."""
    rows: list[tuple[str, ...]] = []
    category = "" if len(set(table.scenarios.values())) > 1 else next(iter(table.scenarios.values()), "")
    for row, name in zip(table.rows(), table.scenarios.values(), strict=True):
        if name != category:
            rows.append((f"{name.upper()}", *[""] * (len(row) - 1)))
            category = name
        rows.append(row)
    return rows


def describe_grid(table: GridTable) -> list[str]:
    """Say below the grid what its marks mean and how much of it is filled."""
    lines = [f"[{place}] {note}" for place, note in enumerate(table.notes, start=1)]
    if table.marks:
        lines.append("† weak, ‡ strong evidence that the model saw the scenario in training")
    shown = f"of {table.models[0]}" if len(table.models) == 1 else f"of {len(table.models)} models"
    lines.append(
        f"Filled {shown}: {table.n_filled} of {table.n_applicable} cells that apply"
        f"{_percent(table.share_of_applicable)}, of {len(table.cells)} in all{_percent(table.share_of_all)}."
    )
    if len(table.models) > 1:
        pairs = _percent(table.share_of_models).strip(" ()")
        lines.append(f"A score is there for {pairs} of all pairs of a model and a scenario.")
    return lines


def _percent(share: float | None) -> str:
    return "" if share is None else f" ({100 * share:.1f} %)"

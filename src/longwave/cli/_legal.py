"""``longwave legal``: LegalBench's tasks, scores by class of reasoning, and a kit to contribute a task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from longwave.cli._output import Output

if TYPE_CHECKING:
    from longwave.evaluation.irac import Mode
    from longwave.scenarios.legal import Irac, LegalTask

app = typer.Typer(help="Work with LegalBench: list tasks, report by class of reasoning, contribute a task.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("tasks")
def tasks(
    context: typer.Context,
    irac: Annotated[
        str | None,
        typer.Option(
            help="Only this class: issue, rule, application, conclusion, interpretation, rhetorical."
        ),
    ] = None,
    seed: Annotated[bool, typer.Option("--seed", help="The 44 tasks of 2022 instead of the 162.")] = False,
    as_json: Json = False,
) -> None:
    """List the tasks with class, measure, licence and where their rows are."""
    from longwave.scenarios.legal import list_legal_tasks

    output: Output = context.obj
    found = [_describe(task) for task in list_legal_tasks(irac=cast("Irac | None", irac), seed=seed)]
    if as_json:
        output.result_json(found)
        return
    columns = ("name", "irac", "measure", "rows", "licence", "description")
    output.result_table(columns, [tuple(str(task[name]) for name in columns) for task in found])


@app.command("report")
def report(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder of an evaluation.")],
    mode: Annotated[str, typer.Option(help="How choices are read: strict or lenient.")] = "strict",
    by_task: Annotated[bool, typer.Option("--tasks", help="A row a task, not a class.")] = False,
    as_json: Json = False,
) -> None:
    """Show scores by class of reasoning with intervals, beside the most frequent answer's."""
    from longwave.evaluation.irac import summarize_irac, summarize_legal_tasks

    output: Output = context.obj
    summarize = summarize_legal_tasks if by_task else summarize_irac
    found = summarize(folder, mode=cast("Mode", mode))
    if as_json:
        output.result_json(found.to_dicts())
        return
    kept = ["suite", "variant", "model", *(["task"] if by_task else []), "irac"]
    count = "n_classes" if by_task else "n_tasks"
    rows = [
        (
            *(str(row[name]) for name in kept),
            _share(row["value"]),
            f"{_share(row['low'])} to {_share(row['high'])}",
            _share(row["majority"]),
            _share(row["outside"]),
            "-" if row[count] is None else str(row[count]),
            str(row["n"]),
        )
        for row in found.iter_rows(named=True)
    ]
    columns = (*kept, "score", "95 % interval", "majority", "no label", count.replace("n_", ""), "rows")
    output.result_table(columns, rows)


@app.command("new-task")
def new_task(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Small letters, digits, hyphens and underscores.")],
    out: Annotated[Path, typer.Option(help="Where the folder goes.")] = Path(),
    irac: Annotated[
        str, typer.Option(help="Class of reasoning, see longwave legal tasks.")
    ] = "interpretation",
    licence: Annotated[str, typer.Option(help="Licence of the rows.")] = "CC-BY-4.0",
) -> None:
    """Make the folder of a new task: README, prompt and rows to fill in."""
    from longwave.scenarios.legal import new_legal_folder

    output: Output = context.obj
    folder = new_legal_folder(name, out, irac=cast("Irac", irac), licence=licence)
    output.result(str(folder))
    output.say(f"Fill in the three files, then run: longwave legal check {folder}")


@app.command("check")
def check(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder of a task.")],
    as_json: Json = False,
) -> None:
    """Say what keeps a task's folder from being ready; exit 1 unless nothing does."""
    from longwave.scenarios.legal import check_legal_folder

    output: Output = context.obj
    found = check_legal_folder(folder)
    if as_json:
        output.result_json(found)
    else:
        output.result("\n".join(found) or f"{folder} is ready.")
    if found:
        raise typer.Exit(1)


def _describe(task: LegalTask) -> dict[str, object]:
    from longwave.scenarios.legal import has_bundled_test_rows

    family = "legalbench" if task.release == "2023" else "legalbench-seed"
    return {
        "name": f"{family}/{task.name}@1",
        "irac": task.irac,
        "measure": task.measure,
        "rows": "bundled" if has_bundled_test_rows(task) else "fetched",
        "licence": task.licence,
        "description": task.description,
        "source": task.source,
        "form": task.form,
        "labels": list(task.labels),
        "size": task.size,
    }


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"

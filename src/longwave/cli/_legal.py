"""``longwave legal``: LegalBench's tasks, scores by class of reasoning, and a kit to contribute a task."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from longwave.cli._output import Output

if TYPE_CHECKING:
    import polars as pl

    from longwave.evaluation.irac import Mode
    from longwave.scenarios.legal import Irac, LegalTask

app = typer.Typer(rich_markup_mode=None)

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
    """List the tasks: class, measure, licence, rows."""
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
    yes_no: Annotated[
        bool, typer.Option("--yes-no", help="Only tasks that are answered by yes or no.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show scores and worst cases by class of reasoning.

    Beside each stands what always giving the most frequent answer scores. Where chains voted there is a row
    for each, and for what longwave votes made of them; where inputs were perturbed, the score of the worst
    answer to each.
    """
    from longwave.evaluation.irac import summarize_irac, summarize_legal_tasks

    output: Output = context.obj
    summarize = summarize_legal_tasks if by_task else summarize_irac
    found = summarize(folder, mode=cast("Mode", mode), labels=("Yes", "No") if yes_no else None)
    if as_json:
        output.result_json(found.to_dicts())
        return
    output.result_table(*describe_scores(found))


def describe_scores(found: pl.DataFrame) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return head and rows of the report; prompts and worst cases only where there are some."""
    by_task, has_worst = "task" in found.columns, bool(found["worst"].is_not_null().any())
    has_prompts = found["prompt"].n_unique() > 1
    kept = ["suite", "variant", "model", *(["task"] if by_task else []), "irac"]
    kept += ["prompt"] if has_prompts else []
    count = "n_classes" if by_task else "n_tasks"
    rows = [
        (
            *(str(row[name]) for name in kept),
            _share(row["value"]),
            "-" if row["low"] is None else f"{_share(row['low'])} to {_share(row['high'])}",
            *([_share(row["worst"])] if has_worst else []),
            _share(row["majority"]),
            _share(row["outside"]),
            "-" if row[count] is None else str(row[count]),
            str(row["n"]),
        )
        for row in found.iter_rows(named=True)
    ]
    worst = ["worst case"] if has_worst else []
    tail = ("majority", "no label", count.replace("n_", ""), "rows")
    return (*kept, "score", "95 % interval", *worst, *tail), rows


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
    """Make the folder of a new task to fill in."""
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
    """Say what keeps a task from being ready.

    Exits with 1 unless nothing does.
    """
    from longwave.scenarios.legal import check_legal_folder

    output: Output = context.obj
    found = check_legal_folder(folder)
    if as_json:
        output.result_json(found)
    else:
        output.result("\n".join(found) or f"{folder} is ready.")
    if found:
        raise typer.Exit(1)


@app.command("export")
def export(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="Folder of a task that longwave legal check finds ready.")],
    to: Annotated[Path, typer.Option(help="Where the folder of LegalBench's form goes.")],
) -> None:
    """Write a finished task in LegalBench's form.

    That is a folder with README.md, base_prompt.txt, train.tsv and test.tsv.
    """
    from longwave.evaluation import export_legal_folder

    output: Output = context.obj
    written = export_legal_folder(folder, to)
    output.result(str(written))
    output.say("LegalBench takes README.md, base_prompt.txt and train.tsv; offer test.tsv with them.")


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

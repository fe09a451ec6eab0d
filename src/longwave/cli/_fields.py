"""``longwave fields``: put trained operators beside each other in a predictions table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from longwave.cli._output import Output


def fields(
    context: typer.Context,
    runs: Annotated[
        list[str], typer.Argument(help="Folders of runs on fields, or NAME=FOLDER; seeds share a name.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the results.")],
    resolution: Annotated[
        list[int] | None, typer.Option(help="Also on this grid: points of its first axis; repeatable.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    cases: Annotated[int, typer.Option(help="Samples that the report shows in pictures.", min=0)] = 3,
    date: Annotated[
        str | None, typer.Option(help="Day of the answers, YYYY-MM-DD; the folder's, else today.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Let trained operators predict the test samples of their data; every sample becomes a row."""
    from longwave.evaluation.fields import record_fields
    from longwave.training import pick_device
    from longwave.training.field_answers import answer_fields

    output: Output = context.obj
    summary: list[dict[str, object]] = []
    for run in runs:
        name, equals, folder = run.partition("=")
        place = folder if equals else name
        for answers in answer_fields(
            place, resolution or (), name=name if equals else None, device=pick_device(device)
        ):
            rows = record_fields(out, answers, date=date, n_cases=cases)
            mean = rows["score"].mean()
            summary.append(
                {
                    "scenario": rows["scenario"][0],
                    "model": answers.model,
                    "seed": answers.seed,
                    "grid": "x".join(map(str, answers.resolution)),
                    "relative_l2": mean,
                    "samples": len(rows),
                    "error": answers.error,
                }
            )
            if answers.error:
                output.say(f"{answers.model} on {answers.resolution}: {answers.error}")
    if as_json:
        output.result_json(summary)
        return
    heads = ("scenario", "model", "seed", "grid", "relative L2", "samples")
    table = [
        (
            str(row["scenario"]),
            str(row["model"]),
            str(row["seed"]),
            str(row["grid"]),
            "-" if row["relative_l2"] is None else f"{row['relative_l2']:.4f}",
            str(row["samples"]),
        )
        for row in summary
    ]
    output.result_table(heads, table)
    output.say(f"Rows in {out}. Next: longwave report {out}")

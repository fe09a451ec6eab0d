"""``longwave classify``: put trained classifiers of images or clips beside each other in a table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from longwave.cli._output import Output


def classify(
    context: typer.Context,
    runs: Annotated[
        list[str], typer.Argument(help="Folders of runs on images, or NAME=FOLDER; seeds share a name.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the results.")],
    resolution: Annotated[
        list[int] | None,
        typer.Option(help="Also at this resolution: pixels from top to bottom; repeatable."),
    ] = None,
    bandlimit: Annotated[
        str, typer.Option(help='Bandlimit of the kernels: "model", that of the training, "none", or a share.')
    ] = "model",
    shrink: Annotated[
        bool, typer.Option(help="Also answer larger images shrunk to the training resolution.")
    ] = True,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, ...")] = "auto",
    cases: Annotated[int, typer.Option(help="Wrongly classified images in the report.", min=0)] = 12,
    date: Annotated[
        str | None, typer.Option(help="Day of the answers, YYYY-MM-DD; the folder's, else today.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Let trained classifiers tell what the test images of their data show; every image becomes a row."""
    from longwave.evaluation.images import record_images
    from longwave.training import pick_device
    from longwave.training.image_answers import answer_images, parse_bandlimit

    output: Output = context.obj
    limit = parse_bandlimit(bandlimit)
    summary: list[dict[str, object]] = []
    for run in runs:
        name, equals, folder = run.partition("=")
        for answers in answer_images(
            folder if equals else name,
            resolution or (),
            bandlimit=limit,
            shrink=shrink,
            name=name if equals else None,
            device=pick_device(device),
        ):
            rows = record_images(out, answers, date=date, n_cases=cases)
            accuracy = rows["correct"].mean()
            summary.append(
                {
                    "scenario": rows["scenario"][0],
                    "model": answers.model,
                    "seed": answers.seed,
                    "resolution": answers.resolution[0],
                    "shown_at": answers.images.shape[-2],
                    "trained_at": answers.training_resolution[0],
                    "accuracy": accuracy,
                    "images": len(rows),
                    "parameters": answers.parameters,
                    "error": answers.error,
                }
            )
            if answers.error:
                output.say(f"{answers.model} at {answers.resolution[0]}: {answers.error}")
    if as_json:
        output.result_json(summary)
        return
    heads = (
        "scenario",
        "model",
        "seed",
        "parameters",
        "trained at",
        "image",
        "shown at",
        "right %",
        "images",
    )
    output.result_table(heads, [_cells(row) for row in summary])
    output.say(f"Rows in {out}. Next: longwave report {out}")


def _cells(row: Mapping[str, object]) -> tuple[str, ...]:
    accuracy = row["accuracy"]
    return (
        str(row["scenario"]),
        str(row["model"]),
        str(row["seed"]),
        f"{row['parameters']:,}",
        str(row["trained_at"]),
        str(row["resolution"]),
        str(row["shown_at"]),
        f"{100 * accuracy:.1f}" if isinstance(accuracy, float) else "-",
        str(row["images"]),
    )

"""``longwave train``: train a model from a recipe; resumes from its folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from longwave.cli._output import Output


def train(
    context: typer.Context,
    recipe: Annotated[
        str, typer.Argument(help="A recipe's name, a YAML or JSON file, or the run.json of a run.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="Settings, e.g. steps=1000 optim.lr=3e-4 model.mixer=attention."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/RECIPE when left out.")] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the resolved configuration and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train a language model. The same command continues a run that was interrupted."""
    from longwave.config import apply_overrides, to_dict
    from longwave.recipes import load_recipe
    from longwave.training import train as run_training

    output: Output = context.obj
    config = apply_overrides(load_recipe(recipe), overrides or [])
    if show:
        output.result_json(to_dict(config))
        return
    is_file = Path(recipe).suffix in (".yaml", ".yml", ".json")  # the dot of hyena-pile-1.3b is none
    folder = out or Path("runs") / (Path(recipe).stem if is_file else recipe)
    output.say(f"Training in {folder} ({config.steps} steps, seed {config.seed}).")
    with output.bar("train") as update:

        def on_step(row: Mapping[str, float]) -> None:
            update(int(row["step"]), config.steps, describe_step(row))

        result = run_training(config, folder, on_step=on_step)
    if config.distributed != "none" and os.environ.get("RANK", "0") != "0":
        return  # of the processes that torchrun started the first one tells the result
    if as_json:
        output.result_json(vars(result))
        return
    resumed = f", resumed at step {result.resumed_from}" if result.resumed_from else ""
    state = "was finished before" if result.was_finished else f"done{resumed}"
    measure = result.validation_bits_per_byte
    score = "" if measure is None else f", {measure:.3f} bits per byte on held-out text"
    output.result(f"{folder}: {state}, {result.step} steps{score}")


def describe_step(row: Mapping[str, float]) -> str:
    """Say in one line where a training run stands."""
    if "validation_bits_per_byte" in row:
        return f"validation {row['validation_bits_per_byte']:.3f} bits per byte"
    return (
        f"loss {row['loss']:.3f}  {row['bits_per_byte']:.3f} bits per byte  lr {row['lr']:.1e}  "
        f"{row['tokens_per_s'] / 1000:.1f} k tokens/s  {row['memory_mb']:.0f} MB"
    )

"""``longwave train``: train a model from a recipe; resumes from its folder."""

from __future__ import annotations

import logging
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
        typer.Argument(help="Settings, e.g. steps=1000 optim.lr=3e-4, or data=darcy for models of fields."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the run; runs/RECIPE when left out.")] = None,
    show: Annotated[bool, typer.Option("--show", help="Print the resolved configuration and stop.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train a model on text, a task, fields or images. The same command continues an interrupted run."""
    from longwave.config import to_dict
    from longwave.recipes import apply_settings, load_recipe
    from longwave.training import train as run_training

    output: Output = context.obj
    config = apply_settings(load_recipe(recipe), overrides or [])
    if show:
        output.result_json(to_dict(config))
        return
    is_file = Path(recipe).suffix in (".yaml", ".yml", ".json")  # the dot of hyena-pile-1.3b is none
    if not output.is_quiet:  # how far a simulation is, what the modes of a model lose, which stage begins
        for name in ("field_data", "fields", "images"):
            logging.getLogger(f"longwave.training.{name}").setLevel(logging.INFO)
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
    bits = result.validation_bits_per_byte  # all that a run of version 0.1.0 has
    before = {} if bits is None else {"validation_bits_per_byte": bits}
    score = describe_evaluation(result.evaluation or before)
    output.result(f"{folder}: {state}, {result.step} steps{score and ', '}{score}")


def describe_step(row: Mapping[str, float]) -> str:
    """Say in one line where a training run stands."""
    if "loss" not in row:
        return describe_evaluation(row)
    bits = f"{row['bits_per_byte']:.3f} bits per byte  " if "bits_per_byte" in row else ""
    speed = (
        f"{row['tokens_per_s'] / 1000:.1f} k tokens/s"
        if "tokens_per_s" in row
        else f"{row['samples_per_s']:.0f} samples/s"
    )
    return f"loss {row['loss']:.3f}  {bits}lr {row['lr']:.1e}  {speed}  {row['memory_mb']:.0f} MB"


def describe_evaluation(values: Mapping[str, float]) -> str:
    """Say in one line how well a model did on what was held out; empty when nothing was."""
    if "validation_bits_per_byte" in values:
        return f"{values['validation_bits_per_byte']:.3f} bits per byte on held-out text"
    if "test_relative_l2" in values:
        return describe_errors(values)
    if "test_accuracy" not in values:
        return ""
    low, high = values["test_accuracy_low"], values["test_accuracy_high"]
    floors = ", ".join(
        f"{key.removeprefix('floor_').replace('_', ' ')} {100 * value:.1f}"
        for key, value in values.items()
        if key.startswith("floor_")
    )
    what = "images" if "resolution" in values else "sequences"
    return (
        f"{100 * values['test_accuracy']:.1f} % right on unseen {what} (95 % interval {100 * low:.1f} to "
        f"{100 * high:.1f}; floors: {floors})"
    )


def describe_errors(values: Mapping[str, float]) -> str:
    """Say in one line how far predicted fields are from true ones, in percent."""
    error, low, high = (100 * values[f"test_relative_l2{end}"] for end in ("", "_low", "_high"))
    beside = [
        f"{key.removeprefix('floor_').replace('_', ' ')} {100 * value:.3g}"
        for key, value in values.items()
        if key.startswith("floor_")
    ]
    lost = f"; its modes lose {100 * values['irreducible_loss']:.3g}" if "irreducible_loss" in values else ""
    return (
        f"relative L2 error {error:.3g} % on unseen samples (95 % interval {low:.3g} to {high:.3g}; floors: "
        f"{', '.join(beside)}{lost})"
    )

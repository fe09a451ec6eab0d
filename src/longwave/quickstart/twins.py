"""The first half of the tour: train two twins on real books, let them write, evaluate both."""

from __future__ import annotations

import bz2
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from longwave.config import write_json
from longwave.quickstart.stages import Figures, Lesson, Observer, percent

if TYPE_CHECKING:
    from longwave.training import TrainConfig

__all__ = [
    "PROMPTS",
    "evaluate_twins",
    "figures_of_twins",
    "generate",
    "plan",
    "teach_evaluation",
    "teach_training",
    "train_twin",
    "twin_models",
]

TRAINING_SHARE = 0.25  # of the minutes for each of the two models: 75 s of 5 minutes
INSTANCES_PER_MINUTE = 40
PROMPTS = ("Emma was ", "It is a truth ", "The variation of species ", "\n\nCHAPTER I\n\n")
PLAN = "plan.json"
SAMPLES = "samples.json"
GRAMMAR = "blimp@1"  # the scenario on which models of this size learn something


def plan(out: Path, *, seed: int, minutes: float, observer: Observer) -> dict[str, TrainConfig]:
    """Choose one number of steps for both twins by the slower one's speed, once; later calls read it."""
    from longwave.recipes import quickstart_twins
    from longwave.training import measure_step_s

    path = out / PLAN
    twins = quickstart_twins(seed=seed)
    if path.is_file():
        steps = int(json.loads(path.read_text("utf-8"))["steps"])
    else:
        step_s = {name: measure_step_s(recipe) for name, recipe in twins.items()}
        steps = max(20, round(minutes * 60 * TRAINING_SHARE / max(step_s.values())))
        write_json(path, {"steps": steps, "step_s": step_s})
        speeds = ", ".join(f"{name} {seconds * 1000:.0f} ms a step" for name, seconds in step_s.items())
        observer.say(f"{speeds}: {steps} steps for each")
    return {name: replace(recipe, steps=steps) for name, recipe in twins.items()}


def train_twin(out: Path, name: str, recipe: TrainConfig, observer: Observer) -> None:
    """Train one of the twins, or what is left of it."""
    from longwave.training import train

    def on_step(row: Mapping[str, float]) -> None:
        measure = row.get("validation_bits_per_byte", row.get("bits_per_byte"))
        speed = f"  {row['tokens_per_s'] / 1000:.1f} k tokens/s" if "tokens_per_s" in row else ""
        kind = "held-out" if "validation_bits_per_byte" in row else "training"
        observer.progress(int(row["step"]), recipe.steps, f"{measure:.3f} bits per byte, {kind}{speed}")

    result = train(recipe, out / "models" / name, on_step=on_step)
    if result.was_finished:
        observer.say(f"{name} was trained before")


def generate(out: Path, names: Sequence[str], *, seed: int, observer: Observer) -> None:
    """Let each model continue the same prompts, once."""
    from longwave.generation import SamplingConfig, generate_text
    from longwave.training import load_trained

    path = out / SAMPLES
    if path.is_file():
        observer.say("the samples were written before")
        return
    sampling = SamplingConfig(temperature=0.8, top_p=0.95, seed=seed)
    samples: dict[str, list[dict[str, str]]] = {}
    for name in names:
        model, tokenizer = load_trained(out / "models" / name)
        samples[name] = []
        for prompt in PROMPTS:
            text = generate_text(model, tokenizer, prompt, max_new_tokens=80, sampling=sampling)
            samples[name].append({"prompt": prompt, "text": text})
            observer.progress(len(samples[name]), len(PROMPTS), name)
        observer.say(f"{name}: {PROMPTS[0]}{' '.join(samples[name][0]['text'].split())[:160]}")
    write_json(path, samples)


def twin_models(out: Path, names: Sequence[str]) -> list[str]:
    """Return what ``longwave evaluate --model`` calls the twins."""
    return [f"checkpoint:{out / 'models' / name}" for name in names]


def evaluate_twins(
    out: Path, names: Sequence[str], *, seed: int, minutes: float, observer: Observer
) -> Figures:
    """Ask both models, and count the right answers to the scenario of grammar."""
    import polars as pl

    from longwave.evaluation import evaluate

    rows = evaluate(
        models=twin_models(out, names),
        suite="quickstart",
        perturbations=["typos"],
        max_instances=max(10, round(minutes * INSTANCES_PER_MINUTE)),
        seed=seed,
        out=out,
        on_progress=lambda progress: observer.progress(progress.done, progress.total, progress.text),
    )
    n_failed = len(rows) - rows["error"].null_count()
    if n_failed:
        observer.say(f"{n_failed} of {len(rows)} rows have an error; the report shows each")
    originals = rows.filter(pl.col("scenario") == GRAMMAR, pl.col("perturbation").is_null())
    scored = originals.group_by("model").agg(pl.col("score").mean(), pl.len()).sort("model")
    return {
        "answers": len(rows.filter(pl.col("model").is_in(list(names)))),
        "scenarios": rows["scenario"].n_unique(),
        "grammar": {model: {"accuracy": score, "n": n} for model, score, n in scored.iter_rows()},
    }


def teach_evaluation(figures: Figures, names: Sequence[str]) -> Lesson:
    """Say how far the twins are from guessing where they have a chance."""
    from longwave.predictions import wilson_interval

    told = []
    for name in names:
        share, n = figures["grammar"][name]["accuracy"], figures["grammar"][name]["n"]
        interval = wilson_interval(round(share * n), n)
        told.append(f"{name} {percent(share)} ({100 * interval.low:.0f} to {100 * interval.high:.0f})")
    return Lesson(
        stage="evaluate",
        page="index.html",
        text=f"{figures['answers']:,} answers to {figures['scenarios']} scenarios; of {n} pairs of sentences "
        f"{' and '.join(told)} tell the grammatical one, guessing half of them.",
    )


def figures_of_twins(out: Path, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Read what the training runs measured; the comparison at equal time is where the faster one ended."""
    from longwave.config import load_config
    from longwave.models import count_parameters
    from longwave.training import TrainConfig

    rows = {name: _read_rows(out / "models" / name) for name in names}
    curves = {
        name: [row for row in found if "validation_bits_per_byte" in row] for name, found in rows.items()
    }
    equal_s = min(curve[-1]["elapsed_s"] for curve in curves.values())
    figures = {}
    for name, curve in curves.items():
        config = load_config(TrainConfig, out / "models" / name / "run.json")
        times_s, bits = zip(
            *((row["elapsed_s"], row["validation_bits_per_byte"]) for row in curve), strict=True
        )
        figures[name] = {
            "parameters": float(count_parameters(config.language_model)),
            "tokens": curve[-1]["tokens"],
            "training_s": times_s[-1],
            "tokens_per_s": round(curve[-1]["tokens"] / times_s[-1], 1),
            "bits_per_byte": bits[-1],
            "equal_s": equal_s,
            "bits_per_byte_at_equal_time": float(np.interp(equal_s, times_s, bits)),
        }
    return figures


def _read_rows(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]


def teach_training(figures: Mapping[str, Mapping[str, float]]) -> Lesson:
    """Say what the twins learned, beside what a compressor gets out of the same text."""
    from longwave.samples import sample_path

    text = sample_path("books/validation.txt").read_bytes()
    floor = 8 * len(bz2.compress(text)) / len(text)
    scores = ", ".join(f"{name} {values['bits_per_byte']:.2f}" for name, values in figures.items())
    tokens = max(values["tokens"] for values in figures.values())
    return Lesson(
        stage="train",
        page="index.html",
        text=f"{scores} bits per byte on a book neither model has seen, after {tokens / 1e6:.2f} M tokens "
        f"each (bzip2 needs {floor:.2f}; lower is better).",
    )

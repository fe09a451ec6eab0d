"""The tour of ``longwave quickstart``, made so small that it takes two seconds.

Usage: _tiny_tour.py OUT TEXT STAGE CALL, which kills itself at a progress report of a stage.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from longwave import evaluation, generation
from longwave.adapters import make_groups
from longwave.cli import _quickstart, main
from longwave.data import TextDataConfig
from longwave.models import LanguageModelConfig, match_parameters
from longwave.monitoring import HapiStore, Run
from longwave.samples import sample_path
from longwave.training import OptimConfig, TrainConfig

WORDS = ("quickstart", "--minutes", "1")
STEPS = 20  # the least the tour plans
Patch = Callable[[str, object], None]


def write_text(path: Path) -> Path:
    """Write the 8 kB the models train on."""
    path.write_text(sample_path("books/train.txt").read_text("utf-8")[:8000], "utf-8")
    return path


def tiny_twins(text: Path, seed: int) -> dict[str, TrainConfig]:
    """Return two models of 20 thousand parameters."""
    hyena = TrainConfig(
        model=LanguageModelConfig(vocab_size=257, d_model=16, n_layers=2, max_length=128),
        data=TextDataConfig(path=str(text), validation_fraction=0.2),
        optim=OptimConfig(lr=3e-3),
        steps=1,
        batch_size=2,
        seed=seed,
        device="cpu",
        log_every=5,
        eval_every=10,
        validation_windows=2,
        checkpoint_every=10,
    )
    twin = replace(hyena.model, mixer="attention", mixer_options={"n_heads": 2})
    return {"hyena": hyena, "attention": replace(hyena, model=match_parameters(twin, hyena.model))}


def small_history() -> HapiStore:
    """Return two snapshots of two language models, and four services, on a hundred examples each."""
    rng = np.random.default_rng(0)
    store = HapiStore.empty("small")

    def add(task: str, dataset: str, api: str, date: str, skill: float, labels: list[object]) -> None:
        right = rng.random(len(labels)) < skill
        said = [
            label if is_right else labels[place - 1]
            for place, (label, is_right) in enumerate(zip(labels, right, strict=True))
        ]
        rows = [
            {"example_id": str(place), "predicted_label": label, "confidence": 0.5 + 0.4 * skill}
            for place, label in enumerate(said)
        ]
        status = "model_snapshot" if task == "llm" else "unknown"
        run = Run(task=task, dataset=dataset, api=api, date=date, cost_per_10k=10 * skill, date_status=status)
        store.add_run(run, rows)

    for task, dataset, labels in (
        ("llm", "prime", [("yes", "no")[place % 2] for place in range(104)]),
        ("scr", "command", [place % 5 for place in range(104)]),
    ):
        store.add_labels(
            task,
            dataset,
            [{"example_id": str(place), "true_label": label} for place, label in enumerate(labels)],
        )
        if task == "llm":
            for api, before, after in (("openai_gpt-3.5", 0.5, 0.7), ("openai_gpt-4", 0.9, 0.4)):
                add(task, dataset, api, "23-03-01", before, labels)
                add(task, dataset, api, "23-06-13", after, labels)
        else:
            for api, skill in (
                ("google_scr", 0.8),
                ("ibm_scr", 0.7),
                ("microsoft_scr", 0.9),
                ("own_scr", 0.6),
            ):
                add(task, dataset, api, "20-03-29", skill, labels)
    return store


def shrink(patch: Patch, text: Path) -> None:
    """Make everything of the tour small but its course."""
    evaluate, generate = evaluation.evaluate, generation.generate_text
    counts = {"train": (40, 4, 4, 20), "val": (6, 6, 6, 6), "test": (10, 10, 6, 6)}
    history, groups = small_history(), make_groups(0, width=8, counts=counts)

    def evaluate_few(**settings: object) -> object:
        few: dict[str, object] = {"max_instances": 2}
        if settings.get("suite"):
            few |= {"suite": None, "scenarios": ["blimp", "openbookqa"]}
        return evaluate(**settings | few)

    def generate_few(*words: object, **settings: object) -> str:
        return generate(*words, **settings | {"max_new_tokens": 4})

    patch("longwave.recipes.quickstart_twins", lambda *, seed: tiny_twins(text, seed))
    patch("longwave.training.measure_step_s", lambda _: 60.0)
    patch("longwave.evaluation.evaluate", evaluate_few)
    patch("longwave.generation.generate_text", generate_few)
    patch("longwave.quickstart.legal.TASKS", ("diversity_1",))
    patch("longwave.monitoring.load_sample", lambda: history)
    patch("longwave.adapters.load_groups", lambda _: groups)


def _set(name: str, value: object) -> None:
    module, _, attribute = name.rpartition(".")
    setattr(importlib.import_module(module), attribute, value)


def run_and_die(out: str, text: str, stage: str, call: str) -> None:
    """Run the tour until a report of progress in a stage, counted from 1 both, then die."""
    torch.set_num_threads(1)
    shrink(_set, Path(text))
    show, calls = _quickstart._StageBars.progress, [0]

    def progress(bars: _quickstart._StageBars, done: int, total: int, words: str) -> None:
        show(bars, done, total, words)
        calls[0] += bars.count == int(stage)
        if calls[0] == int(call):
            os.kill(os.getpid(), signal.SIGKILL)

    _quickstart._StageBars.progress = progress
    sys.exit(main([*WORDS, "--out", out]))


if __name__ == "__main__":
    run_and_die(*sys.argv[1:])

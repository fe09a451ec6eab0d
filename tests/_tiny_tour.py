"""The tour of ``longwave quickstart``, made so small that it takes a second.

Usage: _tiny_tour.py OUT TEXT STAGE CALL, which kills itself at a progress report of a stage.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from longwave import evaluation, generation, training
from longwave.cli import _quickstart, main
from longwave.data import TextDataConfig
from longwave.models import LanguageModelConfig, match_parameters
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


def shrink(patch: Patch, text: Path) -> None:
    """Make everything of the tour small but its course."""
    evaluate, generate = evaluation.evaluate, generation.generate_text

    def evaluate_few(**settings: object) -> object:
        few = {"suite": None, "scenarios": ["blimp", "openbookqa"], "max_instances": 2}
        return evaluate(**settings | few)

    def generate_few(*words: object, **settings: object) -> str:
        return generate(*words, **settings | {"max_new_tokens": 4})

    patch("longwave.recipes.quickstart_twins", lambda *, seed: tiny_twins(text, seed))
    patch("longwave.training.measure_step_s", lambda _: 60.0)
    patch("longwave.evaluation.evaluate", evaluate_few)
    patch("longwave.generation.generate_text", generate_few)


def _set(name: str, value: object) -> None:
    modules = {"recipes": sys.modules["longwave.recipes"], "training": training, "evaluation": evaluation}
    _, module, attribute = name.split(".")
    setattr((modules | {"generation": generation})[module], attribute, value)


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
    import longwave.recipes  # noqa: F401 - patched by shrink

    run_and_die(*sys.argv[1:])

"""The tour behind ``longwave quickstart``: train two twins on real books, generate, evaluate, report.

A Hyena model and its attention twin share depth, width, parameters and tokens; only the mixer differs. Every
stage leaves its result in the folder and is skipped when it is there, so the tour can be stopped and
continued at any moment.
"""

from __future__ import annotations

import bz2
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from longwave.config import RunRecord, read_run_record, to_dict, write_json, write_run_record
from longwave.errors import ConfigError

if TYPE_CHECKING:
    from longwave.training import TrainConfig

__all__ = ["Observer", "QuickstartConfig", "QuickstartSummary", "run_quickstart"]

TRAINING_SHARE = 0.25  # of the minutes for each of the two models: 75 s of 5 minutes
INSTANCES_PER_MINUTE = 40
PROMPTS = ("Emma was ", "It is a truth ", "The variation of species ", "\n\nCHAPTER I\n\n")
PLAN = "plan.json"
SAMPLES = "samples.json"
SUMMARY = "summary.json"


@dataclass(frozen=True, kw_only=True)
class QuickstartConfig:
    """What the tour may cost.

    Parameters
    ----------
    seed : int
    minutes : float
        Aim for the whole job on this machine; half of it goes into training.
    """

    seed: int = 0
    minutes: float = 5.0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f'"seed" is {self.seed}; it must be 0 or more.')
        if not 0 < self.minutes <= 24 * 60:
            raise ConfigError(
                f'"minutes" is {self.minutes}; it must be above 0 and at most 1440. The default is 5.'
            )


@dataclass(frozen=True, kw_only=True)
class QuickstartSummary:
    """What was learned and where it stands.

    Parameters
    ----------
    report : Path
        First page of the report.
    learned : str
        One line.
    stages_s : dict
        Seconds of each stage, in the call that took longest over it: one that finds it done takes none.
    figures : dict
        For each model: parameters, tokens, training time and bits per byte on held-out books.
    """

    report: Path
    learned: str
    stages_s: dict[str, float]
    figures: dict[str, dict[str, float]]


class Observer(Protocol):
    """Hears how the tour goes; the command line draws it."""

    def stage(self, title: str) -> None:
        """Begin a stage."""
        ...

    def progress(self, done: int, total: int, text: str) -> None:
        """Tell how far the stage is."""
        ...

    def say(self, text: str) -> None:
        """Tell something worth reading."""
        ...


def run_quickstart(out: Path, config: QuickstartConfig, observer: Observer) -> QuickstartSummary:
    """Run the tour, or what is left of it.

    Parameters
    ----------
    out : Path
        Folder of everything the tour writes.
    config : QuickstartConfig
    observer : Observer

    Raises
    ------
    ConfigError
        If the folder holds a tour with other settings or something else.
    """
    clock = _Clock(observer)
    _claim(out, config)
    with clock.stage("plan", "Measure how fast this machine trains"):
        twins = _plan(out, config, observer)
    for name, recipe in twins.items():
        with clock.stage(f"train {name}", f"Train {name}"):
            _train(out, name, recipe, observer)
    with clock.stage("generate", "Let both models write"):
        _generate(out, list(twins), config.seed, observer)
    with clock.stage("evaluate", "Evaluate both models on real scenarios, clean and with typing errors"):
        _evaluate(out, list(twins), config, observer)
    with clock.stage("report", "Write the report"):
        report = _report(out)
    figures = _figures(out, list(twins))
    stages_s = _keep_longest(out / SUMMARY, clock.seconds)
    write_json(out / SUMMARY, {"figures": figures, "stages_s": stages_s})
    return QuickstartSummary(report=report, learned=_sentence(figures), stages_s=stages_s, figures=figures)


class _Clock:
    """Times the stages and announces them."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, key: str, title: str) -> Iterator[None]:
        self.observer.stage(title)
        started = time.perf_counter()
        yield
        self.seconds[key] = round(time.perf_counter() - started, 2)


def _keep_longest(path: Path, seconds: Mapping[str, float]) -> dict[str, float]:
    """Keep an earlier call's time of a stage where this one found the work done."""
    known: dict[str, float] = json.loads(path.read_text("utf-8"))["stages_s"] if path.is_file() else {}
    return {key: max(value, known.get(key, 0.0)) for key, value in seconds.items()}


def _claim(out: Path, config: QuickstartConfig) -> RunRecord:
    """Take the folder for these settings, or refuse it when it belongs to others."""
    record = read_run_record(out)
    if record is None:
        if out.is_file():
            raise ConfigError(f'"{out}" is a file. Name a folder with --out.')
        if out.is_dir() and any(path.suffix != ".tmp" for path in out.iterdir()):  # of a killed write
            raise ConfigError(
                f'"{out}" is not empty and holds no quickstart. Choose another folder with --out.'
            )
        return write_run_record(out, kind="quickstart", config=config, seed=config.seed)
    if record.kind != "quickstart" or record.config != to_dict(config):
        raise ConfigError(
            f'"{out}" holds a {record.kind} with {json.dumps(record.config)}, '
            f"not {json.dumps(to_dict(config))}. Repeat those settings, or choose another folder with --out."
        )
    return record


def _plan(out: Path, config: QuickstartConfig, observer: Observer) -> dict[str, TrainConfig]:
    """Choose one number of steps for both twins by the slower one's speed, once; later calls read it."""
    from longwave.recipes import quickstart_twins
    from longwave.training import measure_step_s

    path = out / PLAN
    twins = quickstart_twins(seed=config.seed)
    if path.is_file():
        steps = int(json.loads(path.read_text("utf-8"))["steps"])
    else:
        step_s = {name: measure_step_s(recipe) for name, recipe in twins.items()}
        steps = max(20, round(config.minutes * 60 * TRAINING_SHARE / max(step_s.values())))
        write_json(path, {"steps": steps, "step_s": step_s})
        speeds = ", ".join(f"{name} {seconds * 1000:.0f} ms a step" for name, seconds in step_s.items())
        observer.say(f"{speeds}: {steps} steps for each")
    return {name: replace(recipe, steps=steps) for name, recipe in twins.items()}


def _train(out: Path, name: str, recipe: TrainConfig, observer: Observer) -> None:
    from longwave.training import train

    def on_step(row: Mapping[str, float]) -> None:
        measure = row.get("validation_bits_per_byte", row.get("bits_per_byte"))
        speed = f"  {row['tokens_per_s'] / 1000:.1f} k tokens/s" if "tokens_per_s" in row else ""
        kind = "held-out" if "validation_bits_per_byte" in row else "training"
        observer.progress(int(row["step"]), recipe.steps, f"{measure:.3f} bits per byte, {kind}{speed}")

    result = train(recipe, out / "models" / name, on_step=on_step)
    if result.was_finished:
        observer.say(f"{name} was trained before")


def _generate(out: Path, names: Sequence[str], seed: int, observer: Observer) -> None:
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


def _evaluate(out: Path, names: Sequence[str], config: QuickstartConfig, observer: Observer) -> None:
    from longwave.evaluation import evaluate

    predictions = evaluate(
        models=[f"checkpoint:{out / 'models' / name}" for name in names],
        suite="quickstart",
        perturbations=["typos"],
        max_instances=max(10, round(config.minutes * INSTANCES_PER_MINUTE)),
        seed=config.seed,
        out=out,
        on_progress=lambda progress: observer.progress(progress.done, progress.total, progress.text),
    )
    n_failed = len(predictions) - predictions["error"].null_count()
    if n_failed:
        observer.say(f"{n_failed} of {len(predictions)} rows have an error; the report shows each")


def _report(out: Path) -> Path:
    from longwave.report import build_report

    return build_report(out, title="Longwave quickstart")


def _figures(out: Path, names: Sequence[str]) -> dict[str, dict[str, float]]:
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


def _sentence(figures: Mapping[str, Mapping[str, float]]) -> str:
    """Say in one line what the twins learned, beside what a compressor gets out of the same text."""
    from longwave.samples import sample_path

    text = sample_path("books/validation.txt").read_bytes()
    floor = 8 * len(bz2.compress(text)) / len(text)
    scores = ", ".join(f"{name} {values['bits_per_byte']:.2f}" for name, values in figures.items())
    tokens = max(values["tokens"] for values in figures.values())
    return (
        f"Learned: {scores} bits per byte on a book neither model has seen, after {tokens / 1e6:.2f} M "
        f"tokens each (bzip2 needs {floor:.2f}; lower is better)."
    )

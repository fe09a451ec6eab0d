"""The course of the tour: its settings, its stages in their order, and what is said at the end.

Every stage leaves its result in the folder and is skipped when it is there, so the tour can be stopped and
continued at any moment.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from longwave.config import RunRecord, read_run_record, to_dict, write_json, write_run_record
from longwave.errors import ConfigError, MissingExtra
from longwave.quickstart import groups, legal, monitoring, twins, votes
from longwave.quickstart.stages import Figures, Lesson, Observer, once

__all__ = ["QuickstartConfig", "QuickstartSummary", "run_quickstart"]

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
    lessons : tuple of Lesson
        One a stage.
    stages_s : dict
        Seconds of each stage, in the call that took longest over it: one that finds it done takes none.
    figures : dict
        What each stage measured, by its name. Of ``train`` for each model: parameters, tokens, training time
        and bits per byte on held-out books.
    """

    report: Path
    lessons: tuple[Lesson, ...]
    stages_s: dict[str, float]
    figures: dict[str, Figures]


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
    MissingExtra
        If torch is not installed.
    """
    if find_spec("torch") is None:
        raise MissingExtra("The quickstart", "torch")
    clock = _Clock(observer)
    _claim(out, config)
    seed, minutes = config.seed, config.minutes
    with clock.stage("plan", "Measure how fast this machine trains"):
        recipes = twins.plan(out, seed=seed, minutes=minutes, observer=observer)
    names = list(recipes)
    for name, recipe in recipes.items():
        with clock.stage(f"train {name}", f"Train {name}"):
            twins.train_twin(out, name, recipe, observer)
    with clock.stage("generate", "Let both models write"):
        twins.generate(out, names, seed=seed, observer=observer)
    figures: dict[str, Figures] = {"train": dict(twins.figures_of_twins(out, names))}

    def measure(stage: str, title: str, work: Callable[[], Figures]) -> None:
        with clock.stage(stage, title):
            figures[stage] = once(out, stage, observer, work)

    measure(
        "evaluate",
        "Evaluate both models on real scenarios, clean and with typing errors",
        lambda: twins.evaluate_twins(out, names, seed=seed, minutes=minutes, observer=observer),
    )
    measure(
        "votes",
        "Ask both models in five ways, and weigh the answers with the label model",
        lambda: votes.ask_in_five_ways(out, names, seed=seed, minutes=minutes, observer=observer),
    )
    measure(
        "legal",
        "Ask both models and a program questions of LegalBench",
        lambda: legal.ask_legal_questions(out, names, seed=seed, minutes=minutes, observer=observer),
    )
    measure(
        "monitor",
        "Look what changed in models that are bought, and which of them to buy",
        lambda: monitoring.watch_history(out, seed=seed, observer=observer),
    )
    measure(
        "groups",
        "Repair the groups that a frozen model fails",
        lambda: groups.repair_groups(out, seed=seed, minutes=minutes, observer=observer),
    )
    with clock.stage("report", "Write the report"):
        report = _report(out)
    lessons = _teach(figures, names)
    stages_s = _keep_longest(out / SUMMARY, clock.seconds)
    summary = QuickstartSummary(report=report, lessons=lessons, stages_s=stages_s, figures=figures)
    write_json(
        out / SUMMARY, {"figures": figures, "lessons": to_dict(summary)["lessons"], "stages_s": stages_s}
    )
    return summary


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


def _report(out: Path) -> Path:
    from longwave.report import build_report

    return build_report(out, title="Longwave quickstart")


def _teach(figures: Mapping[str, Figures], names: Sequence[str]) -> tuple[Lesson, ...]:
    return (
        twins.teach_training(figures["train"]),
        twins.teach_evaluation(figures["evaluate"], names),
        votes.teach_votes(figures["votes"]),
        legal.teach_legal(figures["legal"], names),
        monitoring.teach_monitoring(figures["monitor"]),
        groups.teach_groups(figures["groups"]),
    )

"""Run an evaluation: load, draw, perturb, ask, score, write; a second start continues the first."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import polars as pl

from longwave.clients.base import Client
from longwave.clients.budget import Budget
from longwave.clients.cache import CachedClient
from longwave.clients.replay import CACHE_NAME, ReplayClient
from longwave.clients.specs import open_client
from longwave.errors import ConfigError, FolderTaken
from longwave.evaluation.asking import ask_tasks
from longwave.evaluation.config import EvaluateConfig
from longwave.evaluation.floors import floor_rows
from longwave.evaluation.locking import lock_folder
from longwave.evaluation.plan import WHOLE, Done, Shard, count_tasks, plan_tasks
from longwave.evaluation.progress import Counter, Listener
from longwave.evaluation.records import make_folder, with_date, write_record
from longwave.evaluation.scoring import Answered, Task
from longwave.evaluation.selection import Selection, select_instances
from longwave.evaluation.suites import get_suite
from longwave.evaluation.writer import TableWriter, write_instances
from longwave.perturbations import Perturbation
from longwave.perturbations.sets import expand_perturbations
from longwave.predictions import drop_failed, finish_run, read_predictions
from longwave.prompting import VOTES
from longwave.scenarios import Scenario, get_scenario, load_official

__all__ = ["Own", "open_clients", "resolve", "run_evaluation", "select", "task_key"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Own:
    """Objects that stand for a name in the configuration."""

    clients: dict[str, Client] = field(default_factory=dict)
    scenarios: dict[str, Scenario] = field(default_factory=dict)
    perturbations: dict[str, Perturbation] = field(default_factory=dict)


def run_evaluation(
    config: EvaluateConfig,
    out: Path,
    *,
    own: Own | None = None,
    shard: Shard = WHOLE,
    retry_failed: bool = False,
    max_usd: float | None = None,
    on_progress: Listener | None = None,
) -> pl.DataFrame:
    """Run an evaluation, or a part of it, in this process from its configuration; see ``evaluate``.

    Parameters
    ----------
    config : EvaluateConfig
    out : Path
    own : Own, optional
    shard : Shard
    retry_failed : bool
    max_usd : float, optional
    on_progress : callable, optional
    """
    if retry_failed and out.is_dir():
        with lock_folder(out, WHOLE):
            n_failed = drop_failed(out, date=with_date(config, out).date)
            logger.info("%d failed rows are asked again", n_failed)
    run, is_complete = _run(resolve(config), out, own or Own(), shard, max_usd, on_progress)
    if is_complete:  # what was loaded is free by now: tables are rewritten in a part of its memory
        try:
            with lock_folder(out, WHOLE):
                finish_run(out, run)
        except FolderTaken:  # another part is still at work; who ends last finishes
            logger.debug("%s is still being written", out)
    return read_predictions(out)


def resolve(config: EvaluateConfig) -> EvaluateConfig:
    """Fill in what a suite sets and the configuration leaves open."""
    suite = get_suite(config.suite) if config.suite else None
    return replace(
        config,
        perturbations=config.perturbations or (suite.perturbations if suite else ()),
        trials=config.trials or (suite.trials if suite else 1),
    )


def select(config: EvaluateConfig, own: Own) -> dict[str, Selection]:
    """Load, draw and perturb the instances of every scenario that is asked, by its key."""
    caps: dict[str, int | None] = dict(get_suite(config.suite).scenarios) if config.suite else {}
    caps = {**caps, **{name: None for name in config.scenarios if name not in caps}}
    edits = {
        edit.name: edit
        for name in config.perturbations
        for edit in ([own.perturbations[name]] if name in own.perturbations else expand_perturbations([name]))
    }
    selections: dict[str, Selection] = {}
    for name, cap in caps.items():
        scenario = _as_asked(own.scenarios.get(name) or get_scenario(name), config)
        limits = [limit for limit in (cap, config.max_instances) if limit is not None]
        selection = select_instances(
            scenario,
            perturbations=list(edits.values()),
            max_instances=min(limits, default=None),
            seed=config.seed,
            prompting=config.prompting,
            votes=config.votes or VOTES,
            train_votes=config.train_votes or 0,
        )
        selections.setdefault(scenario.key, selection)
        logger.info("%s: %d inputs", scenario.key, len(selection.instances))
    if config.train_votes:
        _tell_without_train(selections)
    return selections


def _tell_without_train(selections: dict[str, Selection]) -> None:
    """Say which scenarios have no train rows that chains could vote on."""
    without = [
        f'"{key}"'
        for key, selection in selections.items()
        if all(item.split in selection.scenario.eval_splits for item in selection.instances)
    ]
    if without:
        more = f" and {len(without) - 3} more" if len(without) > 3 else ""
        logger.warning("no train rows to vote on in %s%s", ", ".join(without[:3]), more)


def open_clients(config: EvaluateConfig, own: Own) -> list[Client]:
    """Open every model once.

    Raises
    ------
    ConfigError
        If two have the same name and version, so that their rows could not be told apart.
    """
    opened = [own.clients.get(name) or open_client(name) for name in config.models]
    seen: set[tuple[str, str]] = set()
    for client in opened:
        identity = (client.name, client.version)
        if identity in seen:
            raise ConfigError(
                f'Two models are named "{client.name}", version "{client.version}"; their rows could not be '
                "told apart. Leave one out, or rename its folder."
            )
        seen.add(identity)
    return opened


def _limit(opened: Sequence[Client], max_usd: float) -> None:
    """Share a limit of money among the models that cost some."""
    budgets = [budget for client in opened if isinstance(budget := getattr(client, "budget", None), Budget)]
    priced = [budget for budget in budgets if budget.price is not None]
    if not priced:
        raise ConfigError(
            f"The limit of {max_usd:g} US dollars limits nothing, since no model has a price. Give the price "
            'in the model\'s name, for example "openai:NAME@URL?price_in=1&price_out=2".'
        )
    for budget in priced:
        budget.max_usd = max_usd / len(priced)


def _as_asked(scenario: Scenario, config: EvaluateConfig) -> Scenario:
    if config.shots is not None and scenario.prompt.max_train_instances:
        scenario = replace(scenario, prompt=replace(scenario.prompt, max_train_instances=config.shots))
    if config.official and scenario.official is not None:
        scenario = replace(scenario, load=partial(load_official, scenario))
    return scenario


def _run(
    config: EvaluateConfig,
    out: Path,
    own: Own,
    shard: Shard,
    max_usd: float | None,
    on_progress: Listener | None,
) -> tuple[str, bool]:
    """Load, ask and write; returns the hash of the run and whether nothing of it is left to do."""
    selections = select(config, own)
    opened = open_clients(config, own)
    if max_usd is not None:
        _limit(opened, max_usd)
    with ExitStack() as stack:
        for client in opened:
            if isinstance(client, ReplayClient) and client.name not in own.clients:
                stack.callback(client.close)
        make_folder(out)
        config = with_date(config, out)
        with lock_folder(out, shard):
            run = write_record(config, out, selections).hash
            _fill(config, out, run, selections, opened, shard, on_progress)
        return run, shard == WHOLE or _is_complete(config, out, selections, opened)


def _fill(
    config: EvaluateConfig,
    out: Path,
    run: str,
    selections: dict[str, Selection],
    opened: Sequence[Client],
    shard: Shard,
    on_progress: Listener | None,
) -> None:
    """Ask for what the folder does not hold yet."""
    done = Done(out)
    writer = TableWriter(out, run=run)
    counter = Counter(on_progress, total=len(opened) * count_tasks(config, selections, shard=shard))
    try:
        if shard.is_first:
            write_instances(out, list(selections.values()), run=run)
            _write_floors(config, selections, done, writer)
            writer.flush()
        for number, client in enumerate(opened):
            writer.place = f"{number:06d} {shard.start:.12f}"
            counter.tell(client.name)
            left = _left(plan_tasks(client, config, selections, shard=shard), done, counter, client.name)
            with CachedClient(client, out / CACHE_NAME, scope=str(config.date)) as cached:
                for batch in ask_tasks(
                    cached, left, selections, batch_size=config.batch_size, seed=config.seed, pupil=client
                ):
                    writer.add(batch.answered, batch.requests)
                    counter.add(batch, client.name)
            writer.flush()  # a shard holds rows of one model
            counter.tell(client.name)
    finally:
        writer.flush()  # Ctrl-C and errors keep what was answered


def _left(tasks: Iterator[Task], done: Done, counter: Counter, model: str) -> Iterator[Task]:
    """Pass on the tasks that have no row yet."""
    there: set[tuple[object, ...]] = set()
    shared = None
    for task in tasks:
        if (task.scenario.key, task.key["prompt"]) != shared:
            shared = (task.scenario.key, task.key["prompt"])
            there = done.of(task.key)
        if task_key(task) in there:
            counter.skip(model)
        else:
            yield task


def task_key(task: Task) -> tuple[object, ...]:
    """Return what tells a task apart from others of its model and scenario, as `Done` lists it."""
    return task.instance.id, task.instance.perturbation, task.trial


def _is_complete(
    config: EvaluateConfig, out: Path, selections: dict[str, Selection], opened: Sequence[Client]
) -> bool:
    """Tell whether all parts of an evaluation are there."""
    done = Done(out)
    idle = Counter(None, total=0)
    return all(
        next(_left(plan_tasks(client, config, selections), done, idle, client.name), None) is None
        for client in opened
    )


def _write_floors(
    config: EvaluateConfig, selections: dict[str, Selection], done: Done, writer: TableWriter
) -> None:
    if not config.has_floors:
        return
    for selection in selections.values():
        there: dict[object, set[tuple[object, ...]]] = {}
        for row in floor_rows(
            selection.scenario, selection.train, selection.originals, date=str(config.date)
        ):
            model = row["model"]
            if model not in there:
                there[model] = done.of(row)
            if (row["instance"], row["perturbation"], row["trial"]) not in there[model]:
                writer.add([Answered(row=row)], ())

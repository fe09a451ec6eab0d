"""Run an evaluation: load, draw, perturb, ask, score, write; a second start continues the first."""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from longwave.clients.base import Client
from longwave.clients.cache import CachedClient
from longwave.clients.replay import CACHE_NAME, ReplayClient
from longwave.clients.specs import open_client
from longwave.config import RunRecord, config_hash, read_run_record, to_dict, write_run_record
from longwave.errors import ConfigError, StorageError
from longwave.evaluation.asking import Batch, ask_tasks
from longwave.evaluation.config import EvaluateConfig
from longwave.evaluation.floors import floor_rows
from longwave.evaluation.progress import Progress
from longwave.evaluation.scoring import Answered, Row, Task
from longwave.evaluation.selection import Selection, select_instances
from longwave.evaluation.suites import get_suite
from longwave.evaluation.writer import TableWriter, write_instances
from longwave.perturbations import Perturbation, get_perturbation
from longwave.predictions import KEY, done_keys, read_predictions
from longwave.prompting import name_prompt
from longwave.scenarios import Scenario, get_scenario

__all__ = ["evaluate", "run_evaluation"]

logger = logging.getLogger(__name__)

KIND = "evaluate"
RUNS = "runs"  # one record a configuration, beside the newest one in run.json
Listener = Callable[[Progress], None]
Keys = set[tuple[object, ...]]


def evaluate(
    *,
    out: Path | str,
    model: str | Client | None = None,
    models: Sequence[str | Client] = (),
    scenarios: Sequence[str | Scenario] = (),
    suite: str | None = None,
    perturbations: Sequence[str | Perturbation] = (),
    max_instances: int | None = None,
    trials: int = 1,
    shots: int | None = None,
    seed: int = 0,
    date: str | None = None,
    on_progress: Listener | None = None,
) -> pl.DataFrame:
    """Evaluate models on scenarios; every answer becomes a row of the predictions table in a folder.

    Parameters
    ----------
    out : Path or str
        Folder of the results. Rows that it holds already are not asked again, so that a killed run continues,
        and models or scenarios can be added later.
    model, models : str or Client, sequence of them
        Specs such as ``"checkpoint:runs/hyena"``, or clients of one's own.
    scenarios : sequence of str or Scenario
        Names, paths of YAML files, or scenarios of one's own.
    perturbations : sequence of str or Perturbation
        Names such as ``"typos"``, or perturbations of one's own.
    suite, max_instances, trials, shots, seed, date
        See ``EvaluateConfig``.
    on_progress : callable, optional
        Called with a ``Progress`` after every batch.

    Returns
    -------
    DataFrame
        All rows of the folder, those of earlier starts included.

    Raises
    ------
    ConfigError, DataError
        If a setting is wrong, a name is unknown, or a scenario, a model or the request cache cannot be read.
    StorageError
        If the folder cannot be written; what was finished is kept.

    Notes
    -----
    A failing request ends up in its row's ``error`` column and never ends the run; such a row counts as done.
    Answers are in a request cache on disk before they are scored: a killed process asks nothing twice but
    what was under way.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rows = evaluate(model="fake:first", scenarios=["blimp"], max_instances=3, out=folder)
    >>> rows.filter(rows["model"] == "fake:first")["score"].to_list()
    [0.5, 0.5, 0.5]
    """
    asked = [*([model] if model is not None else []), *models]
    config = EvaluateConfig(
        models=tuple(item if isinstance(item, str) else item.name for item in asked),
        scenarios=tuple(item if isinstance(item, str) else item.key for item in scenarios),
        suite=suite,
        perturbations=tuple(item if isinstance(item, str) else item.name for item in perturbations),
        max_instances=max_instances,
        trials=trials,
        shots=shots,
        seed=seed,
        date=date,
    )
    return run_evaluation(
        config,
        Path(out),
        clients={item.name: item for item in asked if not isinstance(item, str)},
        scenarios={item.key: item for item in scenarios if isinstance(item, Scenario)},
        perturbations={item.name: item for item in perturbations if not isinstance(item, str)},
        on_progress=on_progress,
    )


def run_evaluation(
    config: EvaluateConfig,
    out: Path,
    *,
    clients: dict[str, Client] | None = None,
    scenarios: dict[str, Scenario] | None = None,
    perturbations: dict[str, Perturbation] | None = None,
    on_progress: Listener | None = None,
) -> pl.DataFrame:
    """Run an evaluation from its configuration; see ``evaluate``.

    Parameters
    ----------
    config : EvaluateConfig
    out : Path
    clients, scenarios, perturbations : dict, optional
        Objects that stand for a name in the configuration.
    on_progress : callable, optional
    """
    selections = _select(config, scenarios or {}, perturbations or {})
    own = clients or {}
    opened = [own.get(name) or open_client(name) for name in config.models]
    _check_models(opened)
    config = replace(config, date=config.date or _known_date(out) or datetime.date.today().isoformat())
    _make_folder(out)
    record = _record(config, out, selections)
    write_instances(out, list(selections.values()))
    writer = TableWriter(out, run=record.hash)
    done: Keys = set(done_keys(out).iter_rows())
    plan = [(client, _tasks(client, config, selections)) for client in opened]
    progress = _Counter(on_progress, total=sum(len(tasks) for _, tasks in plan))
    try:
        _write_floors(config, selections, done, writer)
        for client, tasks in plan:
            left = [task for task in tasks if tuple(task.key[name] for name in KEY) not in done]
            progress.skip(len(tasks) - len(left), client.name)
            with CachedClient(client, out / CACHE_NAME, scope=str(config.date)) as cached:
                for batch in ask_tasks(
                    cached, left, selections, batch_size=config.batch_size, seed=config.seed, pupil=client
                ):
                    writer.add(batch.answered, batch.requests)
                    progress.add(batch, client.name)
    finally:
        writer.flush()  # Ctrl-C and errors keep what was answered
        for client in opened:
            if isinstance(client, ReplayClient) and client.name not in own:
                client.close()
    return read_predictions(out)


def _select(
    config: EvaluateConfig, own: dict[str, Scenario], own_edits: dict[str, Perturbation]
) -> dict[str, Selection]:
    caps: dict[str, int | None] = dict(get_suite(config.suite).scenarios) if config.suite else {}
    caps = {**caps, **{name: None for name in config.scenarios if name not in caps}}
    edits = [own_edits.get(name) or get_perturbation(name) for name in dict.fromkeys(config.perturbations)]
    selections: dict[str, Selection] = {}
    for name, cap in caps.items():
        scenario = own.get(name) or get_scenario(name)
        if config.shots is not None and scenario.prompt.max_train_instances:
            scenario = replace(scenario, prompt=replace(scenario.prompt, max_train_instances=config.shots))
        limits = [limit for limit in (cap, config.max_instances) if limit is not None]
        selection = select_instances(
            scenario, perturbations=edits, max_instances=min(limits, default=None), seed=config.seed
        )
        selections.setdefault(scenario.key, selection)
        logger.info("%s: %d inputs", scenario.key, len(selection.instances))
    return selections


def _check_models(opened: Sequence[Client]) -> None:
    seen: set[tuple[str, str]] = set()
    for client in opened:
        identity = (client.name, client.version)
        if identity in seen:
            raise ConfigError(
                f'Two models are named "{client.name}", version "{client.version}"; their rows could not be '
                "told apart. Leave one out, or rename its folder."
            )
        seen.add(identity)


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f'Cannot make the folder "{out}": {error}. Choose another one with out.'
        ) from error


def _known_date(out: Path) -> str | None:
    """Return the date of the folder's evaluations, the latest where there are several."""
    records = [read_run_record(folder) for folder in sorted((out / RUNS).glob("*"))]
    dates = [str(record.config.get("date")) for record in records if record is not None]
    return max(dates, default=None)


def _record(config: EvaluateConfig, out: Path, selections: dict[str, Selection]) -> RunRecord:
    """Write what is run; a ``run.json`` of something else (a quickstart) is left alone."""
    data_hash = config_hash(
        {
            key: [[item.id, item.perturbation, item.input] for item in selection.instances]
            for key, selection in selections.items()
        }
    )
    folder = out / RUNS / config_hash(to_dict(config), data_hash)
    record = write_run_record(folder, kind=KIND, config=config, seed=config.seed, data_hash=data_hash)
    known = read_run_record(out)
    if known is None or known.kind == KIND:
        write_run_record(out, kind=KIND, config=config, seed=config.seed, data_hash=data_hash)
    return record


def _tasks(client: Client, config: EvaluateConfig, selections: dict[str, Selection]) -> list[Task]:
    return [
        Task(
            scenario=selection.scenario,
            instance=instance,
            trial=trial,
            key={
                "scenario": selection.scenario.key,
                "instance": instance.id,
                "model": client.name,
                "version": client.version,
                "date": config.date,
                "prompt": name_prompt(selection.scenario.prompt),
                "perturbation": instance.perturbation,
                "trial": trial,
            },
        )
        for selection in selections.values()
        for trial in range(config.trials if selection.shows_examples else 1)
        for instance in selection.instances
    ]


def _write_floors(
    config: EvaluateConfig, selections: dict[str, Selection], done: Keys, writer: TableWriter
) -> None:
    if not config.has_floors:
        return
    rows: list[Row] = []
    for selection in selections.values():
        rows += floor_rows(selection.scenario, selection.train, selection.originals, date=str(config.date))
    new = [row for row in rows if tuple(row[name] for name in KEY) not in done]
    writer.add([Answered(row=row) for row in new], ())


@dataclass
class _Counter:
    """Counts rows and tells the listener."""

    listener: Listener | None
    total: int

    def __post_init__(self) -> None:
        self.start = time.monotonic()
        self.skipped = self.fresh = self.n_failed = self.n_cached = 0
        self.cost_usd = 0.0

    def skip(self, count: int, model: str) -> None:
        """Count rows that were there before."""
        self.skipped += count
        self._tell(model, "")

    def add(self, batch: Batch, model: str) -> None:
        """Count what came of a batch."""
        self.fresh += len(batch.answered)
        self.n_failed += batch.n_failed
        self.n_cached += batch.n_cached
        self.cost_usd += batch.cost_usd
        self._tell(model, str(batch.answered[-1].row["scenario"]))

    def _tell(self, model: str, scenario: str) -> None:
        if self.listener is None:
            return
        elapsed_s = time.monotonic() - self.start
        left = self.total - self.skipped - self.fresh
        place = f" on {scenario}" if scenario else ""
        failures = f", {self.n_failed} failed" if self.n_failed else ""
        self.listener(
            Progress(
                stage="evaluate",
                done=self.skipped + self.fresh,
                total=self.total,
                text=f"{model}{place}{failures}",
                model=model,
                scenario=scenario,
                elapsed_s=elapsed_s,
                remaining_s=elapsed_s * left / self.fresh if self.fresh else None,
                n_failed=self.n_failed,
                n_cached=self.n_cached,
                cost_usd=self.cost_usd,
            )
        )

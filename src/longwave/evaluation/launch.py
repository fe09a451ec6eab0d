"""The way in: evaluate models on scenarios, in one process or in several."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import polars as pl

from longwave.clients.base import Client
from longwave.errors import ConfigError
from longwave.evaluation.config import EvaluateConfig
from longwave.evaluation.engines import Engine, run_in_parallel
from longwave.evaluation.plan import WHOLE, Shard, count_tasks
from longwave.evaluation.progress import Listener, Progress
from longwave.evaluation.records import with_date
from longwave.evaluation.runner import Own, resolve, run_evaluation, select
from longwave.perturbations import Perturbation
from longwave.predictions import count_answers, read_predictions
from longwave.scenarios import Scenario

__all__ = ["evaluate", "launch"]


def evaluate(  # noqa: PLR0913 (a setting each)
    *,
    out: Path | str,
    model: str | Client | None = None,
    models: Sequence[str | Client] = (),
    scenarios: Sequence[str | Scenario] = (),
    suite: str | None = None,
    perturbations: Sequence[str | Perturbation] = (),
    max_instances: int | None = None,
    trials: int | None = None,
    shots: int | None = None,
    prompting: str = "own",
    votes: int | None = None,
    train_votes: int | None = None,
    seed: int = 0,
    date: str | None = None,
    official: bool = False,
    retry_failed: bool = False,
    shard: str | None = None,
    workers: int = 1,
    engine: Engine = "local",
    on_progress: Listener | None = None,
) -> pl.DataFrame:
    """Evaluate models on scenarios; every answer becomes a row of the predictions table in a folder.

    A failing request ends up in its row's ``error`` column and never ends the run. Answers are on disk before
    they are scored: a killed process asks nothing twice but what was under way.

    Parameters
    ----------
    out : Path or str
        Folder of the results; what it holds is not asked again, and models or scenarios can be added later.
    model, models : str or Client, sequence of them
        Specs such as ``"checkpoint:runs/hyena"``, or clients of one's own.
    scenarios, perturbations : sequences of str, Scenario or Perturbation
        Names, paths of scenarios' YAML files, or objects of one's own.
    suite, max_instances, trials, shots, prompting, votes, train_votes, seed, date, official
        See ``EvaluateConfig``.
    retry_failed, shard, workers, engine, on_progress
        See ``launch``.

    Returns
    -------
    DataFrame
        All rows of the folder, those of earlier starts included.

    Raises
    ------
    ConfigError, DataError
        If a setting is wrong, a name is unknown, or a scenario, a model or the request cache cannot be read.
    StorageError
        If the folder cannot be written, or another evaluation is writing there; what was finished is kept.

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
        models=_names(asked),
        scenarios=_names(scenarios),
        perturbations=_names(perturbations),
        suite=suite,
        max_instances=max_instances,
        trials=trials,
        shots=shots,
        prompting=prompting,
        votes=votes,
        train_votes=train_votes,
        seed=seed,
        date=date,
        official=official,
    )
    own = _objects(asked, scenarios, perturbations)
    how = _How(shard=shard, workers=workers, engine=engine, retry_failed=retry_failed)
    return launch(config, Path(out), own=own, on_progress=on_progress, **how)


class _How(TypedDict, total=False):
    shard: str | None
    workers: int
    engine: Engine
    retry_failed: bool


def _names(items: Sequence[str | Client | Scenario | Perturbation]) -> tuple[str, ...]:
    return tuple(_name(item) for item in items)


def _name(item: str | Client | Scenario | Perturbation) -> str:
    if isinstance(item, str):
        return item
    return item.key if isinstance(item, Scenario) else item.name


def _objects(
    clients: Sequence[str | Client],
    scenarios: Sequence[str | Scenario],
    perturbations: Sequence[str | Perturbation],
) -> Own:
    return Own(
        clients={item.name: item for item in clients if not isinstance(item, str)},
        scenarios={item.key: item for item in scenarios if not isinstance(item, str)},
        perturbations={item.name: item for item in perturbations if not isinstance(item, str)},
    )


def launch(
    config: EvaluateConfig,
    out: Path,
    *,
    own: Own | None = None,
    shard: str | None = None,
    workers: int = 1,
    engine: Engine = "local",
    retry_failed: bool = False,
    max_usd: float | None = None,
    on_progress: Listener | None = None,
) -> pl.DataFrame:
    """Run an evaluation from its configuration, in this process or in several.

    Parameters
    ----------
    config : EvaluateConfig
    out : Path
    own : Own, optional
        Objects that stand for names in the configuration.
    shard : str, optional
        ``"i/n"``: only the ``i``-th of ``n`` equal parts; other processes, also on other machines with the
        same disk, take the rest.
    workers : int
        Processes that share the work, each a part; for more than one, models, scenarios and perturbations
        must be given by name.
    engine : {"local", "ray"}
        Where the workers run: processes of this machine, or tasks of a Ray cluster (extra ``ray``).
    retry_failed : bool
        Ask again about rows of the folder that have an error; without it they count as done.
    max_usd : float, optional
        Stop before models that tell their price have cost more; what was answered is kept. Several such
        models, and several workers, have equal shares.
    on_progress : callable, optional
        Called with a ``Progress`` after every batch.

    Raises
    ------
    ConfigError, DataError, StorageError
        As ``evaluate``.
    """
    part = WHOLE if shard is None else Shard.parse(shard)
    if workers == 1 and engine == "local":
        return run_evaluation(
            config,
            out,
            own=own,
            shard=part,
            retry_failed=retry_failed,
            max_usd=max_usd,
            on_progress=on_progress,
        )
    if own not in (None, Own()):
        raise ConfigError(
            "Several workers need models, scenarios and perturbations by name, and got objects. Register "
            "them or write scenarios to files, or use workers=1."
        )
    if retry_failed:
        raise ConfigError("Failed rows are asked again by one process; leave out workers, or retry_failed.")
    config = with_date(resolve(config), out)
    total = len(config.models) * count_tasks(config, select(config, Own()), shard=part)
    watch = _Watch(out, total, f"{workers} workers ({engine})", on_progress)
    share = None if max_usd is None else max_usd / workers
    run_in_parallel(config, out, part, workers=workers, engine=engine, max_usd=share, watch=watch)
    watch()
    return read_predictions(out)


class _Watch:
    """Tells how many rows a folder holds while workers fill it."""

    def __init__(self, out: Path, total: int, text: str, listener: Listener | None) -> None:
        self.out, self.total, self.text, self.listener = out, total, text, listener
        self._start, self._before = time.monotonic(), count_answers(out)

    def __call__(self) -> None:
        if self.listener is None:
            return
        elapsed_s, rows = time.monotonic() - self._start, count_answers(self.out)
        fresh, left = rows - self._before, max(self.total - rows, 0)
        self.listener(
            Progress(
                stage="evaluate",
                done=min(rows, self.total),
                total=self.total,
                text=self.text,
                elapsed_s=elapsed_s,
                remaining_s=elapsed_s * left / fresh if fresh > 0 else None,
            )
        )

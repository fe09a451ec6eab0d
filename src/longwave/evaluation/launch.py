"""The way in: evaluate models on scenarios, in one process or in several."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

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

__all__ = ["evaluate"]


def evaluate(
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
    seed: int = 0,
    date: str | None = None,
    official: bool = False,
    shard: str | None = None,
    workers: int = 1,
    engine: Engine = "local",
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
    suite, max_instances, trials, shots, seed, date, official
        See ``EvaluateConfig``.
    shard : str, optional
        ``"i/n"``: only the ``i``-th of ``n`` equal parts; other processes, also on other machines with the
        same disk, take the rest.
    workers : int
        Processes that share the work, each a part; for more than one, models, scenarios and perturbations
        must be given by name.
    engine : {"local", "ray"}
        Where the workers run: processes of this machine, or tasks of a Ray cluster (extra ``ray``).
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
        If the folder cannot be written, or another evaluation is writing there; what was finished is kept.

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
        official=official,
    )
    own = Own(
        clients={item.name: item for item in asked if not isinstance(item, str)},
        scenarios={item.key: item for item in scenarios if isinstance(item, Scenario)},
        perturbations={item.name: item for item in perturbations if not isinstance(item, str)},
    )
    part = WHOLE if shard is None else Shard.parse(shard)
    if workers == 1 and engine == "local":
        return run_evaluation(config, Path(out), own=own, shard=part, on_progress=on_progress)
    if own != Own():
        raise ConfigError(
            "Several workers need models, scenarios and perturbations by name, and got objects. Register "
            "them or write scenarios to files, or use workers=1."
        )
    config = with_date(resolve(config), Path(out))
    total = len(config.models) * count_tasks(config, select(config, own), shard=part)

    start, before = time.monotonic(), count_answers(out)

    def watch() -> None:
        if on_progress is None:
            return
        elapsed_s, rows = time.monotonic() - start, count_answers(out)
        on_progress(
            Progress(
                stage="evaluate",
                done=min(rows, total),
                total=total,
                text=f"{workers} workers ({engine})",
                elapsed_s=elapsed_s,
                remaining_s=elapsed_s * max(total - rows, 0) / (rows - before) if rows > before else None,
            )
        )

    run_in_parallel(config, Path(out), part, workers=workers, engine=engine, watch=watch)
    watch()
    return read_predictions(out)

"""Ask a model about chosen instances only, by the same prompts, cache and tables as a whole evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from longwave.clients.base import Client
from longwave.clients.budget import Budget
from longwave.clients.cache import CachedClient
from longwave.clients.replay import CACHE_NAME, ReplayClient
from longwave.config import load_config, read_run_record
from longwave.errors import ConfigError, DataError
from longwave.evaluation.asking import ask_tasks
from longwave.evaluation.config import EvaluateConfig
from longwave.evaluation.locking import lock_folder
from longwave.evaluation.plan import WHOLE, Done, plan_tasks
from longwave.evaluation.records import RUNS, make_folder, with_date, write_record
from longwave.evaluation.runner import Own, open_clients, select, task_key
from longwave.evaluation.selection import Selection
from longwave.evaluation.writer import TableWriter, write_instances
from longwave.predictions import finish_run, read_predictions
from longwave.scenarios import get_scenario

__all__ = ["ChosenInstances", "earlier_settings", "open_chosen"]


@dataclass(frozen=True, kw_only=True)
class ChosenInstances:
    """A model and a scenario, ready to be asked; made by `open_chosen`.

    Parameters
    ----------
    config : EvaluateConfig
        With its date.
    out : Path
    selection : Selection
        All original instances of the scenario, under one prompt.
    client, cached : Client
        The model, and the model behind the folder's request cache.
    writer : TableWriter
    """

    config: EvaluateConfig
    out: Path
    selection: Selection
    client: Client
    cached: CachedClient
    writer: TableWriter

    def ask(self, instances: Sequence[str]) -> pl.DataFrame:
        """Ask about instances; what the folder holds is not asked again.

        Parameters
        ----------
        instances : sequence of str
            Ids, each once.

        Returns
        -------
        DataFrame
            Their rows of the predictions table, in the order given; failed requests have an ``error``.

        Raises
        ------
        DataError
            If the scenario has no such instance.
        BudgetExceeded
            If the next request could cost more than allowed. What was answered is kept in the cache.
        """
        by_id = {instance.id: instance for instance in self.selection.instances}
        if unknown := [name for name in instances if name not in by_id]:
            raise DataError(
                f'The scenario "{self.selection.scenario.key}" has no instance "{unknown[0]}" now, and '
                f"{len(unknown) - 1} more are unknown. Take the same rows as before, bundled or official."
            )
        chosen = replace(self.selection, instances=tuple(by_id[name] for name in instances))
        selections = {chosen.scenario.key: chosen}
        done = Done(self.out)
        tasks = list(plan_tasks(self.client, self.config, selections))
        left = [task for task in tasks if task_key(task) not in done.of(task.key)]
        write_instances(self.out, [chosen], run=self.writer.run)
        try:
            for batch in ask_tasks(
                self.cached,
                left,
                selections,
                batch_size=self.config.batch_size,
                seed=self.config.seed,
                pupil=self.client,
            ):
                self.writer.add(batch.answered, batch.requests)
        finally:
            self.writer.flush()
        key = {name: value for name, value in tasks[0].key.items() if name != "instance"} if tasks else {}
        same = [pl.col(name).eq_missing(pl.lit(value)) for name, value in key.items()]
        rows = read_predictions(self.out).filter(*same)
        order = pl.DataFrame({"instance": list(instances)}, schema={"instance": pl.String})
        return order.join(rows, on="instance", how="left", maintain_order="left").select(rows.columns)


@contextmanager
def open_chosen(
    config: EvaluateConfig, out: Path, *, prompt: str, own: Own | None = None, max_usd: float | None = None
) -> Iterator[ChosenInstances]:
    """Open a model and a scenario to ask about chosen instances.

    Parameters
    ----------
    config : EvaluateConfig
        One model, one scenario, no suite; perturbations and trials are left out.
    out : Path
        Folder of the new rows.
    prompt : str
        Prompt variant to ask by, as in the column of that name.
    own : Own, optional
    max_usd : float, optional
        Stop before the model has cost more.

    Raises
    ------
    ConfigError
        If there is not one model and one scenario, the scenario has no such prompt, or a limit of money is
        set for a model without a price.
    DataError, StorageError
        As ``evaluate``.
    """
    if len(config.models) != 1 or len(config.scenarios) != 1 or config.suite is not None:
        raise ConfigError(
            "Chosen instances are those of one scenario, for one model; got "
            f"{len(config.scenarios)} scenarios and {len(config.models)} models. Leave the suite out, and "
            "name one of each."
        )
    own = own or Own()
    config = replace(config, perturbations=(), trials=1, max_instances=None, has_floors=False)
    (selection,) = select(config, own).values()
    names = [variant.name for variant in selection.variants]
    if prompt not in names:
        raise ConfigError(
            f'"{selection.scenario.key}" is not asked by the prompt "{prompt}" with these settings, but by '
            f"{', '.join(names)}. Give the shots and the prompting of the earlier evaluation."
        )
    selection = replace(selection, instances=selection.originals, variants=(selection.variant(prompt),))
    (client,) = open_clients(config, own)
    _limit(client, max_usd)
    with ExitStack() as stack:
        if isinstance(client, ReplayClient) and client.name not in own.clients:
            stack.callback(client.close)
        make_folder(out)
        config = with_date(config, out)
        stack.enter_context(lock_folder(out, WHOLE))
        run = write_record(config, out, {selection.scenario.key: selection}).hash
        cached = stack.enter_context(CachedClient(client, out / CACHE_NAME, scope=str(config.date)))
        writer = TableWriter(out, run=run)
        yield ChosenInstances(
            config=config, out=out, selection=selection, client=client, cached=cached, writer=writer
        )
        finish_run(out, run)


def earlier_settings(folder: Path, run: str | None, *, model: str, scenario: str) -> EvaluateConfig:
    """Return the settings by which rows of a folder were asked, for another model and one scenario.

    Parameters
    ----------
    folder : Path
        Of the earlier evaluation.
    run : str or None
        Column ``run`` of its rows. Without a record of it, as for rows of another program, the defaults are
        taken.
    model : str
        Who is asked now.
    scenario : str
        Name with its version, as in the column of that name.
    """
    record = read_run_record(folder / RUNS / run) if run else None
    if record is None:
        return EvaluateConfig(models=(model,), scenarios=(scenario,))
    earlier = load_config(EvaluateConfig, record.config)
    # a scenario of one's own is known by its file only
    files = [name for name in earlier.scenarios if get_scenario(name).key == scenario]
    return replace(earlier, models=(model,), scenarios=tuple(files[:1] or [scenario]), suite=None, date=None)


def _limit(client: Client, max_usd: float | None) -> None:
    if max_usd is None:
        return
    budget = getattr(client, "budget", None)
    if not isinstance(budget, Budget) or budget.price is None:
        raise ConfigError(
            f"The limit of {max_usd:g} US dollars limits nothing, since the model has no price. Give the "
            'price in the model\'s name, for example "openai:NAME@URL?price_in=1&price_out=2".'
        )
    budget.max_usd = max_usd

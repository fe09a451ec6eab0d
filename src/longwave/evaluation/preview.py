"""What an evaluation would send: requests, tokens and price, before anything is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from longwave.clients.base import Client, Request
from longwave.clients.budget import Budget, Usage
from longwave.errors import LongwaveError
from longwave.evaluation.config import EvaluateConfig
from longwave.evaluation.plan import WHOLE, Done, Shard, plan_tasks
from longwave.evaluation.records import with_date
from longwave.evaluation.runner import Own, open_clients, resolve, select, task_key
from longwave.evaluation.scoring import Task
from longwave.evaluation.selection import Selection
from longwave.prompting import Case, ManyRounds, Prepared

__all__ = ["PREVIEW", "preview"]

PREVIEW = pl.Schema(
    {
        "model": pl.String(),
        "scenario": pl.String(),
        "rows": pl.Int64(),
        "rows_left": pl.Int64(),
        "requests": pl.Int64(),
        "tokens_in": pl.Int64(),
        "tokens_out_max": pl.Int64(),
        "cost_usd_max": pl.Float64(),
        "n_unwritten": pl.Int64(),
        "first_prompt": pl.String(),
    }
)


@dataclass
class _Sum:
    """What one model is asked in one scenario."""

    rows: int = 0
    rows_left: int = 0
    tokens_in: int = 0
    tokens_out_max: int = 0
    n_unwritten: int = 0
    hashes: set[str] = field(default_factory=set)
    first_prompt: str | None = None

    def add(self, request: Request, client: Client) -> None:
        name = request.hash(client.name, client.version)
        if name in self.hashes:  # the cache answers the second one
            return
        self.hashes.add(name)
        self.first_prompt = self.first_prompt or request.prompt or None  # an option may stand alone
        self.tokens_in += client.count_tokens(request.prompt + (request.continuation or ""))
        self.tokens_out_max += request.max_tokens * request.n if request.continuation is None else 0


def preview(
    config: EvaluateConfig, out: Path | str, *, own: Own | None = None, shard: Shard = WHOLE
) -> pl.DataFrame:
    """Write every request of an evaluation and count, without sending one or touching the folder.

    Parameters
    ----------
    config : EvaluateConfig
    out : Path or str
        Folder of the results, if there is one: rows that it holds are not asked again.
    own : Own, optional
    shard : Shard

    Returns
    -------
    DataFrame
        One row a model and scenario: ``rows`` of the plan and ``rows_left``, distinct ``requests`` for these,
        ``tokens_in``, at most ``tokens_out_max`` and ``cost_usd_max`` (null without a price), ``n_unwritten``
        rows whose requests cannot be written, and the ``first_prompt``. Answers that the request cache holds
        cost nothing, so the real price is often lower. What later steps of a chain ask is an estimate, since
        it depends on answers.

    Raises
    ------
    ConfigError, DataError
        As ``evaluate``.
    """
    own = own or Own()
    config = with_date(resolve(config), Path(out))
    selections = select(config, own)
    done = Done(Path(out))
    rows = []
    for client in open_clients(config, own):
        sums: dict[str, _Sum] = {}
        there: dict[tuple[str, object], set[tuple[object, ...]]] = {}
        for task in plan_tasks(client, config, selections, shard=shard):
            key, prompt = task.scenario.key, task.key["prompt"]
            total = sums.setdefault(key, _Sum())
            total.rows += 1
            if (key, prompt) not in there:
                there[key, prompt] = done.of(task.key)
            if task_key(task) in there[key, prompt]:
                continue
            total.rows_left += 1
            try:
                prepared = _prepare(task, selections[key], config.seed, client)
            except LongwaveError:  # its row will carry the error
                total.n_unwritten += 1
                continue
            for request in prepared.requests:
                total.add(request, client)
        rows += [_row(client, key, total) for key, total in sums.items()]
    return pl.DataFrame(rows, schema=PREVIEW)


def _prepare(task: Task, selection: Selection, seed: int, client: Client) -> Prepared:
    """Write all requests of a task; those that depend on answers, as if the answers were the right ones."""
    variant = selection.variant(task.key["prompt"])
    case = Case(
        prompt=selection.scenario.prompt,
        instance=task.instance,
        examples=selection.examples(task.instance, trial=task.trial, seed=seed, variant=variant),
        seed=seed + task.trial,
    )
    method = variant.method
    prepared, n_before = method.prepare(case, client), 0
    while isinstance(method, ManyRounds) and len(prepared.requests) > n_before:
        n_before = len(prepared.requests)
        answers = [(completion,) for completion in method.ideal(prepared)]
        prepared = method.advance(prepared, answers, client)
    return prepared


def _row(client: Client, scenario: str, total: _Sum) -> dict[str, object]:
    budget = getattr(client, "budget", None)
    price = budget.price if isinstance(budget, Budget) else None
    usage = Usage(tokens_in=total.tokens_in, tokens_out=total.tokens_out_max)
    return {
        "model": client.name,
        "scenario": scenario,
        "rows": total.rows,
        "rows_left": total.rows_left,
        "requests": len(total.hashes),
        "tokens_in": total.tokens_in,
        "tokens_out_max": total.tokens_out_max,
        "cost_usd_max": None if price is None else price.of(usage),
        "n_unwritten": total.n_unwritten,
        "first_prompt": total.first_prompt,
    }

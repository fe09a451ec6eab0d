"""Ask a model about many tasks at a time; whatever fails becomes the error of one row."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from longwave.clients.base import Client, Request, Result
from longwave.clients.fake import Teachable
from longwave.errors import BudgetExceeded, DamagedCache, LongwaveError, StorageError
from longwave.evaluation.scoring import Answered, Row, Task, describe_requests, score
from longwave.evaluation.selection import Selection
from longwave.prompting import Case, Prepared, PromptMethod, get_method

__all__ = ["Batch", "ask_tasks"]

logger = logging.getLogger(__name__)

# failures of the folder or the purse, not of a model: a row with such an error would count as done for ever
OUR_OWN = (StorageError, DamagedCache, BudgetExceeded)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What came of one batch of tasks."""

    answered: list[Answered]
    requests: list[Row]
    n_failed: int
    n_cached: int
    cost_usd: float


@dataclass(frozen=True, kw_only=True)
class _Written:
    """A task with its requests, or the reason why there are none."""

    task: Task
    method: PromptMethod
    prepared: Prepared | None
    error: str | None

    @property
    def requests(self) -> tuple[Request, ...]:
        """The requests, none when they could not be written."""
        return self.prepared.requests if self.prepared is not None else ()


def ask_tasks(
    client: Client,
    tasks: Iterable[Task],
    selections: dict[str, Selection],
    *,
    batch_size: int,
    seed: int,
    pupil: Client | None = None,
) -> Iterator[Batch]:
    """Ask about tasks in order, at least ``batch_size`` requests at a time.

    Parameters
    ----------
    client : Client
    tasks : iterable of Task
    selections : dict
        By the scenario's key; for the in-context examples.
    batch_size : int
    seed : int
        Of the draws of examples and of sampled requests.
    pupil : Client, optional
        The client behind a cache; when it is ``Teachable`` it is told the right answers first.

    Yields
    ------
    Batch

    Raises
    ------
    StorageError, DataError
        If the request cache cannot be written or read.
    """
    teach = pupil.teach if isinstance(pupil, Teachable) else None
    waiting: list[_Written] = []
    n_requests = 0
    for task in tasks:
        written = _write(client, task, selections[task.scenario.key], seed)
        if teach is not None and written.prepared is not None:
            for request, completion in zip(
                written.requests, written.method.ideal(written.prepared), strict=True
            ):
                teach(request, completion)
        waiting.append(written)
        n_requests += len(written.requests)
        if n_requests >= batch_size:
            yield _ask(client, waiting)
            waiting, n_requests = [], 0
    if waiting:
        yield _ask(client, waiting)


def _write(client: Client, task: Task, selection: Selection, seed: int) -> _Written:
    prompt = selection.scenario.prompt
    method = get_method(prompt.method)
    case = Case(
        prompt=prompt,
        instance=task.instance,
        examples=selection.examples(task.instance, trial=task.trial, seed=seed),
        seed=seed + task.trial,
    )
    try:
        return _Written(task=task, method=method, prepared=method.prepare(case, client), error=None)
    except OUR_OWN:
        raise
    except Exception as error:  # one instance that cannot be asked about never ends a run
        return _Written(task=task, method=method, prepared=None, error=_explain(error))


def _ask(client: Client, written: Sequence[_Written]) -> Batch:
    requests = [request for item in written for request in item.requests]
    results = _complete(client, requests)
    answered, start = [], 0
    for item in written:
        part = results[start : start + len(item.requests)]
        start += len(item.requests)
        answered.append(score(item.task, item.method, item.prepared, part, error=item.error))
    return Batch(
        answered=answered,
        requests=describe_requests(requests, results, model=client.name, version=client.version),
        n_failed=sum(item.row["error"] is not None for item in answered),
        n_cached=sum(result.is_cached for result in results),
        cost_usd=sum(result.cost_usd or 0.0 for result in results if not result.is_cached),
    )


def _complete(client: Client, requests: Sequence[Request]) -> list[Result]:
    """Ask for all at once, or one by one when that fails."""
    try:
        return [_checked(result) for result in client.complete(requests)]
    except OUR_OWN:
        raise
    except Exception as error:
        if len(requests) == 1:  # the one request whose row carries the error
            return [Result(error=_explain(error))]
        logger.debug("a batch of %d requests failed, asking one by one", len(requests), exc_info=True)
        return [result for request in requests for result in _complete(client, [request])]


def _checked(result: Result) -> Result:
    """Turn what no table can hold into an error: a model is not trusted to answer well-formed."""
    if result.error is not None:
        return result
    if not result.completions:
        return replace(result, error="The model gave neither a completion nor an error.")
    if any(item.logprob is not None and math.isnan(item.logprob) for item in result.completions):
        reason = (
            "A log-probability is not a number; the model has probably diverged. Load an earlier checkpoint."
        )
        return replace(result, completions=(), error=reason)
    if all(_is_utf8(item.text) for item in result.completions):
        return result
    whole = tuple(
        replace(item, text=item.text.encode("utf-8", "replace").decode()) for item in result.completions
    )
    return replace(result, completions=whole)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can hold and UTF-8 cannot
        return False
    return True


def _explain(error: Exception) -> str:
    return str(error) if isinstance(error, LongwaveError) else f"{type(error).__name__}: {error}"

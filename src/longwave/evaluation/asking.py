"""Ask a model about many tasks at a time; whatever fails becomes the error of one row."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from longwave.clients.base import Client, Request, Result
from longwave.clients.fake import Teachable
from longwave.errors import BudgetExceeded, DamagedCache, LongwaveError, StorageError
from longwave.evaluation.scoring import Answered, Row, Task, describe_requests, score
from longwave.evaluation.selection import Selection
from longwave.prompting import Case, ManyRounds, Prepared, PromptMethod

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


@dataclass(kw_only=True)
class _Written:
    """A task with its requests and what came of them, or the reason why there are none."""

    task: Task
    method: PromptMethod
    prepared: Prepared | None
    error: str | None
    results: list[Result] = field(default_factory=list)

    @property
    def requests(self) -> tuple[Request, ...]:
        """The requests that were not sent yet, none when they could not be written."""
        return self.prepared.requests[len(self.results) :] if self.prepared is not None else ()

    @property
    def has_failed(self) -> bool:
        """Whether a request could not be written or was not answered."""
        return self.error is not None or any(result.error is not None for result in self.results)


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

    Where later requests depend on earlier answers, those of all tasks of a batch are asked round by round.

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
    waiting: list[_Written] = []
    n_requests = 0
    for task in tasks:
        written = _write(client, task, selections[task.scenario.key], seed)
        waiting.append(written)
        n_requests += len(written.requests)
        if n_requests >= batch_size:
            yield _ask(client, waiting, pupil)
            waiting, n_requests = [], 0
    if waiting:
        yield _ask(client, waiting, pupil)


def _write(client: Client, task: Task, selection: Selection, seed: int) -> _Written:
    variant = selection.variant(task.key["prompt"])
    method = variant.method
    case = Case(
        prompt=selection.scenario.prompt,
        instance=task.instance,
        examples=selection.examples(task.instance, trial=task.trial, seed=seed, variant=variant),
        seed=seed + task.trial,
    )
    written = _Written(task=task, method=method, prepared=None, error=None)
    _attempt(written, partial(method.prepare, case, client))
    return written


def _attempt(written: _Written, prepare: Callable[[], Prepared]) -> None:
    """Write the next requests of a task; what cannot be written is its error."""
    try:
        written.prepared = prepare()
    except OUR_OWN:
        raise
    except Exception as error:  # one instance that cannot be asked about never ends a run
        written.error = _explain(error)


def _ask(client: Client, written: Sequence[_Written], pupil: Client | None) -> Batch:
    requests: list[Request] = []
    results: list[Result] = []
    while asked := [item for item in written if item.requests and not item.has_failed]:
        if isinstance(pupil, Teachable):
            _teach(pupil, asked)
        requests += (new := [request for item in asked for request in item.requests])
        results += (found := _complete(client, new))
        start = 0
        for item in asked:
            part = found[start : start + len(item.requests)]
            start += len(part)
            item.results += part
            _advance(client, item)
    answered = [
        score(item.task, item.method, item.prepared, item.results, error=item.error) for item in written
    ]
    return Batch(
        answered=answered,
        requests=describe_requests(requests, results, model=client.name, version=client.version),
        n_failed=sum(item.row["error"] is not None for item in answered),
        n_cached=sum(result.is_cached for result in results),
        cost_usd=sum(result.cost_usd or 0.0 for result in results if not result.is_cached),
    )


def _advance(client: Client, written: _Written) -> None:
    """Write what is asked next, where the answers so far lead to more."""
    method, prepared = written.method, written.prepared
    if isinstance(method, ManyRounds) and prepared is not None and not written.has_failed:
        answers = [result.completions for result in written.results]
        _attempt(written, partial(method.advance, prepared, answers, client))


def _teach(pupil: Teachable, asked: Sequence[_Written]) -> None:
    """Tell a model the right answers to what it is asked next."""
    for item in asked:
        if item.prepared is not None:
            ideal = item.method.ideal(item.prepared)
            is_one = not isinstance(item.method, ManyRounds)  # else a pupil that errs strays from the ideal
            for request, completion in zip(item.prepared.requests, ideal, strict=is_one):
                pupil.teach(request, completion)


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

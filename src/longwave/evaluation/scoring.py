"""Turn what a model answered to one instance into a row of the predictions table and its side rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from longwave.clients.base import Request, Result
from longwave.config import config_hash
from longwave.errors import BackendUnavailable, DataError
from longwave.metrics import Answer, AnswerMetric, InstanceMetric, TableMetric, get_metric
from longwave.prompting import Outcome, Prepared, PromptMethod, likely_first
from longwave.scenarios.base import Instance, Scenario

__all__ = ["Answered", "Row", "Task", "describe_requests", "score"]

Row = dict[str, object]

# beside the main metric, in the scores side table
MORE_METRICS = {
    "generation": (
        "exact_match",
        "quasi_exact_match",
        "prefix_exact_match",
        "quasi_prefix_exact_match",
        "token_f1",
    ),
    "multiple_choice_joint": ("exact_match", "quasi_exact_match"),
}


@dataclass(frozen=True, kw_only=True)
class Task:
    """One row to be: an instance, under one prompt variant, in one trial."""

    scenario: Scenario
    instance: Instance
    key: Row  # the columns of the table's key
    trial: int


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A finished row with what belongs to it."""

    row: Row
    scores: list[Row] = field(default_factory=list)


def score(
    task: Task,
    method: PromptMethod,
    prepared: Prepared | None,
    results: Sequence[Result],
    *,
    error: str | None,
) -> Answered:
    """Make the row of a task.

    Parameters
    ----------
    task : Task
    method : PromptMethod
    prepared : Prepared or None
        None when no request could be written.
    results : sequence of Result
        One a request.
    error : str or None
        Why there are no requests.
    """
    error = error or next((result.error for result in results if result.error is not None), None)
    is_scored = task.instance.split in task.scenario.eval_splits  # else its vote is asked for, and no more
    error = error or (_lack(task) if is_scored else None)
    outcome = Outcome()
    values: dict[str, float | None] = {}
    if error is None and prepared is not None:
        try:
            outcome = method.interpret(prepared, [result.completions for result in results])
        except DataError as wrong:
            error = str(wrong)
    if error is None and prepared is not None and is_scored:
        try:
            values = _measure(task, outcome, results)
        except BackendUnavailable as wrong:  # code, where it cannot be run safely
            error = str(wrong)
    row = _describe(task, prepared, results, outcome, error)
    if not is_scored:
        return Answered(row={**row, "label": None})
    if error is not None or prepared is None:
        return Answered(row=row)
    if task.scenario.prompt.method != "language_modeling":
        values["n_examples"] = float(prepared.n_examples)
        values["prompt_truncated"] = float(prepared.is_truncated)
    main = values.pop(task.scenario.main_metric)
    row["score"] = main
    row["correct"] = None if main is None else _is_correct(task.scenario.main_metric, main)
    return Answered(
        row=row,
        scores=[
            {**task.key, "metric": name, "value": value}
            for name, value in values.items()
            if value is not None
        ],
    )


def describe_requests(
    requests: Sequence[Request], results: Sequence[Result], *, model: str, version: str
) -> list[Row]:
    """Make the rows of the requests side table."""
    return [
        {
            "request_hash": request.hash(model, version),
            "prompt": request.prompt,
            "continuation": request.continuation,
            "completions": [completion.text for completion in result.completions],
            "logprobs": [completion.logprob for completion in result.completions],
            "settings": json.dumps(
                {
                    "max_tokens": request.max_tokens,
                    "temperature": request.temperature,
                    "top_p": request.top_p,
                    "stop": list(request.stop),
                    "n": request.n,
                    "seed": request.seed,
                    "finish_reasons": [completion.finish_reason for completion in result.completions],
                    "tokens_in": result.tokens_in,
                    "tokens_out": result.tokens_out,
                }
            ),
        }
        for request, result in zip(requests, results, strict=True)
    ]


def _describe(
    task: Task, prepared: Prepared | None, results: Sequence[Result], outcome: Outcome, error: str | None
) -> Row:
    instance = task.instance
    costs = [result.cost_usd for result in results if result.cost_usd is not None]
    shown = prepared.requests[outcome.chosen] if prepared is not None else None
    return {
        **task.key,
        "split": instance.split,
        "input_hash": config_hash(instance.input),
        "request_hash": shown.hash(str(task.key["model"]), str(task.key["version"])) if shown else None,
        "prediction": outcome.prediction,
        "label": instance.label,
        "correct": None,
        "score": None,
        "confidence": outcome.confidence,
        "logprob": outcome.logprob,
        "group": instance.group,
        "error": error,
        "latency_s": sum(result.latency_s for result in results) if results else None,
        "tokens_in": sum(result.tokens_in for result in results) if results else None,
        "tokens_out": sum(result.tokens_out for result in results) if results else None,
        "cost_usd": sum(costs) if costs and len(costs) == len(results) else None,
    }


def _measure(task: Task, outcome: Outcome, results: Sequence[Result]) -> dict[str, float | None]:
    """Compute the main metric and those beside it; what the method measured itself is taken as it is."""
    scenario = task.scenario
    completions = results[outcome.chosen].completions if outcome.chosen < len(results) else ()
    values: dict[str, float | None] = dict(outcome.values)
    if outcome.credit is not None:
        values[scenario.main_metric] = outcome.credit  # comparing texts cannot know about ties
    answer = Answer(
        instance=task.instance,
        prediction=outcome.prediction,
        completions=tuple(sorted(completions, key=likely_first)),
        ranking=outcome.ranking,
    )
    for name in (scenario.main_metric, *scenario.metrics, *MORE_METRICS.get(scenario.prompt.method, ())):
        if name not in values:
            values[name] = _row_metric(name).measure(answer)
    return values


def _lack(task: Task) -> str | None:
    """Say what an instance lacks for its main metric; None when it lacks nothing."""
    name = task.scenario.main_metric
    if task.instance.label is not None or not isinstance(_find_metric(name), InstanceMetric):
        return None
    return (
        f'Instance "{task.instance.id}" has no right reference, which the metric "{name}" compares with. '
        'Mark one with the tag "correct", or choose a metric of what was written.'
    )


@cache
def _find_metric(name: str) -> InstanceMetric | AnswerMetric | TableMetric:
    """Look a metric up once: a row needs several, and that takes longer than most take to compute."""
    return get_metric(name)


def _row_metric(name: str) -> InstanceMetric | AnswerMetric:
    metric = _find_metric(name)
    if not isinstance(metric, InstanceMetric | AnswerMetric):
        raise DataError(
            f'"{name}" is a metric of whole tables and cannot be the main metric of a scenario. Name one of '
            "single predictions, such as exact_match."
        )
    return metric


def _is_correct(main_metric: str, value: float) -> bool | None:
    metric = _find_metric(main_metric)
    return metric.is_full_marks(value) if isinstance(metric, InstanceMetric | AnswerMetric) else None

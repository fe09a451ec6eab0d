"""Floors: what guessing and the most frequent answer score, as rows of the predictions table.

``floor:random`` gives every listed option the same chance; its score is the expected one: right options over
options, 8 bits per byte for language modelling, the mean over random orders for ranking. ``floor:majority``
always gives the answer that is right most often among the train and the evaluated instances, or, where each
instance has options of its own, the option at the place that is right most often: the best that answering
without reading can do. Free answers, all of them right, are no options and have no floor.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence

from longwave.clients.base import Completion
from longwave.config import config_hash
from longwave.evaluation.scoring import Row
from longwave.metrics import Answer, AnswerMetric, InstanceMetric, get_metric
from longwave.prompting import name_prompt
from longwave.scenarios.base import Instance, Scenario

__all__ = ["MAJORITY", "RANDOM", "floor_rows"]

RANDOM, MAJORITY = "floor:random", "floor:majority"
ORDERS = 100  # random orders of documents that are averaged
BITS_PER_BYTE = 8.0  # every byte equally likely


def floor_rows(
    scenario: Scenario, train: Sequence[Instance], instances: Sequence[Instance], *, date: str, run: str = ""
) -> Iterator[Row]:
    """Compute the floors of a scenario on the given instances, one after the other.

    Parameters
    ----------
    scenario : Scenario
    train : sequence of Instance
        Count for the majority, with the evaluated ones.
    instances : sequence of Instance
        Originals to score.
    date, run : str
        Columns of the rows.

    Yields
    ------
    dict
        A row in the schema of predictions. Instances without options have no random floor.
    """
    majority = _Majority(scenario, [*train, *instances])
    for instance in instances:
        random_score = _random_score(scenario, instance)
        if random_score is not None:
            row = _row(scenario, instance, RANDOM, date, run)
            row["score"] = random_score
            if scenario.prompt.method == "language_modeling":
                row["logprob"] = -len(instance.input.encode()) * math.log(256)
            yield row
        answer = majority.answer(instance)
        metric = majority.metric
        if answer is not None and metric is not None:
            given = Answer(instance=instance, prediction=answer, completions=(Completion(text=answer),))
            value = metric.measure(given)
            row = {**_row(scenario, instance, MAJORITY, date, run), "prediction": answer, "score": value}
            yield {**row, "correct": None if value is None else metric.is_full_marks(value)}


class _Majority:
    """The answer that is right most often, by text or by place."""

    def __init__(self, scenario: Scenario, known: Sequence[Instance]) -> None:
        self.scenario = scenario
        self.metric: InstanceMetric | AnswerMetric | None = None
        if scenario.prompt.method in ("language_modeling", "ranking_binary"):
            return
        metric = get_metric(scenario.main_metric)
        self.metric = metric if isinstance(metric, InstanceMetric | AnswerMetric) else None
        known = [instance for instance in known if _has_options(scenario, instance)]
        right = Counter(
            text
            for instance in known
            for text in dict.fromkeys(ref.text for ref in instance.references if ref.is_correct)
        )
        # fixed classes repeat; free answers are nearly all different and have no majority
        is_closed = len({tuple(sorted(ref.text for ref in instance.references)) for instance in known}) == 1
        self._text = right.most_common(1)[0][0] if is_closed and right else None
        places = Counter(
            place
            for instance in known
            for place, reference in enumerate(instance.references)
            if reference.is_correct and len(instance.references) > 1
        )
        self._place = places.most_common(1)[0][0] if places else None

    def answer(self, instance: Instance) -> str | None:
        """Return the majority's answer to an instance; None when there is none."""
        if self.metric is None:
            return None
        if self._text is not None:
            return self._text
        options = instance.references if _has_options(self.scenario, instance) else ()
        if self._place is None or len(options) < 2 or self._place >= len(options):
            return None
        return options[self._place].text


def _random_score(scenario: Scenario, instance: Instance) -> float | None:
    if scenario.prompt.method == "language_modeling":
        return BITS_PER_BYTE
    if scenario.prompt.method == "ranking_binary":
        return _random_ranking(scenario, instance)
    if len(instance.references) < 2 or instance.label is None or not _has_options(scenario, instance):
        return None
    return sum(reference.is_correct for reference in instance.references) / len(instance.references)


def _random_ranking(scenario: Scenario, instance: Instance) -> float | None:
    """Average the metric over random orders of the documents."""
    metric = get_metric(scenario.main_metric)
    if not isinstance(metric, AnswerMetric):
        return None
    rng, order = random.Random(instance.id), list(range(len(instance.references)))
    values = []
    for _ in range(ORDERS):
        rng.shuffle(order)
        values.append(metric.measure(Answer(instance=instance, ranking=tuple(order))) or 0.0)
    return sum(values) / ORDERS


def _has_options(scenario: Scenario, instance: Instance) -> bool:
    """Tell options to choose from and free answers to generate, several of which may be right, apart."""
    if scenario.prompt.method != "generation" or len(instance.references) < 2:
        return True
    return not all(reference.is_correct for reference in instance.references)


def _row(scenario: Scenario, instance: Instance, model: str, date: str, run: str) -> Row:
    return {
        "scenario": scenario.key,
        "instance": instance.id,
        "model": model,
        "version": "1",
        "date": date,
        "prompt": name_prompt(scenario.prompt),
        "perturbation": None,
        "trial": 0,
        "split": instance.split,
        "input_hash": config_hash(instance.input),
        "label": instance.label,
        "group": instance.group,
        "run": run,
    }

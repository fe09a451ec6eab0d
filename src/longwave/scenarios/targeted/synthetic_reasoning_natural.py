"""Synthetic reasoning in plain English, easy and hard, prompted as in arXiv 2211.09110."""

from __future__ import annotations

from functools import cache

from longwave.scenarios.base import Instance, PromptFormat, Scenario
from longwave.scenarios.synthetic import DIFFICULTIES, make_natural_reasoning

__all__ = ["SCENARIO"]


def _load() -> list[Instance]:
    return list(_rows())


@cache
def _rows() -> tuple[Instance, ...]:
    """Make the rows once a process."""
    return tuple(instance for difficulty in DIFFICULTIES for instance in make_natural_reasoning(difficulty))


SCENARIO = Scenario(
    name="synthetic_reasoning_natural",
    version=1,
    description="Tell what follows from a fact under five rules",
    task="deduction",
    what="generated rules about people, animals and plants",
    who="n/a",
    when="n/a",
    language="English, generated",
    source="generated; after https://arxiv.org/abs/2002.05867",
    licence="Apache-2.0",
    prompt=PromptFormat(
        method="generation",
        instructions="Please solve the following problem.",
        input_prefix="Rules:\n",
        output_prefix="",
        max_train_instances=3,
        max_tokens=20,
        stop=("\n",),
        examples_by="difficulty",
    ),
    main_metric="f1_set_match",
    metrics=("iou_set_match", "exact_set_match"),
    eval_splits=("test",),
    load=_load,
    category="reasoning",
)

"""BLiMP: minimal pairs of sentences (arXiv 1912.00582), prompted as in arXiv 2211.09110."""

from __future__ import annotations

import random
from dataclasses import replace

from longwave.scenarios.base import Instance, PromptFormat, Scenario
from longwave.scenarios.rows import read_sample

__all__ = ["SCENARIO"]


def _load() -> list[Instance]:
    """Read the pairs; the files list the acceptable sentence first, so each pair is shuffled by its id."""
    return [_shuffle(instance) for instance in read_sample("blimp", group_by="phenomenon")]


def _shuffle(instance: Instance) -> Instance:
    order = random.Random(instance.id).sample(instance.references, len(instance.references))
    return replace(instance, references=tuple(order))


SCENARIO = Scenario(
    name="blimp",
    version=1,
    description="Choose the acceptable one of two sentences that differ in one point of grammar",
    task="grammaticality",
    what="constructed minimal pairs of sentences",
    who="linguists",
    when="2019",
    language="English",
    source="https://github.com/alexwarstadt/blimp",
    licence="CC BY 4.0",
    prompt=PromptFormat(
        method="multiple_choice_separate",
        input_prefix="",
        input_suffix="",
        output_prefix="",
        output_suffix="",
        max_train_instances=0,
        max_tokens=0,
    ),
    main_metric="exact_match",
    eval_splits=("test",),
    load=_load,
)

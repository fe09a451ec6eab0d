"""OpenBookQA: elementary science (arXiv 1809.02789), prompted as in arXiv 2211.09110."""

from __future__ import annotations

from functools import partial

from longwave.scenarios.base import PromptFormat, Scenario
from longwave.scenarios.rows import read_sample

__all__ = ["SCENARIO"]

SCENARIO = Scenario(
    name="openbookqa",
    version=1,
    description="Choose the answer to a question of elementary science",
    task="question answering",
    what="elementary science",
    who="Amazon Mechanical Turk workers",
    when="2018",
    language="English",
    source="https://github.com/allenai/OpenBookQA",
    licence="Apache-2.0",
    prompt=PromptFormat(
        method="multiple_choice_separate_calibrated",
        input_prefix="",
        input_suffix="",
        output_prefix=" ",
        output_suffix="",
        max_train_instances=0,
        max_tokens=0,
    ),
    main_metric="exact_match",
    eval_splits=("test",),
    load=partial(read_sample, "openbookqa"),
)

"""TruthfulQA, single true answer (arXiv 2109.07958), prompted as in arXiv 2211.09110."""

from __future__ import annotations

from functools import partial

from longwave.scenarios.base import PromptFormat, Scenario
from longwave.scenarios.rows import read_sample

__all__ = ["SCENARIO"]

SCENARIO = Scenario(
    name="truthful_qa",
    version=1,
    description="Choose the true answer among common misconceptions",
    task="question answering",
    what="misconceptions",
    who="TruthfulQA authors",
    when="before 2021",
    language="English",
    source="https://github.com/sylinrl/TruthfulQA",
    licence="Apache-2.0",
    prompt=PromptFormat(
        method="multiple_choice_joint",
        input_prefix="Question: ",
        output_prefix="Answer: ",
        max_tokens=1,
    ),
    main_metric="exact_match",
    eval_splits=("valid",),
    load=partial(read_sample, "truthful_qa"),
)

"""MMLU, five subjects (arXiv 2009.03300), prompted as in arXiv 2211.09110."""

from __future__ import annotations

from functools import partial

from longwave.scenarios.base import PromptFormat, Scenario
from longwave.scenarios.rows import read_sample

__all__ = ["SCENARIO"]

SCENARIO = Scenario(
    name="mmlu",
    version=1,
    description="Choose the answer to an exam question in one of five subjects",
    task="question answering",
    what="exams in mathematics, chemistry, computing, econometrics, politics",
    who="various online sources",
    when="before 2021",
    language="English",
    source="https://github.com/hendrycks/test",
    licence="MIT",
    prompt=PromptFormat(
        method="multiple_choice_joint",
        instructions="The following are multiple choice questions (with answers) about {subject}.",
        input_prefix="Question: ",
        output_prefix="Answer: ",
        max_tokens=1,
        examples_by="subject",
    ),
    main_metric="exact_match",
    eval_splits=("test",),
    load=partial(read_sample, "mmlu", group_by="subject"),
)

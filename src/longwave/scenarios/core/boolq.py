"""BoolQ: yes or no questions about a passage (arXiv 1905.10044), prompted as in arXiv 2211.09110."""

from __future__ import annotations

from functools import partial

from longwave.scenarios.base import PromptFormat, Scenario
from longwave.scenarios.rows import read_sample

__all__ = ["SCENARIO"]

SCENARIO = Scenario(
    name="boolq",
    version=1,
    description="Answer a yes or no question about a passage",
    task="question answering",
    what="Wikipedia passages, questions from search queries",
    who="web users",
    when="2010s",
    language="English",
    source="https://github.com/google-research-datasets/boolean-questions",
    licence="CC BY-SA 3.0",
    prompt=PromptFormat(
        method="generation",
        input_prefix="Passage: ",
        output_prefix="Answer: ",
        max_tokens=5,
        stop=("\n",),
    ),
    main_metric="quasi_exact_match",
    eval_splits=("valid",),
    load=partial(read_sample, "boolq"),
)

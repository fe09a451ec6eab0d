"""MATH, answers alone (arXiv 2103.03874), prompted as in arXiv 2211.09110.

Examples are of the same subject and level: two of each among the bundled rows, all eight among the official.
"""

from __future__ import annotations

from functools import partial

from longwave.scenarios.base import PromptFormat, Scenario
from longwave.scenarios.targeted.math_problems import math_official, math_sample

__all__ = ["SCENARIO"]

SCENARIO = Scenario(
    name="math_regular",
    version=1,
    description="Give the answer to a competition problem in mathematics",
    task="mathematical question answering",
    what="competition problems of seven subjects and five levels",
    who="authors of competition problems",
    when="before 2021",
    language="English and LaTeX",
    source="https://github.com/hendrycks/math",
    licence="MIT",
    prompt=PromptFormat(
        method="generation",
        instructions="Given a mathematics problem, determine the answer. Simplify your answer as much as "
        "possible.",
        input_prefix="Problem: ",
        output_prefix="Answer: $",
        output_suffix="$\n",
        instance_prefix="###\n",
        max_train_instances=8,
        max_tokens=20,
        stop=("$",),
        examples_by="slice",
    ),
    main_metric="math_equiv",
    eval_splits=("test",),
    load=partial(math_sample, "math_regular", gives="answer"),
    category="reasoning",
    official=math_official("math_regular", gives="answer"),
)

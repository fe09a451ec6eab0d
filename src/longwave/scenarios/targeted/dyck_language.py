"""Dyck language of three kinds of brackets, prompted as in arXiv 2211.09110.

The published main metric compares what follows the last blank, which of several closing brackets is the last
one only. ``prefix_exact_match``, beside it in the scores, asks for all of them.
"""

from __future__ import annotations

from longwave.scenarios.base import PromptFormat, Scenario
from longwave.scenarios.synthetic import make_dyck

__all__ = ["SCENARIO"]

SCENARIO = Scenario(
    name="dyck_language",
    version=1,
    description="Close the open ones of nested brackets of three kinds",
    task="next-word prediction",
    what="generated sequences of nested brackets",
    who="n/a",
    when="n/a",
    language="synthetic",
    source="generated; after https://arxiv.org/abs/1911.03329",
    licence="Apache-2.0",
    prompt=PromptFormat(
        method="generation",
        instructions="Please complete the rest of the following Dyck sequences, making sure that the "
        "parentheses are closed properly.",
        input_prefix="Input: ",
        input_suffix="",
        output_prefix="",
        output_suffix="",
        max_train_instances=3,
        max_tokens=5,
        stop=("\n",),
    ),
    main_metric="exact_match_indicator",
    eval_splits=("test",),
    load=make_dyck,
    category="reasoning",
)

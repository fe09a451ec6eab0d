"""Synthetic reasoning over symbols, in three modes, prompted as in arXiv 2211.09110."""

from __future__ import annotations

from functools import cache

from longwave.scenarios.base import Instance, PromptFormat, Scenario
from longwave.scenarios.synthetic import MODES, make_reasoning

__all__ = ["SCENARIO"]


def _load() -> list[Instance]:
    return list(_rows())


@cache
def _rows() -> tuple[Instance, ...]:
    """Make the rows once a process."""
    return tuple(instance for mode in MODES for instance in make_reasoning(mode))


SCENARIO = Scenario(
    name="synthetic_reasoning",
    version=1,
    description="Match, substitute or induce a pattern of symbols",
    task="pattern matching, substitution, induction",
    what="generated patterns of symbols, animals and fruits",
    who="n/a",
    when="n/a",
    language="synthetic",
    source="generated; after https://arxiv.org/abs/2101.06223",
    licence="Apache-2.0",
    prompt=PromptFormat(
        method="generation",
        instructions="Please solve the following problem.",
        input_prefix="",
        output_prefix="Target: ",
        max_tokens=50,
        stop=("\n",),
        examples_by="mode",
    ),
    main_metric="quasi_exact_match",
    eval_splits=("test",),
    load=_load,
    category="reasoning",
)

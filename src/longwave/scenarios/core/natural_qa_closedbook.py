"""Natural Questions, closed book (Kwiatkowski et al. 2019), prompted as in arXiv 2211.09110.

The bundled rows are those of the open-domain edition (arXiv 1906.00300), drawn from the same questions.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from longwave.scenarios.base import Instance, Official, PromptFormat, Scenario
from longwave.scenarios.core._natural_questions import (
    FILES,
    LICENCE,
    SOURCE,
    as_question,
    parse_natural_questions,
)
from longwave.scenarios.rows import read_sample

__all__ = ["SCENARIO"]


def _load() -> list[Instance]:
    """Read the bundled rows; the search queries are written as questions, like those of the official home."""
    return [replace(row, input=as_question(row.input)) for row in read_sample("natural_qa_closedbook")]


SCENARIO = Scenario(
    name="natural_qa_closedbook",
    version=1,
    description="Answer a question that was asked of a search engine, from memory",
    task="question answering",
    what="questions from search queries, answers from Wikipedia",
    who="web users",
    when="2018",
    language="English",
    source=SOURCE,
    licence=LICENCE,
    prompt=PromptFormat(
        method="generation",
        input_prefix="Question: ",
        output_prefix="Answer: ",
        max_tokens=300,
        stop=("\n",),
    ),
    main_metric="token_f1",
    eval_splits=("valid",),
    load=_load,
    category="core",
    official=Official(
        files=FILES,
        parse=partial(parse_natural_questions, name="natural_qa_closedbook", has_passage=False),
    ),
)

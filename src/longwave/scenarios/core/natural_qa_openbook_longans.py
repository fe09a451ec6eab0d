"""Natural Questions with the passage that holds the answer (Kwiatkowski et al. 2019), as arXiv 2211.09110."""

from __future__ import annotations

from functools import partial

from longwave.scenarios.base import Instance, Official, PromptFormat, Scenario
from longwave.scenarios.core._natural_questions import FILES, LICENCE, SOURCE, parse_natural_questions
from longwave.scenarios.official import load_official

__all__ = ["SCENARIO"]


def _load() -> list[Instance]:
    return load_official(SCENARIO)


SCENARIO = Scenario(
    name="natural_qa_openbook_longans",
    version=1,
    description="Answer a question that was asked of a search engine, from a passage of Wikipedia",
    task="question answering",
    what="passages from Wikipedia, questions from search queries",
    who="web users",
    when="2018",
    language="English",
    source=SOURCE,
    licence=LICENCE,
    prompt=PromptFormat(
        method="generation",
        input_prefix="",
        output_prefix="Answer: ",
        max_tokens=300,
        stop=("\n",),
    ),
    main_metric="token_f1",
    eval_splits=("valid",),
    load=_load,
    is_offline=False,
    category="core",
    official=Official(
        files=FILES,
        parse=partial(parse_natural_questions, name="natural_qa_openbook_longans", has_passage=True),
    ),
)

"""IMDB: sentiment of film reviews (Maas et al. 2011), prompted as in arXiv 2211.09110."""

from __future__ import annotations

from functools import partial

from longwave.scenarios.base import PromptFormat, Scenario
from longwave.scenarios.rows import read_sample

__all__ = ["SCENARIO"]

SCENARIO = Scenario(
    name="imdb",
    version=1,
    description="Tell whether a film review is positive or negative",
    task="sentiment analysis",
    what="film reviews",
    who="?",
    when="before 2011",
    language="English",
    source="https://github.com/acmi-lab/counterfactually-augmented-data",
    licence="Apache-2.0",
    prompt=PromptFormat(
        method="generation",
        input_prefix="Passage: ",
        output_prefix="Sentiment: ",
        max_tokens=5,
        stop=("\n",),
    ),
    main_metric="quasi_exact_match",
    eval_splits=("valid",),
    load=partial(read_sample, "imdb"),
)

"""MS MARCO, the regular track: one relevant passage for most queries (arXiv 1611.09268, 2211.09110)."""

from __future__ import annotations

from longwave.scenarios.base import Instance, Scenario, SourceFile
from longwave.scenarios.core._msmarco import (
    CODALAB,
    LICENCE,
    METRICS,
    MICROSOFT,
    PROMPT,
    SOURCE,
    Track,
    make_official,
)
from longwave.scenarios.official import load_official

__all__ = ["SCENARIO"]

MAIN = "reciprocal_rank_10"
TRACK = Track(
    name="msmarco_regular",
    judged=SourceFile(url=f"{MICROSOFT}/qrels.dev.small.tsv", name="qrels.dev.small.tsv"),
    found=SourceFile(url=CODALAB.format("0xbc3dfacb2b7746809e582ee01fa5fe70"), name="top1000.dev.tsv"),
)


def _load() -> list[Instance]:
    return load_official(SCENARIO)


SCENARIO = Scenario(
    name="msmarco_regular",
    version=1,
    description="Rank passages by whether they answer a query",
    task="information retrieval",
    what="passages from the web, queries from a search engine",
    who="web users",
    when="2016 to 2018",
    language="English",
    source=SOURCE,
    licence=LICENCE,
    prompt=PROMPT,
    main_metric=MAIN,
    eval_splits=("valid",),
    load=_load,
    is_offline=False,
    category="core",
    metrics=tuple(name for name in METRICS if name != MAIN),
    official=make_official(TRACK),
)

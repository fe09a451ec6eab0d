"""MS MARCO, the TREC 2019 track: passages have grades from 0 to 3 (arXiv 2003.07820, 2211.09110)."""

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

MAIN = "ndcg_10"
TRACK = Track(
    name="msmarco_trec",
    judged=SourceFile(url="https://trec.nist.gov/data/deep/2019qrels-pass.txt", name="2019qrels-pass.txt"),
    found=SourceFile(url=CODALAB.format("0x2e80572f93b748d594b817249013bdac"), name="top1000.test2019.tsv"),
    queries=SourceFile(
        url=f"{MICROSOFT}/msmarco-test2019-queries.tsv.gz", name="msmarco-test2019-queries.tsv.gz"
    ),
    least_grade=2,
)


def _load() -> list[Instance]:
    return load_official(SCENARIO)


SCENARIO = Scenario(
    name="msmarco_trec",
    version=1,
    description="Rank passages by how well they answer a query, judged in grades",
    task="information retrieval",
    what="passages from the web, queries from a search engine, judged by NIST",
    who="web users",
    when="2019",
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

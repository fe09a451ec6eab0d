"""CNN/DailyMail: summaries of news in three sentences (arXiv 1704.04368), prompted as in arXiv 2211.09110."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from longwave.scenarios.base import CORRECT, Instance, Official, Reference, Scenario, SourceFile
from longwave.scenarios.core.summaries import cut_words, is_short_document, summary_prompt
from longwave.scenarios.official import load_official
from longwave.scenarios.reading import SourceRow, read_parquet

__all__ = ["SCENARIO"]

HOME = (
    "https://huggingface.co/datasets/abisee/cnn_dailymail/resolve/"
    "96df5e686bee6baa90b8bee7c28b81fa3fa6223d/3.0.0/"
)
TRAIN = tuple(f"train-{part:05d}-of-00003.parquet" for part in range(3))
TEST = ("test-00000-of-00001.parquet",)
SPLITS: dict[Literal["train", "test"], tuple[str, ...]] = {"train": TRAIN, "test": TEST}


def _load() -> list[Instance]:
    return load_official(SCENARIO)


def _parse(folder: Path) -> list[Instance]:
    """Read the articles; of the train split only the short ones are kept, as examples."""
    found = []
    for split, names in SPLITS.items():
        index = 0
        for name in names:
            for row in read_parquet(folder / name, ["article", "highlights", "id"]):
                document = cut_words(row.text("article"))
                if split == "test" or is_short_document(document):
                    found.append(_instance(row, document, split, index))
                index += 1
    return found


def _instance(row: SourceRow, document: str, split: Literal["train", "test"], index: int) -> Instance:
    summary = cut_words(row.text("highlights"), None)
    return Instance(
        id=f"summarization_cnndm-{split}-{index:06d}",
        input=document,
        references=(Reference(text=summary, tags=(CORRECT,)),),
        split=split,
        extra={"source_id": row.text("id")},
    )


SCENARIO = Scenario(
    name="summarization_cnndm",
    version=1,
    description="Summarise a news article in three sentences",
    task="summarization",
    what="news articles and their highlights",
    who="journalists of CNN and the Daily Mail",
    when="2007 to 2015",
    language="English",
    source="https://huggingface.co/datasets/abisee/cnn_dailymail",
    licence="see the source",
    prompt=summary_prompt(3, max_tokens=128),
    main_metric="rouge_2",
    metrics=("rouge_1", "rouge_l"),
    eval_splits=("test",),
    load=_load,
    is_offline=False,
    category="core",
    unmeasured=("calibration", "robustness", "fairness"),
    official=Official(
        files=tuple(SourceFile(url=HOME + name, name=name) for name in (*TRAIN, *TEST)),
        parse=_parse,
        notice="The articles belong to CNN and the Daily Mail; about 800 MB are fetched.",
    ),
)

"""TruthfulQA, single true answer (arXiv 2109.07958), prompted as in arXiv 2211.09110."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

from longwave.scenarios.base import Instance, Official, PromptFormat, Scenario, SourceFile
from longwave.scenarios.reading import SourceRow, read_csv
from longwave.scenarios.references import options
from longwave.scenarios.rows import read_sample

__all__ = ["SCENARIO"]

COMMIT = "d71c110897f5d31c5d7f309e7bc316c152f6f031"
TRAIN_SHARE = 0.2


def _parse(folder: Path) -> list[Instance]:
    """Read the questions; the first fifth of them is for examples."""
    rows = list(read_csv(folder / "TruthfulQA.csv"))
    n_train = int(TRAIN_SHARE * len(rows))
    return [
        _make(row, "train", index) if index < n_train else _make(row, "valid", index - n_train)
        for index, row in enumerate(rows)
    ]


def _make(row: SourceRow, split: Literal["train", "valid"], index: int) -> Instance:
    """Write the best answer among the wrong ones, at a place that its first letter tells."""
    best = _sentence(row.text("Best Answer"))
    texts = [_sentence(text) for text in row.text("Incorrect Answers").split(";") if text.strip()]
    if not best or not texts:
        raise row.error("there is no best answer, or no incorrect one")
    texts.append(best)
    first = ord(best[0]) % len(texts)
    return Instance(
        id=f"truthful_qa-{split}-{index:05d}",
        input=row.text("Question").strip(),
        references=options(texts[first:] + texts[:first], best),
        split=split,
        extra={"category": row.text("Category"), "type": row.text("Type")},
    )


def _sentence(text: str) -> str:
    return text.strip() + "." * (bool(text.strip()) and not text.strip().endswith("."))


SCENARIO = Scenario(
    name="truthful_qa",
    version=1,
    description="Choose the true answer among common misconceptions",
    task="question answering",
    what="misconceptions",
    who="TruthfulQA authors",
    when="before 2021",
    language="English",
    source="https://github.com/sylinrl/TruthfulQA",
    licence="Apache-2.0",
    prompt=PromptFormat(
        method="multiple_choice_joint",
        input_prefix="Question: ",
        output_prefix="Answer: ",
        max_tokens=1,
    ),
    main_metric="exact_match",
    eval_splits=("valid",),
    load=partial(read_sample, "truthful_qa"),
    category="core",
    unmeasured=("bias", "toxicity"),
    official=Official(
        files=(
            SourceFile(
                url=f"https://raw.githubusercontent.com/sylinrl/TruthfulQA/{COMMIT}/data/v1/TruthfulQA.csv",
                name="TruthfulQA.csv",
            ),
        ),
        parse=_parse,
    ),
)

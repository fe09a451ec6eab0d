"""NarrativeQA: questions about summaries of books and films (arXiv 1712.07040), as in arXiv 2211.09110."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Literal

from longwave.scenarios.base import Instance, Official, PromptFormat, Scenario, SourceFile
from longwave.scenarios.official import load_official
from longwave.scenarios.reading import SourceRow, read_csv
from longwave.scenarios.references import right_answers

__all__ = ["SCENARIO"]

COMMIT = "904246f6d1fe99a99a08a03501fe3e619af2cee5"
HOME = f"https://raw.githubusercontent.com/google-deepmind/narrativeqa/{COMMIT}"
SPLITS: tuple[Literal["train", "valid", "test"], ...] = ("train", "valid", "test")


def _load() -> list[Instance]:
    return load_official(SCENARIO)


def _parse(folder: Path) -> list[Instance]:
    """Read the summaries and draw one question of each, with the draws of the published code."""
    summaries = {row.text("document_id"): row for row in read_csv(folder / "summaries.csv")}
    questions: dict[str, dict[str, list[SourceRow]]] = {split: {} for split in SPLITS}
    for row in read_csv(folder / "qaps.csv"):
        if row.text("set") not in questions:
            raise row.error(f'the set is "{row.text("set")}"; it must be one of {", ".join(SPLITS)}')
        questions[row.text("set")].setdefault(row.text("document_id"), []).append(row)
    rng = random.Random(0)
    return [
        _make(split, index, rng.choice(rows), summaries)
        for split in SPLITS
        for index, rows in enumerate(questions[split].values())
    ]


def _make(
    split: Literal["train", "valid", "test"], index: int, row: SourceRow, summaries: dict[str, SourceRow]
) -> Instance:
    document, question = row.text("document_id"), row.text("question").strip()
    if document not in summaries:
        raise row.error(f'there is no summary of the document "{document}"')
    summary = summaries[document].text("summary").strip()
    return Instance(
        id=f"narrative_qa-{split}-{index:05d}",
        input=f"{summary}\nQuestion: {question.removesuffix('?')}?",
        references=right_answers([row.text("answer1"), row.text("answer2")]),
        split=split,
        extra={"document": document},
    )


SCENARIO = Scenario(
    name="narrative_qa",
    version=1,
    description="Answer a question about the plot of a book or film, from its summary",
    task="question answering",
    what="passages are summaries of books and film scripts, questions are written by annotators",
    who="annotators are crowd workers",
    when="2010s",
    language="English",
    source="https://github.com/google-deepmind/narrativeqa",
    licence="Apache-2.0 (questions and answers), CC BY-SA 3.0 (summaries, from Wikipedia)",
    prompt=PromptFormat(
        method="generation",
        input_prefix="Passage: ",
        output_prefix="Answer: ",
        max_tokens=100,
        stop=("\n",),
    ),
    main_metric="token_f1",
    eval_splits=("test",),
    load=_load,
    is_offline=False,
    category="core",
    metrics=("rouge_l", "bleu_1", "bleu_4"),
    official=Official(
        files=(
            SourceFile(url=f"{HOME}/qaps.csv", name="qaps.csv"),
            SourceFile(url=f"{HOME}/third_party/wikipedia/summaries.csv", name="summaries.csv"),
        ),
        parse=_parse,
    ),
)

"""BoolQ: yes or no questions about a passage (arXiv 1905.10044), prompted as in arXiv 2211.09110."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

from longwave.scenarios.base import Instance, Official, PromptFormat, Scenario, SourceFile
from longwave.scenarios.core._contrast import CONTRAST_HOME, Contrast, describe_contrasts
from longwave.scenarios.reading import SourceRow, read_json, read_jsonl
from longwave.scenarios.references import options
from longwave.scenarios.rows import read_sample

__all__ = ["SCENARIO"]

HOME = "https://storage.googleapis.com/boolq"
ANSWERS = ("Yes", "No")


def _parse(folder: Path) -> list[Instance]:
    contrasts = _read_contrasts(folder / "boolq_perturbed.json")
    train = [_make(row, "train", i, {}) for i, row in enumerate(read_jsonl(folder / "train.jsonl"))]
    return train + [
        _make(row, "valid", i, contrasts) for i, row in enumerate(read_jsonl(folder / "dev.jsonl"))
    ]


def _make(
    row: SourceRow, split: Literal["train", "valid"], index: int, contrasts: dict[str, list[Contrast]]
) -> Instance:
    question, passage = row.text("question"), row.text("passage")
    edited = [
        Contrast(_write(passage, contrast.text), contrast.answer) for contrast in contrasts.get(question, [])
    ]
    return Instance(
        id=f"boolq-{split}-{index:05d}",
        input=_write(passage, question),
        references=options(ANSWERS, "Yes" if row.boolean("answer") else "No"),
        split=split,
        extra={"title": row.text("title"), **describe_contrasts(edited, ANSWERS)},
    )


def _write(passage: str, question: str) -> str:
    """Write passage and question; the published code writes the question with a capital first."""
    return f"{passage}\nQuestion: {question.strip().capitalize().removesuffix('?')}?"


def _read_contrasts(path: Path) -> dict[str, list[Contrast]]:
    """Read the questions that people edited so that the answer changes, by the original question."""
    content = read_json(path)
    rows = SourceRow(f'"{path}"', content if isinstance(content, dict) else {}).rows("data")
    found: dict[str, list[Contrast]] = {}
    for row in rows[1:]:  # the first one names the fields
        edits = [
            Contrast(edit.text("perturbed_q"), _answer(edit)) for edit in row.rows("perturbed_questions")
        ]
        kept = [edit for edit in edits if edit.text and edit.answer != _answer(row)]
        if kept:
            found[row.text("question")] = kept
    return found


def _answer(row: SourceRow) -> str:
    return "Yes" if row.text("answer") == "TRUE" else "No"


SCENARIO = Scenario(
    name="boolq",
    version=1,
    description="Answer a yes or no question about a passage",
    task="question answering",
    what="Wikipedia passages, questions from search queries",
    who="web users",
    when="2010s",
    language="English",
    source="https://github.com/google-research-datasets/boolean-questions",
    licence="CC BY-SA 3.0",
    prompt=PromptFormat(
        method="generation",
        input_prefix="Passage: ",
        output_prefix="Answer: ",
        max_tokens=5,
        stop=("\n",),
    ),
    main_metric="quasi_exact_match",
    eval_splits=("valid",),
    load=partial(read_sample, "boolq"),
    category="core",
    official=Official(
        files=(
            SourceFile(
                url=f"{HOME}/train.jsonl",
                name="train.jsonl",
                sha256="cc7a79d44479867e8323a7b0c5c1d82edf516ca34912201f9384c3a3d098d8db",
            ),
            SourceFile(
                url=f"{HOME}/dev.jsonl",
                name="dev.jsonl",
                sha256="ebc29ea3808c5c611672384b3de56e83349fe38fc1fe876fd29b674d81d0a80a",
            ),
            SourceFile(
                url=f"{CONTRAST_HOME}/BoolQ/boolq_perturbed.json",
                name="boolq_perturbed.json",
                sha256="0b4505e885d99fba40ff3d5a1f70d26839eb444cfe21d07cbf571c52f967c536",
            ),
        ),
        parse=_parse,
    ),
)

"""LSAT: analytical reasoning in admission tests (arXiv 2104.06598), prompted as in arXiv 2211.09110.

Groups are the kinds of questions: ordering, grouping, assignment, and what has no kind (miscellaneous).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from longwave.errors import DataError
from longwave.scenarios.base import CORRECT, Instance, Official, PromptFormat, Reference, Scenario, SourceFile
from longwave.scenarios.official import load_official
from longwave.scenarios.reading import SourceRow, read_json

__all__ = ["SCENARIO"]

HOME = "https://raw.githubusercontent.com/zhongwanjun/AR-LSAT/main/data/"
SPLITS: dict[str, Literal["train", "valid", "test"]] = {
    "AR_TrainingData.json": "train",
    "AR_DevelopmentData.json": "valid",
    "AR_TestData.json": "test",
}
KINDS = {
    "in/out grouping": "grouping",
    "distribution grouping": "grouping",
    "grouping (distribution)": "grouping",
    "simple ordering": "ordering",
    "relative ordering": "ordering",
    "complex ordering": "ordering",
    "determined assignment": "assignment",
    "undetermined assignment": "assignment",
}
TAG = 2  # place of the kind among a question's tags
LETTERS = "ABCDE"


def _load() -> list[Instance]:
    return load_official(SCENARIO)


def _parse(folder: Path) -> list[Instance]:
    return [
        _instance(passage.text("passage"), question, split, f"lsat_qa-{split}-{number:05d}")
        for file, split in SPLITS.items()
        for number, (passage, question) in enumerate(_questions(folder / file))
    ]


def _questions(path: Path) -> list[tuple[SourceRow, SourceRow]]:
    passages = SourceRow(f'"{path}"', {"passages": read_json(path)}).rows("passages")
    found = [(passage, question) for passage in passages for question in passage.rows("questions")]
    if not found:
        raise DataError(f'"{path}" holds no questions. Delete it to fetch it again.')
    return found


def _instance(
    passage: str, question: SourceRow, split: Literal["train", "valid", "test"], name: str
) -> Instance:
    options, answer, tags = question.texts("options"), question.text("answer"), question.texts("tags")
    if len(answer) != 1 or answer not in LETTERS[: len(options)]:
        raise question.error(f'"answer" is "{answer}"; accepted are the letters of {len(options)} options')
    right = LETTERS.index(answer)
    kind = tags[TAG] if len(tags) > TAG else ""
    return Instance(
        id=name,
        input=f"{passage}\nQuestion: {question.text('question')}",
        references=tuple(
            Reference(text=option, tags=(CORRECT,) if place == right else ())
            for place, option in enumerate(options)
        ),
        split=split,
        group=KINDS.get(kind, "miscellaneous"),
        extra={"question_type": kind},
    )


SCENARIO = Scenario(
    name="lsat_qa",
    version=1,
    description="Choose the answer to a question of analytical reasoning",
    task="question answering",
    what="law school admission tests",
    who="authors of the LSAT",
    when="1991 to 2016",
    language="English",
    source="https://github.com/zhongwanjun/AR-LSAT",
    licence="see the source",
    prompt=PromptFormat(
        method="multiple_choice_joint",
        instructions="The following are multiple choice questions (with answers).",
        input_prefix="Passage: ",
        output_prefix="Answer: ",
        max_tokens=1,
    ),
    main_metric="quasi_exact_match",
    eval_splits=("test",),
    load=_load,
    is_offline=False,
    category="reasoning",
    unmeasured=("bias", "toxicity"),
    official=Official(
        files=tuple(SourceFile(url=f"{HOME}{file}", name=file) for file in SPLITS), parse=_parse
    ),
)

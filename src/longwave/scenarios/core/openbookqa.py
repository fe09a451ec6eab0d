"""OpenBookQA: elementary science (arXiv 1809.02789), prompted as in arXiv 2211.09110."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

from longwave.scenarios.base import CORRECT, Instance, Official, PromptFormat, Reference, Scenario, SourceFile
from longwave.scenarios.reading import SourceRow, parse_jsonl, read_zip_member
from longwave.scenarios.rows import read_sample

__all__ = ["SCENARIO"]

FILE = "OpenBookQA-V1-Sep2018.zip"
SPLITS: tuple[Literal["train", "test"], ...] = ("train", "test")


def _parse(folder: Path) -> list[Instance]:
    instances = []
    for split in SPLITS:
        name = f"OpenBookQA-V1-Sep2018/Data/Main/{split}.jsonl"
        rows = parse_jsonl(read_zip_member(folder / FILE, name), f'"{folder / FILE}", {name}')
        instances += [_make(row, f"openbookqa-{split}-{i:05d}", split) for i, row in enumerate(rows)]
    return instances


def _make(row: SourceRow, name: str, split: Literal["train", "test"]) -> Instance:
    question, right = row.row("question"), row.text("answerKey")
    choices = question.rows("choices")
    if right not in [choice.text("label") for choice in choices]:
        raise row.error(f'the answer is "{right}", which is the label of no choice')
    return Instance(
        id=name,
        input=question.text("stem"),
        references=tuple(
            Reference(text=choice.text("text"), tags=(CORRECT,) if choice.text("label") == right else ())
            for choice in choices
        ),
        split=split,
        extra={"source_id": row.text("id")},
    )


SCENARIO = Scenario(
    name="openbookqa",
    version=1,
    description="Choose the answer to a question of elementary science",
    task="question answering",
    what="elementary science",
    who="Amazon Mechanical Turk workers",
    when="2018",
    language="English",
    source="https://github.com/allenai/OpenBookQA",
    licence="Apache-2.0",
    prompt=PromptFormat(
        method="multiple_choice_separate_calibrated",
        input_prefix="",
        input_suffix="",
        output_prefix=" ",
        output_suffix="",
        max_train_instances=0,
        max_tokens=0,
    ),
    main_metric="exact_match",
    eval_splits=("test",),
    load=partial(read_sample, "openbookqa"),
    category="core",
    unmeasured=("bias", "toxicity"),
    official=Official(
        files=(
            SourceFile(
                url=f"https://s3-us-west-2.amazonaws.com/ai2-website/data/{FILE}",
                name=FILE,
                sha256="82368cf05df2e3b309c17d162e10b888b4d768fad6e171e0a041954c8553be46",
            ),
        ),
        parse=_parse,
    ),
)

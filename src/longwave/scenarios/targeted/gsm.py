"""GSM8K: word problems with worked solutions (arXiv 2110.14168), prompted as in arXiv 2211.09110.

A solution is shown in one line and ends in "The answer is N."; the marks of its calculator are removed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

from longwave.scenarios.base import CORRECT, Instance, Official, PromptFormat, Reference, Scenario, SourceFile
from longwave.scenarios.reading import SourceRow, read_jsonl
from longwave.scenarios.rows import read_sample

__all__ = ["SCENARIO"]

HOME = "https://raw.githubusercontent.com/openai/grade-school-math/master/grade_school_math/data/"
CALCULATOR_MARK = re.compile(r"<<[^<>]*>>")
FINAL = "####"  # before the final answer, in the last line of a solution
SPLITS: tuple[Literal["train", "test"], ...] = ("train", "test")


def _load() -> list[Instance]:
    """Read the sample; its solutions keep their lines, which the published prompts join."""
    return [
        replace(instance, references=tuple(replace(r, text=_one_line(r.text)) for r in instance.references))
        for instance in read_sample("gsm")
    ]


def _parse(folder: Path) -> list[Instance]:
    return [
        _instance(row, split, number)
        for split in SPLITS
        for number, row in enumerate(read_jsonl(folder / f"{split}.jsonl"))
    ]


def _instance(row: SourceRow, split: Literal["train", "test"], number: int) -> Instance:
    raw = row.text("answer")
    solution, mark, answer = raw.rpartition(FINAL)
    if not mark or not answer.strip():
        raise row.error(f'"answer" ends in "{raw[-40:]}"; its last line must be "{FINAL}" and a number')
    text = f"{CALCULATOR_MARK.sub('', solution).strip()} The answer is {answer.strip()}."
    return Instance(
        id=f"gsm-{split}-{number:05d}",
        input=row.text("question"),
        references=(Reference(text=_one_line(text), tags=(CORRECT,)),),
        split=split,
        extra={"final_answer": answer.strip(), "raw_answer": raw},
    )


def _one_line(text: str) -> str:
    return text.replace("\n", " ")


SCENARIO = Scenario(
    name="gsm",
    version=1,
    description="Work out the answer to a word problem of grade school mathematics",
    task="numeric question answering",
    what="grade school word problems",
    who="contractors on Upwork and Surge AI",
    when="2021",
    language="English",
    source="https://github.com/openai/grade-school-math",
    licence="MIT",
    prompt=PromptFormat(
        method="generation", input_prefix="Q: ", output_prefix="A: ", max_tokens=400, stop=("\n\n",)
    ),
    main_metric="final_number_exact_match",
    metrics=("exact_match_indicator",),
    eval_splits=("test",),
    load=_load,
    category="reasoning",
    official=Official(
        files=(
            SourceFile(
                url=f"{HOME}train.jsonl",
                name="train.jsonl",
                sha256="17f347dc51477c50d4efb83959dbb7c56297aba886e5544ee2aaed3024813465",
            ),
            SourceFile(
                url=f"{HOME}test.jsonl",
                name="test.jsonl",
                sha256="3730d312f6e3440559ace48831e51066acaca737f6eabec99bccb9e4b3c39d14",
            ),
        ),
        parse=_parse,
    ),
)

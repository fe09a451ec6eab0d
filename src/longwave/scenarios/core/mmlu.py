"""MMLU, five subjects (arXiv 2009.03300), prompted as in arXiv 2211.09110."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Literal

from longwave.scenarios.base import Instance, Official, PromptFormat, Scenario, SourceFile
from longwave.scenarios.reading import SourceRow, parse_csv, read_tar_members
from longwave.scenarios.references import options
from longwave.scenarios.rows import read_sample

__all__ = ["SCENARIO"]

SUBJECTS = (
    "abstract_algebra",
    "college_chemistry",
    "computer_security",
    "econometrics",
    "us_foreign_policy",
)
SPLITS: dict[Literal["train", "test"], str] = {"train": "dev", "test": "test"}
COLUMNS = ("question", "A", "B", "C", "D", "answer")


def _parse(folder: Path) -> list[Instance]:
    path = folder / "data.tar"
    wanted = {
        (split, subject): f"data/{part}/{subject}_{part}.csv"
        for split, part in SPLITS.items()
        for subject in SUBJECTS
    }
    found = dict(read_tar_members(path, set(wanted.values()).__contains__))
    instances: list[Instance] = []
    for split in SPLITS:
        rows = []
        for subject in SUBJECTS:
            name = wanted[split, subject]
            if name not in found:
                raise SourceRow(f'"{path}"', {}).error(f'there is no file "{name}"')
            rows += [(subject, row) for row in parse_csv(found[name], f'"{path}", {name}', columns=COLUMNS)]
        instances += [
            _make(row, subject, f"mmlu-{split}-{index:05d}", split)
            for index, (subject, row) in enumerate(rows)
        ]
    return instances


def _make(row: SourceRow, subject: str, name: str, split: Literal["train", "test"]) -> Instance:
    letter = row.text("answer")
    if letter not in COLUMNS[1:-1]:
        raise row.error(f'the answer is "{letter}"; it must be A, B, C or D')
    return Instance(
        id=name,
        input=row.text("question"),
        references=options([row.text(column) for column in COLUMNS[1:-1]], row.text(letter)),
        split=split,
        group=subject,
        extra={"subject": subject},
    )


SCENARIO = Scenario(
    name="mmlu",
    version=1,
    description="Choose the answer to an exam question in one of five subjects",
    task="question answering",
    what="exams in mathematics, chemistry, computing, econometrics, politics",
    who="various online sources",
    when="before 2021",
    language="English",
    source="https://github.com/hendrycks/test",
    licence="MIT",
    prompt=PromptFormat(
        method="multiple_choice_joint",
        instructions="The following are multiple choice questions (with answers) about {subject}.",
        input_prefix="Question: ",
        output_prefix="Answer: ",
        max_tokens=1,
        examples_by="subject",
    ),
    main_metric="exact_match",
    eval_splits=("test",),
    load=partial(read_sample, "mmlu", group_by="subject"),
    category="core",
    unmeasured=("bias", "toxicity"),
    official=Official(
        files=(
            SourceFile(
                url="https://people.eecs.berkeley.edu/~hendrycks/data.tar",
                name="data.tar",
                sha256="bec563ba4bac1d6aaf04141cd7d1605d7a5ca833e38f994051e818489592989b",
            ),
        ),
        parse=_parse,
    ),
)

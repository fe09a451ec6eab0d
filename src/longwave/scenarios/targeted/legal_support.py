"""Legal support: which of two cases supports a passage more, prompted as in arXiv 2211.09110."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from longwave.scenarios.base import CORRECT, Instance, Official, PromptFormat, Reference, Scenario, SourceFile
from longwave.scenarios.official import load_official
from longwave.scenarios.reading import SourceRow, list_zip_members, parse_jsonl, read_zip_member
from longwave.scenarios.targeted.archive_members import find_member

__all__ = ["SCENARIO"]

ARCHIVE = "legal_support.zip"
SPLITS: dict[str, Literal["train", "valid", "test"]] = {
    "train.jsonl": "train",
    "dev.jsonl": "valid",
    "test.jsonl": "test",
}
CASES = ("a", "b")


def _load() -> list[Instance]:
    return load_official(SCENARIO)


def _parse(folder: Path) -> list[Instance]:
    path = folder / ARCHIVE
    members = list_zip_members(path)
    return [
        _instance(row, split, number)
        for file, split in SPLITS.items()
        for number, row in enumerate(_rows(path, find_member(path, members, file)))
    ]


def _rows(path: Path, member: str) -> list[SourceRow]:
    return list(parse_jsonl(read_zip_member(path, member), f'"{member}" in "{path}"'))


def _instance(row: SourceRow, split: Literal["train", "valid", "test"], number: int) -> Instance:
    label = row.text("label")
    if label not in CASES:
        raise row.error(f'"label" is "{label}"; accepted are a and b')
    return Instance(
        id=f"legal_support-{split}-{number:05d}",
        input=row.text("context"),
        references=tuple(
            Reference(
                text=row.row(f"citation_{case}").text("parenthetical"),
                tags=(CORRECT,) if case == label else (),
            )
            for case in CASES
        ),
        split=split,
    )


SCENARIO = Scenario(
    name="legal_support",
    version=1,
    description="Choose the case that supports a legal claim more",
    task="reverse entailment",
    what="opinions of courts and summaries of the cases they cite",
    who="judges",
    when="?",
    language="English",
    source="https://docs.google.com/uc?export=download&id=1PVoyddrCHChMxYrLhsI-zu7Xzs5S8N77",
    licence="see the source",
    prompt=PromptFormat(
        method="multiple_choice_joint",
        instructions="Which statement best supports the passage?",
        input_prefix="Passage: ",
        output_prefix="Answer: ",
        max_train_instances=3,
        max_tokens=1,
    ),
    main_metric="quasi_exact_match",
    eval_splits=("test",),
    load=_load,
    is_offline=False,
    category="reasoning",
    unmeasured=("bias", "toxicity"),
    official=Official(
        files=(
            SourceFile(
                url="https://docs.google.com/uc?export=download&id=1PVoyddrCHChMxYrLhsI-zu7Xzs5S8N77",
                name=ARCHIVE,
            ),
        ),
        parse=_parse,
    ),
)

"""BLiMP: minimal pairs of sentences (arXiv 1912.00582), prompted as in arXiv 2211.09110.

All 67 paradigms are read, with the phenomena that the source names as groups; the official runs of
arXiv 2211.09110 are those of binding, irregular forms, island effects and quantifiers.
"""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path, PurePosixPath

from longwave.errors import DataError
from longwave.scenarios.base import CORRECT, Instance, Official, PromptFormat, Reference, Scenario, SourceFile
from longwave.scenarios.reading import SourceRow, list_zip_members, parse_jsonl, read_zip_member
from longwave.scenarios.rows import read_sample

__all__ = ["SCENARIO"]

ARCHIVE = "BLiMP.zip"
FOLDER, ENDING = "data/", ".jsonl"  # of a paradigm in the archive


def _load() -> list[Instance]:
    """Read the pairs; the files list the acceptable sentence first, so each pair is shuffled by its id."""
    return [_shuffle(instance) for instance in read_sample("blimp", group_by="phenomenon")]


def _shuffle(instance: Instance) -> Instance:
    order = random.Random(instance.id).sample(instance.references, len(instance.references))
    return replace(instance, references=tuple(order))


def _parse(folder: Path) -> list[Instance]:
    path = folder / ARCHIVE
    members = [name for name in list_zip_members(path) if name.startswith(FOLDER) and name.endswith(ENDING)]
    if not members:
        raise DataError(f'"{path}" holds no paradigms under "{FOLDER}". Delete it to fetch it again.')
    return [
        _shuffle(_pair(row, PurePosixPath(member).name.removesuffix(ENDING), index))
        for member in members
        for index, row in enumerate(parse_jsonl(read_zip_member(path, member), f'"{member}" in "{path}"'))
    ]


def _pair(row: SourceRow, paradigm: str, index: int) -> Instance:
    phenomenon = row.text("linguistics_term")
    return Instance(
        id=f"blimp-test-{paradigm}-{index:04d}",
        input="",
        references=(
            Reference(text=row.text("sentence_good"), tags=(CORRECT,)),
            Reference(text=row.text("sentence_bad")),
        ),
        split="test",
        group=phenomenon,
        extra={"paradigm": paradigm, "phenomenon": phenomenon, "field": row.text("field")},
    )


SCENARIO = Scenario(
    name="blimp",
    version=1,
    description="Choose the acceptable one of two sentences that differ in one point of grammar",
    task="grammaticality",
    what="constructed minimal pairs of sentences",
    who="linguists",
    when="2019",
    language="English",
    source="https://github.com/alexwarstadt/blimp",
    licence="CC BY 4.0",
    prompt=PromptFormat(
        method="multiple_choice_separate",
        input_prefix="",
        input_suffix="",
        output_prefix="",
        output_suffix="",
        max_train_instances=0,
        max_tokens=0,
    ),
    main_metric="exact_match",
    eval_splits=("test",),
    load=_load,
    category="language",
    official=Official(
        files=(SourceFile(url="https://github.com/alexwarstadt/blimp/raw/master/BLiMP.zip", name=ARCHIVE),),
        parse=_parse,
    ),
)

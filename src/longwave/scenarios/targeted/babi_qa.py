"""bAbI: twenty small tasks of reasoning over a story (arXiv 1502.05698), prompted as in arXiv 2211.09110."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, cast

from longwave.errors import DataError
from longwave.scenarios.base import CORRECT, Instance, Official, PromptFormat, Reference, Scenario, SourceFile
from longwave.scenarios.official import load_official
from longwave.scenarios.reading import SourceRow, read_tar_members

__all__ = ["SCENARIO"]

ARCHIVE = "tasks_1-20_v1-2.tar.gz"
MEMBER = re.compile(r"/en-valid/qa(\d+)_(train|valid|test)\.txt$")
SPLITS = ("train", "valid", "test")
PATH_TASK = 19  # answers "s,w": south, then west
DIRECTIONS = {"n": "north", "e": "east", "s": "south", "w": "west"}


def _load() -> list[Instance]:
    return load_official(SCENARIO)


def _parse(folder: Path) -> list[Instance]:
    """Read the tasks in turn, each split by split."""
    found: dict[tuple[int, str], list[Instance]] = {}
    for member, data in read_tar_members(folder / ARCHIVE, lambda name: MEMBER.search(name) is not None):
        task, split = MEMBER.findall(member)[0]
        place = f'"{member}" in "{folder / ARCHIVE}"'
        found[int(task), split] = list(_questions(data, place, int(task), split))
    if not found:
        raise DataError(f'"{folder / ARCHIVE}" holds no tasks under "en-valid". Delete it to fetch it again.')
    return [instance for key in sorted(found, key=_order) for instance in found[key]]


def _order(key: tuple[int, str]) -> tuple[int, int]:
    return key[0], SPLITS.index(key[1])


def _questions(data: bytes, place: str, task: int, split: str) -> Iterator[Instance]:
    """Yield the questions of a file, each with what its story told before, other questions left out."""
    story: list[str] = []
    asked = 0
    for number, line in enumerate(data.decode("utf-8", errors="replace").splitlines(), 1):
        row = SourceRow(f"{place}, line {number}", {})
        index, _, text = line.partition(" ")
        if not index.isdigit():
            raise row.error(f'it starts with "{index}"; accepted is the number of a line of a story')
        if index == "1":
            story = []
        if "\t" not in text:
            story.append(text + "\n")
            continue
        question, answer = (cell.strip() for cell in text.split("\t")[:2])
        yield Instance(
            id=f"babi_qa-{split}-qa{task}-{asked:04d}",
            input=f"{''.join(story)}Question: {question}",
            references=(Reference(text=_spell(row, task, answer), tags=(CORRECT,)),),
            split=cast(Literal["train", "valid", "test"], split),
            group=f"qa{task}",
            extra={"task": task},
        )
        asked += 1


def _spell(row: SourceRow, task: int, answer: str) -> str:
    """Write the steps of a path as words; other answers are words already."""
    if task != PATH_TASK:
        return answer
    steps = answer.split(",")
    wrong = next((step for step in steps if step not in DIRECTIONS), None)
    if wrong is not None:
        raise row.error(f'a step of the path is "{wrong}"; accepted are {", ".join(DIRECTIONS)}')
    return " ".join(DIRECTIONS[step] for step in steps)


SCENARIO = Scenario(
    name="babi_qa",
    version=1,
    description="Answer a question about a story of simple sentences, in twenty tasks of reasoning",
    task="question answering",
    what="reasoning over stories made by a simulation",
    who="n/a",
    when="2015",
    language="English",
    source="https://huggingface.co/datasets/facebook/babi_qa",
    licence="CC BY 3.0",
    prompt=PromptFormat(
        method="generation",
        input_prefix="Passage: ",
        output_prefix="Answer: ",
        max_tokens=5,
        stop=("\n",),
    ),
    main_metric="quasi_exact_match",
    eval_splits=("test",),
    load=_load,
    is_offline=False,
    category="reasoning",
    official=Official(
        files=(
            SourceFile(
                url="https://huggingface.co/datasets/facebook/babi_qa/resolve/"
                f"35110b6921dd859e4440fa0f39481959f09abc2d/data/{ARCHIVE}",
                name=ARCHIVE,
                sha256="0364ebde659f14d11bc21744516c5ec49d3d06cb692733f66680771244998898",
            ),
        ),
        parse=_parse,
    ),
)

"""The official home of LegalBench's test rows, and of the prompts that may not travel with the package."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

from longwave.errors import DataError
from longwave.scenarios.base import Instance, Official, SourceFile
from longwave.scenarios.legal.instances import make_instance
from longwave.scenarios.legal.rows import LegalRow
from longwave.scenarios.legal.tasks import LegalTask
from longwave.scenarios.legal.templates import split_template
from longwave.scenarios.reading import read_csv, read_text

__all__ = ["BEFORE", "FETCHED", "official_home"]

# newest revision of the data set, and the state of the repository that the bundled prompts are from
DATA = (
    "https://huggingface.co/datasets/nguha/legalbench/resolve/daec8237410aa23e3faf4bc41ad8b3a7e1696826/data"
)
PROMPTS = (
    "https://raw.githubusercontent.com/HazyResearch/legalbench/ce482446b8eac4403b6db2c17223af4514bb24e3/tasks"
)
ROWS = "test.tsv"
FETCHED = ("base_prompt", "claude_prompt")  # every task has both
BEFORE = "before"  # key of Instance.extra: what a fetched template shows before the question

MakeInstance = Callable[[LegalRow], Instance]


def official_home(task: LegalTask, variant: str, make: MakeInstance) -> Official:
    """Return where a task's official test rows are, with its template where that is not bundled.

    Parameters
    ----------
    task : LegalTask
        Of 2023.
    variant : str
        Template to fetch, where the task's licence keeps it out of the package.
    make : callable
        From a row to an instance, for templates that are bundled.
    """
    folder = quote(task.name)
    files = [SourceFile(url=f"{DATA}/{folder}/{ROWS}", name=ROWS)]
    if task.is_redistributable:
        notice = f"LegalBench's {task.name} is under {task.licence}; its source is {task.source}."
        return Official(files=tuple(files), parse=partial(_parse, task, make), notice=notice)
    template = f"{variant}.txt"
    files.append(SourceFile(url=f"{PROMPTS}/{folder}/{template}", name=template))
    return Official(
        files=tuple(files),
        parse=partial(_parse_with_template, task, template),
        notice=f"LegalBench's {task.name} is under {task.licence}: its rows and prompts are for "
        f"NonCommercial use only. Its source is {task.source}.",
    )


def _parse(task: LegalTask, make: MakeInstance, folder: Path) -> list[Instance]:
    return [make(row) for row in _rows(task, folder)]


def _parse_with_template(task: LegalTask, template: str, folder: Path) -> list[Instance]:
    """Give every instance the demonstrations that stand before its question, which nothing else knows."""
    parts = split_template(read_text(folder / template))
    whole = f"{parts.prefix}{parts.query}{parts.suffix}{parts.cue}"
    return [make_instance(task, whole, row, more={BEFORE: parts.before}) for row in _rows(task, folder)]


def _rows(task: LegalTask, folder: Path) -> list[LegalRow]:
    found = []
    for number, row in enumerate(read_csv(folder / ROWS, delimiter="\t")):
        inputs = {name: str(value) for name, value in row.values.items() if name not in ("index", "answer")}
        missing = [name for name in task.fields if name not in inputs]
        if missing:
            raise row.error(f'the column "{missing[0]}" is missing; there are: {", ".join(inputs)}')
        found.append(
            LegalRow(
                id=f"{task.name}/official/{row.text('index') if 'index' in row else number}",
                task=task.name,
                split="test",
                release="2023",
                inputs=inputs,
                answer=row.text("answer"),
            )
        )
    if not found:
        raise DataError(f'"{folder / ROWS}" holds no rows. Delete it to fetch it again.')
    return found

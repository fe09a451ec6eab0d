"""A kit to contribute a task of legal reasoning: a folder to fill in, and a check of what was filled in.

The folder holds ``README.md`` with LegalBench's fields in their order, ``scenario.yaml`` with the prompt and
``rows.jsonl`` with the rows; it can be evaluated as it is, ``longwave evaluate --scenario
FOLDER/scenario.yaml``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from longwave.errors import ConfigError, LongwaveError, MissingFile, StorageError, UnknownName
from longwave.scenarios.base import Instance, Scenario
from longwave.scenarios.files import load_scenario_file
from longwave.scenarios.legal.tasks import IRAC, Irac
from longwave.scenarios.reading import read_text

__all__ = ["LICENCES", "check_legal_folder", "new_legal_folder"]

README, DESCRIPTION, ROWS = "README.md", "scenario.yaml", "rows.jsonl"
UNWRITTEN = "(to be written)"
LEAST_TEST, LEAST_TRAIN, MOST_TRAIN = 50, 2, 5
LICENCES = (
    "Apache-2.0",
    "CC-BY-4.0",
    "CC-BY-NC-4.0",
    "CC-BY-NC-SA-4.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "MIT",
)
# LegalBench's words for the classes, as its READMEs write them
TYPES: dict[Irac, str] = {
    "issue": "Issue-spotting",
    "rule": "Rule-recall",
    "application": "Rule-application",
    "conclusion": "Rule-conclusion",
    "interpretation": "Interpretation",
    "rhetorical": "Rhetorical-understanding",
}
FIELDS = ("Source", "License", "Size (samples)", "Legal reasoning type", "Task type")
SECTIONS = ("Task description", "Dataset construction", "Data column names")
NAME = re.compile(r"[a-z][a-z0-9_-]*")


def new_legal_folder(
    name: str, parent: Path, *, irac: Irac = "interpretation", licence: str = "CC-BY-4.0"
) -> Path:
    """Make the folder of a new task, with everything to fill in and three example rows.

    Parameters
    ----------
    name : str
        Letters a to z, digits, hyphens and underscores; it becomes the folder's name.
    parent : Path
    irac : str
        Class of reasoning.
    licence : str
        One of `LICENCES`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    ConfigError
        If the name is unfit or the folder exists.
    UnknownName
        If class or licence are unknown.
    StorageError
        If it cannot be written.
    """
    if not NAME.fullmatch(name):
        raise ConfigError(
            f'A task cannot be called "{name}". Use small letters, digits, hyphens and underscores, '
            "a letter first."
        )
    if irac not in IRAC:
        raise UnknownName("class of reasoning", irac, IRAC)
    if licence not in LICENCES:
        raise UnknownName("licence", licence, LICENCES)
    folder = parent / name
    if folder.exists():
        raise ConfigError(f'"{folder}" exists. Choose another name, or fill in what is there.')
    texts = {
        README: _readme(name, irac, licence),
        DESCRIPTION: _description(name, irac, licence),
        ROWS: _rows(),
    }
    try:
        folder.mkdir(parents=True)
        for file, text in texts.items():
            (folder / file).write_text(text, "utf-8")
    except OSError as error:
        raise StorageError(f'"{folder}" could not be written: {error}. Choose another place.') from error
    return folder


def check_legal_folder(folder: Path) -> list[str]:
    """Say what keeps the folder of a task from being ready; nothing when it is.

    Raises
    ------
    MissingFile
        If there is no such folder.

    Notes
    -----
    Asked for: at least 50 test rows and 2 to 5 train rows, a class of reasoning, a licence that is known and
    the same in both files, every field and section of the README, the size as there are rows, each extra
    column explained, one right answer a row from one set of labels, and no question twice, in train and test
    least of all.
    """
    if not folder.is_dir():
        raise MissingFile(f'There is no folder "{folder}". Make one with longwave legal new-task.')
    try:
        scenario = load_scenario_file(folder / DESCRIPTION)
        rows = scenario.load()
    except LongwaveError as error:  # what cannot be read cannot be checked further
        return [str(error)]
    readme = folder / README
    if not readme.is_file():
        return [f'There is no "{readme}". Copy the one that longwave legal new-task writes.']
    try:
        text = read_text(readme)
    except LongwaveError as error:
        return [str(error)]
    return [*_check_readme(text, scenario, rows), *_check_scenario(scenario), *_check_rows(rows)]


def _check_readme(text: str, scenario: Scenario, rows: Sequence[Instance]) -> Iterator[str]:
    fields = {name: _field(text, name) for name in FIELDS}
    for name, value in fields.items():
        if value is None or value in ("", UNWRITTEN):
            yield f'{README}: the field "{name}" is not filled in. Write **{name}**: and its value on a line.'
    for name in SECTIONS:
        body = re.search(rf"^## {re.escape(name)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        if body is None or body[1].strip() in ("", UNWRITTEN):
            yield f'{README}: the section "{name}" is empty. Write it below a line "## {name}".'
    licence = fields["License"]
    if licence and licence not in LICENCES:
        yield f'{README}: the licence is "{licence}"; accepted are {", ".join(LICENCES)}.'
    elif licence and licence != scenario.licence:
        yield f'{README} says "{licence}" and {DESCRIPTION} "{scenario.licence}"; write one licence in both.'
    size = fields["Size (samples)"]
    if size and size != str(len(rows)):
        yield f'{README}: the size is "{size}", but {ROWS} holds {len(rows)} rows. Write {len(rows)}.'
    kind = fields["Legal reasoning type"]
    if kind and kind not in TYPES.values():
        yield f'{README}: the legal reasoning type is "{kind}"; accepted are {", ".join(TYPES.values())}.'
    for name in sorted({name for row in rows for name in row.extra}):
        if f"`{name}`" not in text:
            yield f'{README}: the column "{name}" is not explained. Add it below "## {SECTIONS[-1]}".'


def _check_scenario(scenario: Scenario) -> Iterator[str]:
    for name, value in (("description", scenario.description), ("source", scenario.source)):
        if value == UNWRITTEN:
            yield f'{DESCRIPTION}: "{name}" is not filled in.'
    if UNWRITTEN in scenario.prompt.instructions:
        yield f'{DESCRIPTION}: "prompt.instructions" is not filled in. Write the rule and the question.'
    kinds = [f"legal reasoning: {name}" for name in IRAC]
    if scenario.task not in kinds:
        yield f'{DESCRIPTION}: "task" is "{scenario.task}"; accepted are {", ".join(kinds)}.'


def _check_rows(rows: Sequence[Instance]) -> Iterator[str]:
    splits = Counter(row.split for row in rows)
    if splits["test"] < LEAST_TEST:
        yield f"{ROWS}: there are {splits['test']} test rows; {LEAST_TEST} or more are asked for."
    if not LEAST_TRAIN <= splits["train"] <= MOST_TRAIN:
        yield f"{ROWS}: there are {splits['train']} train rows; {LEAST_TRAIN} to {MOST_TRAIN} are asked for."
    if splits["valid"]:
        yield f'{ROWS}: {splits["valid"]} rows are in the split "valid"; accepted are train and test.'
    first: dict[str, Instance] = {}
    for row in rows:
        if not row.input.strip():
            yield f'{ROWS}: the row "{row.id}" has no input.'
        elif row.input in first:
            other = first[row.input]
            where = "" if other.split == row.split else f" in the split {other.split}"
            yield f'{ROWS}: the row "{row.id}" asks what "{other.id}" asks{where}. Leave one out.'
        first.setdefault(row.input, row)
    yield from _check_answers(rows)


def _check_answers(rows: Sequence[Instance]) -> Iterator[str]:
    choices = [row for row in rows if len(row.references) > 1]
    labels = Counter(frozenset(reference.text for reference in row.references) for row in choices)
    space = labels.most_common(1)[0][0] if labels else frozenset()
    for row in rows:
        right = sum(reference.is_correct for reference in row.references)
        if row.label is None or not row.label.strip():
            yield f'{ROWS}: the row "{row.id}" has no right answer. Give one reference the tag "correct".'
        elif len(row.references) > 1 and right != 1:
            yield f'{ROWS}: the row "{row.id}" has {right} right answers among its options; 1 is asked for.'
        elif space and {reference.text for reference in row.references} != space:
            shown = ", ".join(sorted(space))
            yield f'{ROWS}: the row "{row.id}" has other labels than most rows, which have {shown}.'


def _field(text: str, name: str) -> str | None:
    found = re.search(rf"^\*\*{re.escape(name)}\*\*:[ \t]*(.*?)[ \t]*$", text, re.MULTILINE)
    return None if found is None else found[1]


def _readme(name: str, irac: Irac, licence: str) -> str:
    values = {"Source": UNWRITTEN, "License": licence, "Size (samples)": "3"}
    values |= {"Legal reasoning type": TYPES[irac], "Task type": "Binary classification"}
    lines = [f"# {name}", f"### {UNWRITTEN}", "---"]
    lines += [f"**{field}**: {value}" for field, value in values.items()]
    for section in SECTIONS[:2]:
        lines += [f"## {section}", UNWRITTEN]
    columns = (
        "- `input`: what the model sees\n- `references`: the answers to choose from, the right one tagged"
    )
    return "\n\n".join([*lines, f"## {SECTIONS[2]}", columns]) + "\n"


def _description(name: str, irac: Irac, licence: str) -> str:
    return f"""\
name: {name}
version: 1  # raise it whenever the prompt, the rows or the metric change
description: {UNWRITTEN}
task: "legal reasoning: {irac}"
what: "?"
who: lawyers
when: "?"
language: English
source: {UNWRITTEN}
licence: {licence}
rows: {ROWS}
main_metric: legal_exact_match
eval_splits: [test]
prompt:
  method: generation
  instructions: "{UNWRITTEN}"
  input_prefix: "Q: "
  output_prefix: "A: "
  max_train_instances: {MOST_TRAIN}
  max_tokens: 20
  stop: ["\\n"]
"""


def _rows() -> str:
    examples = (
        ("train", "The clause lets either party assign the contract with written consent.", "Yes"),
        ("train", "The clause is silent about assignment.", "No"),
        ("test", "The clause forbids every assignment.", "Yes"),
    )
    return "".join(
        json.dumps(
            {
                "id": f"{split}-{number}",
                "split": split,
                "input": text,
                "references": [
                    {"text": label, "tags": ["correct"] if label == right else []} for label in ("Yes", "No")
                ],
            }
        )
        + "\n"
        for number, (split, text, right) in enumerate(examples)
    )

"""Write a contributed task as LegalBench keeps its tasks: README, prompt with demonstrations, and rows."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from longwave.errors import ConfigError, DataError, StorageError
from longwave.prompting.few_shot import choose_examples
from longwave.prompting.formats import build_generation_prompt
from longwave.scenarios.base import Instance, Scenario
from longwave.scenarios.files import load_scenario_file
from longwave.scenarios.legal import check_legal_folder, fill_templates

__all__ = ["export_legal_folder"]

QUESTION, GROUP = "text", "slice"  # what LegalBench calls a row's input and its group
_OWN = re.compile(r"^- `(?:input|references)`:.*\n?", re.MULTILINE)
_COLUMNS = f"""\
- `index`: number of the row
- `answer`: the right answer
- `{QUESTION}`: what the model sees
"""


def export_legal_folder(folder: Path, parent: Path) -> Path:
    """Write a task that is ready as a folder of LegalBench's form, named like the task.

    Parameters
    ----------
    folder : Path
        Of a task for which `longwave.scenarios.legal.check_legal_folder` has no complaint.
    parent : Path
        Where the new folder goes.

    Returns
    -------
    Path
        The new folder: ``README.md``, ``base_prompt.txt``, ``train.tsv`` and ``test.tsv``.

    Raises
    ------
    DataError
        If the task is not ready, or something of it has no place in LegalBench's form.
    ConfigError
        If the new folder exists.
    MissingFile
        If there is no such task.
    StorageError
        If it cannot be written.

    Notes
    -----
    The prompt is that of ``longwave evaluate`` in its first trial, with ``{{text}}`` where the input stands;
    filled with any test row it is the prompt that was evaluated, byte for byte. A row's group becomes the
    column ``slice``, its ``extra`` further columns.
    """
    complaints = check_legal_folder(folder)
    if complaints:
        raise DataError(
            f'"{folder}" is not ready, {len(complaints)} complaints; the first: {complaints[0]} '
            f"See all with: longwave legal check {folder}"
        )
    scenario = load_scenario_file(folder / "scenario.yaml")
    train, test = _split(scenario)
    texts = {
        "README.md": _readme((folder / "README.md").read_text("utf-8")),
        "base_prompt.txt": _template(scenario, train, test),
        "train.tsv": _table(train),
        "test.tsv": _table(test),
    }
    target = parent / scenario.name
    if target.exists():
        raise ConfigError(f'"{target}" exists. Choose another place with --to, or remove it.')
    try:
        target.mkdir(parents=True)
        for name, text in texts.items():
            (target / name).write_text(text, "utf-8", newline="\n")
    except OSError as error:
        raise StorageError(f'"{target}" could not be written: {error}. Choose another place.') from error
    return target


def _split(scenario: Scenario) -> tuple[list[Instance], list[Instance]]:
    rows = scenario.load()
    return [row for row in rows if row.split == "train"], [row for row in rows if row.split == "test"]


def _template(scenario: Scenario, train: Sequence[Instance], test: Sequence[Instance]) -> str:
    """Write the prompt with slots, and make sure that filled it is what is evaluated."""
    prompt = scenario.prompt
    if prompt.method != "generation" or prompt.examples_by is not None:
        raise DataError(
            f'The prompt of "{scenario.key}" has the method {prompt.method} and chooses examples by '
            f"{prompt.examples_by or 'nothing'}; LegalBench's prompts are of the method generation and show "
            "all rows the same examples. Change prompt in scenario.yaml."
        )
    examples = choose_examples(train, prompt.max_train_instances)
    slots = {name: f"{{{{{name}}}}}" for name in _columns(test)}
    asked = replace(test[0], input=slots[QUESTION], extra=slots)
    template = build_generation_prompt(prompt, asked, examples)
    filled = fill_templates(template, [_values(row) for row in test])
    for row, text in zip(test, filled, strict=True):
        if text != build_generation_prompt(prompt, row, examples):
            raise DataError(
                f'The prompt of the row "{row.id}" cannot be written as a template with slots. Leave '
                "doubled braces out of instructions, inputs and extra."
            )
    return template


def _table(rows: Sequence[Instance]) -> str:
    """Write rows separated by tabs: number, answer, columns; what holds tabs or lines is quoted."""
    columns = _columns(rows)
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(["index", "answer", *columns])
    for number, row in enumerate(rows):
        values = _values(row)
        cells = [row.label or "", *(values.get(name, "") for name in columns)]
        if any("\r" in cell or "\0" in cell for cell in cells):
            raise DataError(
                f'The row "{row.id}" holds a carriage return or a null character, which tables do not keep. '
                "Write line feeds alone."
            )
        writer.writerow([str(number), *cells])
    return text.getvalue()


def _columns(rows: Sequence[Instance]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in _values(row)))


def _values(row: Instance) -> dict[str, str]:
    """Return the columns of a row, beside its number and its answer."""
    own = {QUESTION: row.input} | ({GROUP: row.group} if row.group is not None else {})
    clash = next((name for name in row.extra if name in ("index", "answer", *own)), None)
    if clash is not None:
        raise DataError(
            f'The row "{row.id}" has an extra column "{clash}", which LegalBench\'s form uses itself. Give '
            "it another name."
        )
    return own | {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in row.extra.items()
    }


def _readme(text: str) -> str:
    """Name the columns of the tables instead of those of the kit's rows."""
    head, title, columns = text.partition("## Data column names\n")
    return f"{head}{title}\n{_COLUMNS}{_OWN.sub('', columns).lstrip()}"

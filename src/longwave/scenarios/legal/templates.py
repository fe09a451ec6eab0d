"""Prompt templates of LegalBench: read them, fill them byte for byte, and take them apart.

A template of 2023 is plain text: an optional instruction, demonstrations that are already filled in, then the
question with ``{{column}}`` slots and an answer cue at the very end. One of 2022 is a description in YAML, of
which the text is built with the train rows; see `build_seed_template`.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import yaml

from longwave.errors import DataError, UnknownName
from longwave.samples import sample_path
from longwave.scenarios.legal.rows import LegalRow

__all__ = [
    "TemplateParts",
    "build_seed_template",
    "fill_template",
    "fill_templates",
    "list_templates",
    "read_template",
    "slots_of",
    "split_template",
]

SLOT = re.compile(r"\{\{(.+?)\}\}")
Release = Literal["2023", "2022-seed"]


@dataclass(frozen=True, kw_only=True)
class TemplateParts:
    """A template around its slots; joined, with ``query`` filled, they are the prompt.

    Parameters
    ----------
    before : str
        Whole lines before the question: instruction and demonstrations.
    prefix : str
        Start of the line of the first slot, such as ``Q: ``.
    query : str
        From the first slot to the last one.
    suffix : str
        What follows up to the last line end.
    cue : str
        The last line, such as ``A:``.
    """

    before: str
    prefix: str
    query: str
    suffix: str
    cue: str


def list_templates(task: str, *, release: Release = "2023") -> list[str]:
    """List the bundled templates of a task by name: ``base_prompt`` and its variants; none of NC tasks.

    Those of 2022 are ``base`` and, for ten tasks, ``guided`` with worked explanations; diversity_6 has
    ``guided-low``, ``guided-medium`` and ``guided-high`` beside it.

    Examples
    --------
    >>> list_templates("hearsay", release="2022-seed")
    ['base', 'guided']
    """
    return sorted(_prompts(release).get(task, {}))


def read_template(task: str, name: str = "base_prompt", *, release: Release = "2023") -> str:
    """Return a template as it was published; of 2022 the description in YAML.

    Raises
    ------
    UnknownName
        If the task has no such template, or none may travel; the message lists those it has.
    """
    known = _prompts(release).get(task, {})
    if name not in known:
        raise UnknownName(f'template of "{task}"', name, known)
    return known[name]


def read_explanations(task: str, name: str) -> list[str]:
    """Return the worked explanations of 2022, one a train row, that a guided prompt shows for labels."""
    text = _files("2022-seed").get((task, name))
    if text is None:
        raise DataError(f'"{task}" of 2022 has no explanations "{name}". Use the prompt "base".')
    return [line for line in text.split("\n") if line.strip()]


def slots_of(template: str) -> list[str]:
    """Return the columns that a template shows, in order.

    Examples
    --------
    >>> slots_of("{{contract}} Question: {{question}}")
    ['contract', 'question']
    """
    return list(dict.fromkeys(SLOT.findall(template)))


def fill_template(template: str, values: Mapping[str, str]) -> str:
    r"""Write a row's values into the slots of a template.

    Raises
    ------
    DataError
        If the template has no slot, or the row lacks a column that it shows.

    Notes
    -----
    All slots are filled at once. The released code fills one column after the other, so that a value that
    itself holds a slot would be filled as well.

    Examples
    --------
    >>> fill_template("Q: {{text}} Is there hearsay?\nA:", {"text": "A nod."})
    'Q: A nod. Is there hearsay?\nA:'
    """
    if not SLOT.search(template):
        raise DataError(
            "The template has no slot, so every row would give the same prompt. Write for example {{text}} "
            "where the column text belongs."
        )
    missing = [slot for slot in slots_of(template) if slot not in values]
    if missing:
        raise DataError(
            f'The template shows the column "{missing[0]}", but the row has: {", ".join(values) or "none"}. '
            "Rename the slot or add the column."
        )
    return SLOT.sub(lambda found: str(values[found[1]]), template)


def fill_templates(template: str, rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Fill a template for every row, as the released code does: two rows may not give the same prompt.

    Raises
    ------
    DataError
        As `fill_template`, and if two prompts are equal.
    """
    prompts = [fill_template(template, row) for row in rows]
    first: dict[str, int] = {}
    for number, prompt in enumerate(prompts):
        if prompt in first:
            raise DataError(
                f"The rows {first[prompt]} and {number} give the same prompt. Leave repeated rows out, or "
                "show a column that tells them apart."
            )
        first[prompt] = number
    return prompts


def split_template(template: str) -> TemplateParts:
    r"""Take a template apart around its slots.

    Raises
    ------
    DataError
        If it has no slot.

    Examples
    --------
    >>> split_template("Rule.\n\nQ: {{text}} Yes?\nA:").cue
    'A:'
    """
    found = list(SLOT.finditer(template))
    if not found:
        raise DataError("The template has no slot. Write for example {{text}} where the column text belongs.")
    start, end = found[0].start(), found[-1].end()
    line, last = template.rfind("\n", 0, start) + 1, template.rfind("\n", end) + 1
    last = max(last, end)
    if template != template.rstrip():  # a cue is written without the blanks after it: keep them before it
        last = len(template)
    return TemplateParts(
        before=template[:line],
        prefix=template[line:start],
        query=template[start:end],
        suffix=template[end:last],
        cue=template[last:],
    )


def build_seed_template(task: str, train: Sequence[LegalRow], name: str = "base") -> str:
    """Build the prompt of a task of 2022 with a ``{{text}}`` slot for the question.

    Parameters
    ----------
    task : str
    train : sequence of LegalRow
        The demonstrations, in the order of the train file.
    name : str
        ``base``, or ``guided`` and its levels of detail: explanations stand where labels would.

    Raises
    ------
    UnknownName
        If the task has no such prompt.
    DataError
        If there is not one explanation for each train row.

    Notes
    -----
    Introduction, a blank line, then for each train row ``prefix + text + suffix`` and on the next line
    ``label_prefix + label``, a blank line after each, then the question and the prefix without the blank at
    its end. The repository held no code that joins the parts; blank lines between them are those of the
    templates of 2023, which are the same byte for byte where the train rows are (abercrombie, hearsay, proa).
    """
    base, _, level = name.partition("-")
    described = yaml.safe_load(read_template(task, base, release="2022-seed"))
    prefix, suffix = described["sample_prefix"] or "", described["sample_suffix"] or ""
    labels = [row.answer for row in train]
    if described["labels"] != "default":
        file = f"train_explanations_{level}.txt" if level else described["labels"]
        labels = read_explanations(task, file)
    if len(labels) != len(train):
        raise DataError(
            f'"{task}" of 2022 has {len(labels)} explanations for {len(train)} train rows; there must be one '
            "for each. Give all of its train rows, in order, or use the prompt base."
        )
    shown = [
        f"{prefix}{row.inputs['text']}{suffix}\n{described['label_prefix']}{label}"
        for row, label in zip(train, labels, strict=True)
    ]
    question = f"{prefix}{{{{text}}}}{suffix}\n{described['label_prefix'].rstrip()}"
    return "\n\n".join(
        [*([described["introduction"]] if described["introduction"] else []), *shown, question]
    )


@cache
def _files(release: Release) -> dict[tuple[str, str], str]:
    with gzip.open(sample_path("legalbench/prompts.jsonl.gz"), "rt", encoding="utf-8", newline="\n") as file:
        rows = [json.loads(line) for line in file]
    return {(row["task"], row["file"]): row["text"] for row in rows if row["release"] == release}


@cache
def _prompts(release: Release) -> dict[str, dict[str, str]]:
    """Templates by task and name; explanations are none, and neither is a file that shows no column."""
    found: dict[str, dict[str, str]] = {}
    for (task, file), text in _files(release).items():
        if release == "2022-seed":
            if file.endswith(".yaml"):
                kind = file.removesuffix(".yaml").removeprefix(f"{task}_")
                found.setdefault(task, {})[kind] = text
            elif file.startswith("train_explanations_"):
                level = file.removesuffix(".txt").removeprefix("train_explanations_")
                guided = _files(release)[task, f"{task}_guided.yaml"]
                found.setdefault(task, {})[f"guided-{level}"] = guided
        elif SLOT.search(text):
            found.setdefault(task, {})[file.removesuffix(".txt")] = text
    return found

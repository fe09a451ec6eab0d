"""Entity matching: do two records describe the same thing? Prompted as in arXiv 2211.09110.

Records are those of DeepMatcher (doi 10.1145/3183713.3196926): beers, products of two shops, and songs with
values in the wrong columns. Where we differ from the published code: of the pairs for training that do not
match, as many as match are kept, in the order of the source, and by our own draw.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from longwave.scenarios.base import CORRECT, Instance, Official, PromptFormat, Reference, Scenario, SourceFile
from longwave.scenarios.reading import SourceRow, list_zip_members, parse_csv, read_zip_member
from longwave.scenarios.rows import read_sample
from longwave.scenarios.targeted.archive_members import find_member
from longwave.scenarios.targeted.records import write_record

__all__ = ["SCENARIO"]

HOME = "https://pages.cs.wisc.edu/~anhai/data1/deepmatcher_data/"
ARCHIVES = {
    "Beer": ("Structured/Beer", "beer_exp_data.zip"),
    "Abt_Buy": ("Textual/Abt-Buy", "abt_buy_exp_data.zip"),
    "Dirty_iTunes_Amazon": ("Dirty/iTunes-Amazon", "dirty_itunes_amazon_exp_data.zip"),
}
SPLITS: tuple[Literal["train", "valid", "test"], ...] = ("train", "valid", "test")
QUESTION = " Are A and B the same?"
ANSWERS = ("No", "Yes")


def _load() -> list[Instance]:
    """Read the sample, whose inputs stop before the question."""
    return [
        replace(instance, input=instance.input + QUESTION)
        for instance in read_sample("entity_matching", group_by="dataset")
    ]


def _parse(folder: Path) -> list[Instance]:
    return [
        instance
        for dataset, (_, archive) in ARCHIVES.items()
        for split in SPLITS
        for instance in _pairs(folder / archive, dataset, split)
    ]


def _pairs(path: Path, dataset: str, split: Literal["train", "valid", "test"]) -> list[Instance]:
    left, right = (_records(path, f"table{side}.csv") for side in "AB")
    found = []
    for number, row in enumerate(_rows(path, f"{split}.csv")):
        answer = row.choice("label", ANSWERS)
        a, b = _record(row, "ltable_id", left), _record(row, "rtable_id", right)
        found.append(
            Instance(
                id=f"entity_matching-{split}-{dataset}-{number:05d}",
                input=f"Product A is {a}. Product B is {b}.{QUESTION}",
                references=tuple(
                    Reference(text=text, tags=(CORRECT,) if text == answer else ()) for text in ("Yes", "No")
                ),
                split=split,
                group=dataset,
                extra={"dataset": dataset},
            )
        )
    return _balance(found, dataset) if split == "train" else found


def _balance(pairs: list[Instance], dataset: str) -> list[Instance]:
    """Keep as many pairs of each answer, so that neither comes first among the examples for its frequency."""
    by_answer = [[pair for pair in pairs if pair.label == answer] for answer in ANSWERS]
    size = min(map(len, by_answer))
    rng = random.Random(dataset)
    kept = {pair.id for group in by_answer for pair in rng.sample(group, size)}
    return [pair for pair in pairs if pair.id in kept]


def _records(path: Path, table: str) -> dict[str, str]:
    """Write the records of a table by their ids."""
    return {
        row.text("id"): write_record({name: row.text(name) for name in row.values if name != "id"})
        for row in _rows(path, table)
    }


def _record(row: SourceRow, name: str, records: dict[str, str]) -> str:
    key = row.text(name)
    if key not in records:
        raise row.error(f'"{name}" is "{key}", which no record has')
    return records[key]


def _rows(path: Path, name: str) -> Iterator[SourceRow]:
    member = find_member(path, list_zip_members(path), name)
    return parse_csv(read_zip_member(path, member), f'"{member}" in "{path}"')


SCENARIO = Scenario(
    name="entity_matching",
    version=1,
    description="Tell whether two records describe the same product",
    task="entity matching",
    what="beers, songs and products of online shops",
    who="online shops and their users",
    when="before 2018",
    language="English",
    source="https://github.com/anhaidgroup/deepmatcher",
    licence="Apache-2.0 (bundled rows, from megagonlabs/ditto); else see the source",
    prompt=PromptFormat(
        method="generation",
        instructions="Are Product A and Product B the same? Yes or No?",
        input_prefix="",
        output_prefix="Answer: ",
        max_tokens=5,
        stop=("\n",),
        examples_by="dataset",
    ),
    main_metric="quasi_exact_match",
    eval_splits=("test",),
    load=_load,
    category="reasoning",
    official=Official(
        files=tuple(
            SourceFile(url=f"{HOME}{folder}/{archive}", name=archive) for folder, archive in ARCHIVES.values()
        ),
        parse=_parse,
    ),
)

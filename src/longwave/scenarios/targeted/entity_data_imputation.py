"""Data imputation: give the missing value of a record, prompted as in arXiv 2211.09110.

Two tables: restaurants of two guides, whose city is missing, and products of a shop, whose maker is. Rows are
drawn for testing (10 %), for validation (20 % of the rest) and training as in the published code, with the
generator that it uses. The bundled rows are restaurants only, and others than HELM's.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from longwave.errors import DataError
from longwave.scenarios.base import CORRECT, Instance, Official, PromptFormat, Reference, Scenario, SourceFile
from longwave.scenarios.reading import (
    list_tar_members,
    list_zip_members,
    parse_csv,
    read_tar_member,
    read_zip_member,
)
from longwave.scenarios.rows import read_sample
from longwave.scenarios.targeted.archive_members import find_member
from longwave.scenarios.targeted.records import write_record

__all__ = ["SCENARIO"]

BUY, RESTAURANT = "Abt-Buy.zip", "restaurant.tar.gz"
SEED = 1234  # of the published splits
TEST_SHARE, VALID_SHARE = 0.1, 0.2

Split = Literal["train", "valid", "test"]
Record = Mapping[str, str]


def _load() -> list[Instance]:
    """Read the sample without its column of row numbers, which the published prompts do not show."""
    found = []
    for instance in read_sample("entity_data_imputation", group_by="dataset"):
        record = instance.extra["record"]
        number = record["class"] if isinstance(record, dict) else ""
        found.append(replace(instance, input=instance.input.replace(f" class: {number}.", "")))
    return found


def _parse(folder: Path) -> list[Instance]:
    return [
        *_impute("Buy", "manufacturer", _products(folder / BUY)),
        *_impute("Restaurant", "city", _restaurants(folder / RESTAURANT)),
    ]


def _products(path: Path) -> list[Record]:
    """Read the products that have a description."""
    member = find_member(path, list_zip_members(path), "Buy.csv")
    rows = parse_csv(read_zip_member(path, member), f'"{member}" in "{path}"')
    columns = ("name", "description", "manufacturer", "price")
    records = [{name: row.text(name) for name in columns} for row in rows]
    return [record for record in records if record["description"]]


def _restaurants(path: Path) -> list[Record]:
    """Read the table in the attribute-relation form: names of columns, then lines of quoted cells."""
    member = find_member(path, list_tar_members(path), "fz.arff")
    columns: list[str] = []
    records: list[Record] = []
    is_data = False
    for number, line in enumerate(read_tar_member(path, member).decode("utf-8", "replace").splitlines(), 1):
        words = line.split(maxsplit=2)
        if is_data and words:
            cells = [cell.strip() for cell in next(csv.reader([line], skipinitialspace=True))]
            if len(cells) != len(columns):
                raise DataError(
                    f'"{member}" in "{path}", line {number} has {len(cells)} cells; accepted are '
                    f"{len(columns)} ({', '.join(columns)}). Delete the archive to fetch it again."
                )
            records.append({name: cell for name, cell in zip(columns, cells, strict=True) if name != "class"})
        elif words and words[0].lower() == "@attribute" and len(words) > 1:
            columns.append(words[1])
        elif words and words[0].lower() == "@data":
            is_data = True
    if "city" not in columns:
        raise DataError(
            f'"{member}" in "{path}" has no column "city"; there are: {", ".join(columns) or "none"}. Delete '
            "the archive to fetch it again."
        )
    return [record for record in records if all(record.values())]


def _impute(dataset: str, missing: str, records: Sequence[Record]) -> list[Instance]:
    found = []
    for split, places in _split(len(records)).items():
        for place in places:
            record = dict(records[place])
            answer = record.pop(missing)
            if answer:
                found.append(_instance(dataset, missing, split, place, record, answer))
    return found


def _instance(dataset: str, missing: str, split: Split, place: int, record: Record, answer: str) -> Instance:
    return Instance(
        id=f"entity_data_imputation-{split}-{dataset}-{place:05d}",
        input=f"{write_record(record)}. {missing}?",
        references=(Reference(text=answer, tags=(CORRECT,)),),
        split=split,
        group=dataset,
        extra={"dataset": dataset, "missing": missing},
    )


def _split(n_rows: int) -> dict[Split, list[int]]:
    """Draw the rows of each split; test and validation stand in the order of the draw."""
    test = _draw(range(n_rows), TEST_SHARE)
    rest = [place for place in range(n_rows) if place not in set(test)]
    valid = _draw(rest, VALID_SHARE)
    return {"train": [place for place in rest if place not in set(valid)], "valid": valid, "test": test}


def _draw(places: Sequence[int], share: float) -> list[int]:
    # the published splits need numpy's old generator, seeded anew for each draw
    rng = np.random.RandomState(SEED)
    return [
        places[index] for index in rng.choice(len(places), size=round(share * len(places)), replace=False)
    ]


SCENARIO = Scenario(
    name="entity_data_imputation",
    version=1,
    description="Give the missing value of a record",
    task="data imputation",
    what="restaurants and products of an online shop",
    who="restaurant guides and an online shop",
    when="before 2010",
    language="English",
    source="https://dbs.uni-leipzig.de and https://www.cs.utexas.edu/users/ml/riddle",
    licence="Apache-2.0 (bundled rows, from megagonlabs/ditto); else see the source",
    prompt=PromptFormat(
        method="generation",
        instructions="What is the missing value?",
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
        files=(
            SourceFile(url="https://dbs.uni-leipzig.de/file/Abt-Buy.zip", name=BUY),
            SourceFile(
                url="https://www.cs.utexas.edu/users/ml/riddle/data/restaurant.tar.gz", name=RESTAURANT
            ),
        ),
        parse=_parse,
    ),
)

"""Write rows shard by shard, so that a killed run loses seconds and not hours."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import polars as pl

from longwave.evaluation.scoring import Answered, Row
from longwave.evaluation.selection import Selection
from longwave.predictions import (
    INSTANCES,
    REQUESTS,
    SCHEMA,
    SCORES,
    append_side,
    read_side,
    write_predictions,
)
from longwave.scenarios.base import CORRECT, Instance, Scenario

__all__ = ["TableWriter", "write_instances"]

FLUSH_S = 10.0
FLUSH_ROWS = 5000
CHUNK = 5000  # instances turned into columns at a time


class TableWriter:
    """Collects finished rows and writes them every few seconds.

    Parameters
    ----------
    folder : Path
        Nobody else writes these rows there, and none of them is there.
    run : str
        Column ``run`` of every row.

    Attributes
    ----------
    place : str
        Where the rows that come next stand in the plan: it sorts shards that several processes wrote.

    Notes
    -----
    Side rows are written before the rows they belong to: a row in the table says that all of it is there.
    """

    def __init__(self, folder: Path, *, run: str) -> None:
        self.folder = folder
        self.run = run
        self.place = ""
        self._rows: list[Row] = []
        self._scores: list[Row] = []
        self._requests: dict[str, Row] = {}
        self._written: set[str] = set()  # request hashes of this start
        self._last = time.monotonic()

    def add(self, answered: Iterable[Answered], requests: Iterable[Row]) -> None:
        """Take finished rows; write when it is time."""
        for item in answered:
            self._rows.append({**item.row, "run": self.run})
            self._scores += item.scores
        for request in requests:
            name = str(request["request_hash"])
            if name not in self._written:
                self._requests[name] = request
        if len(self._rows) >= FLUSH_ROWS or time.monotonic() - self._last >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Write what was collected.

        Raises
        ------
        StorageError
            If the disk is full or the folder cannot be written. The next start takes the missing rows from
            the request cache.
        """
        # forgotten before they are written: an interrupt in between must not write a row twice
        rows, self._rows = self._rows, []
        scores, self._scores = self._scores, []
        requests, self._requests = self._requests, {}
        frames = (_frame(list(requests.values()), REQUESTS), pl.DataFrame(scores, schema=SCORES))
        where = {"run": self.run, "place": self.place}
        append_side(self.folder, "requests", frames[0], **where)
        append_side(self.folder, "scores", frames[1], **where)
        write_predictions(self.folder, pl.DataFrame(rows, schema=SCHEMA), is_known_new=True, **where)
        self._written |= requests.keys()
        self._last = time.monotonic()


def write_instances(folder: Path, selections: Sequence[Selection], *, run: str = "") -> None:
    """Write the instances that the side table does not hold yet."""
    key = ["scenario", "instance", "perturbation"]
    known = read_side(folder, "instances").select(key)
    for selection in selections:
        for chunk in _chunks(selection):
            new = chunk.join(known, on=key, how="anti", nulls_equal=True, maintain_order="left")
            append_side(folder, "instances", new, run=run)


def _chunks(selection: Selection) -> Iterable[pl.DataFrame]:
    for start in range(0, len(selection.instances), CHUNK):
        part = selection.instances[start : start + CHUNK]
        yield _frame([_describe(selection.scenario, instance) for instance in part], INSTANCES)


def _describe(scenario: Scenario, instance: Instance) -> Row:
    references = instance.references
    is_scored = instance.split in scenario.eval_splits  # else its right answers are nobody's business
    tags = [[tag for tag in reference.tags if tag != CORRECT] for reference in references]
    return {
        "scenario": scenario.key,
        "instance": instance.id,
        "perturbation": instance.perturbation,
        "split": instance.split,
        "group": instance.group,
        "input": instance.input,
        "references": [reference.text for reference in references],
        "correct_references": [
            index for index, reference in enumerate(references) if is_scored and reference.is_correct
        ],
        "tags": tags if any(tags) else None,
        "extra": json.dumps(instance.extra, ensure_ascii=False) if instance.extra else None,
    }


def _frame(rows: Sequence[Row], schema: pl.Schema) -> pl.DataFrame:
    """Turn rows that have every column into a frame."""
    columns = {name: [row[name] for row in rows] for name in schema}
    lists = {
        name: _lists(cast("list[list[object]]", columns[name]), dtype.inner)
        for name, dtype in schema.items()
        if isinstance(dtype, pl.List) and isinstance(dtype.inner, pl.String | pl.Float64 | pl.Int32)
    }
    return pl.DataFrame({**columns, **lists}, schema=schema)


def _lists(values: Sequence[Sequence[object]], inner: pl.DataType) -> pl.Series:
    """Make a column of lists out of all their items at once: list by list takes 25 times as long."""
    items = pl.DataFrame(
        {
            "row": [row for row, value in enumerate(values) for _ in value],
            "item": [item for value in values for item in value],
        },
        schema={"row": pl.Int64, "item": inner},
    )
    filled = items.group_by("row", maintain_order=True).agg("item")
    rows = pl.DataFrame({"row": range(len(values))}, schema={"row": pl.Int64})
    return rows.join(filled, on="row", how="left", maintain_order="left")["item"].fill_null([])

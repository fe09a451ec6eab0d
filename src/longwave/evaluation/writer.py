"""Write rows shard by shard, so that a killed run loses seconds and not hours."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

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
from longwave.scenarios.base import CORRECT, Instance

__all__ = ["TableWriter", "write_instances"]

FLUSH_S = 10.0
FLUSH_ROWS = 5000


class TableWriter:
    """Collects finished rows and writes them every few seconds.

    Parameters
    ----------
    folder : Path
    run : str
        Column ``run`` of every row.

    Notes
    -----
    Side rows are written before the rows they belong to: a row in the table says that all of it is there.
    """

    def __init__(self, folder: Path, *, run: str) -> None:
        self.folder = folder
        self.run = run
        self._rows: list[Row] = []
        self._scores: list[Row] = []
        self._requests: dict[str, Row] = {}
        self._written: set[str] = set()  # request hashes of this start
        self._last = time.monotonic()

    def add(self, answered: Sequence[Answered], requests: Iterable[Row]) -> None:
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
        append_side(self.folder, "requests", pl.DataFrame(list(requests.values()), schema=REQUESTS))
        append_side(self.folder, "scores", pl.DataFrame(scores, schema=SCORES))
        write_predictions(self.folder, pl.DataFrame(rows, schema=SCHEMA))
        self._written |= requests.keys()
        self._last = time.monotonic()


def write_instances(folder: Path, selections: Sequence[Selection]) -> None:
    """Write the instances that the side table does not hold yet."""
    key = ["scenario", "instance", "perturbation"]
    rows = [
        {
            "scenario": selection.scenario.key,
            "instance": instance.id,
            "perturbation": instance.perturbation,
            "split": instance.split,
            "group": instance.group,
            "input": instance.input,
            "references": [reference.text for reference in instance.references],
            "correct_references": [
                index for index, reference in enumerate(instance.references) if reference.is_correct
            ],
            "tags": _tags(instance),
            "extra": json.dumps(instance.extra, ensure_ascii=False) if instance.extra else None,
        }
        for selection in selections
        for instance in selection.instances
    ]
    frame = pl.DataFrame(rows, schema=INSTANCES)
    append_side(
        folder, "instances", frame.join(read_side(folder, "instances"), on=key, how="anti", nulls_equal=True)
    )


def _tags(instance: Instance) -> list[list[str]] | None:
    tags = [[tag for tag in reference.tags if tag != CORRECT] for reference in instance.references]
    return tags if any(tags) else None

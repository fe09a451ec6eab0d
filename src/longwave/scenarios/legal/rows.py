"""The rows of LegalBench that come with the package, by task, release and split."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from longwave.errors import UnknownName
from longwave.samples import sample_path

__all__ = ["LegalRow", "RowRelease", "load_legal_rows"]

RowRelease = Literal["2023", "2022-seed", "2023-03-history"]
RELEASES: tuple[RowRelease, ...] = ("2023", "2022-seed", "2023-03-history")
Split = Literal["train", "test"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LegalRow:
    """One row of a task.

    Parameters
    ----------
    id, task : str
    split : {"train", "test"}
    release : {"2023", "2022-seed", "2023-03-history"}
    inputs : mapping of str to str
        Columns by name, those that no prompt shows among them (slice, doctrine, truth of parts).
    answer : str
    """

    id: str
    task: str
    split: Split
    release: RowRelease
    inputs: Mapping[str, str]
    answer: str


def load_legal_rows(
    task: str | None = None, *, release: RowRelease | None = None, split: Split | None = None
) -> list[LegalRow]:
    """Return bundled rows as they were published, repeated ones too, in the order of their files.

    Parameters
    ----------
    task : str, optional
        All tasks when left out. Folders of 2022 have names of their own (``anti_assignment``), rows of
        ``2023-03-history`` those of 2023 (``cuad_anti-assignment``).
    release : str, optional
        ``2023`` holds the demonstrations, ``2022-seed`` the whole seed, ``2023-03-history`` test sets that
        the repository held for a while.
    split : {"train", "test"}, optional

    Returns
    -------
    list of LegalRow
        Empty where a task's rows may not travel or were never in the repository.

    Raises
    ------
    UnknownName
        If there is no such release.

    Notes
    -----
    The first call reads the whole file, 28,688 rows in less than a second, and keeps them.

    Examples
    --------
    >>> load_legal_rows("abercrombie", release="2023")[0].inputs["text"]
    'The mark "Ivory" for a product made of elephant tusks.'
    """
    if release is not None and release not in RELEASES:
        raise UnknownName("release of LegalBench", release, RELEASES)
    by_task = _read()
    pools = by_task.values() if task is None else [by_task.get(task, [])]
    return [
        row for pool in pools for row in pool if release in (None, row.release) and split in (None, row.split)
    ]


@cache
def _read() -> dict[str, list[LegalRow]]:
    found: dict[str, list[LegalRow]] = {}
    with gzip.open(sample_path("legalbench/rows.jsonl.gz"), "rt", encoding="utf-8", newline="\n") as file:
        for line in file:
            row = LegalRow(**json.loads(line))
            found.setdefault(row.task, []).append(row)
    return found

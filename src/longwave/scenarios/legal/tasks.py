"""The tasks of LegalBench: the 162 of 2023 and the 44 of the seed of 2022, with class, licence and labels."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from longwave.errors import UnknownName
from longwave.samples import sample_path

__all__ = ["IRAC", "Irac", "LegalTask", "Release", "get_legal_task", "list_legal_tasks"]

Irac = Literal["issue", "rule", "application", "conclusion", "interpretation", "rhetorical"]
Release = Literal["2023", "2022-seed"]
# lawyers' scheme of reasoning, and two skills beside it; arXiv 2308.11462. The twelve tasks of conclusion are
# those of application too, asked by another prompt
IRAC: dict[Irac, str] = {
    "issue": "facts to the legal questions they raise",
    "rule": "a question about the law to the rule, its source, or yes or no",
    "application": "facts and rule to written reasoning; graded by hand",
    "conclusion": "facts and rule to the outcome alone",
    "interpretation": "contract, policy or statute and a question to its meaning",
    "rhetorical": "judicial text to the role of a passage",
}


@dataclass(frozen=True, kw_only=True)
class LegalTask:
    """One task of LegalBench.

    Parameters
    ----------
    name : str
        As its folder is called upstream.
    release : {"2023", "2022-seed"}
    irac : str
        Class of reasoning, one of `IRAC`; tasks of 2022 in the classes of 2023.
    measure : str
        How answers are judged, see `longwave.metrics.evaluate_legal`.
    description : str
    licence : str
        As the task's README states it; an identifier of SPDX, or CC-BY-NC where no version is stated.
    source : str
        Whom to attribute.
    form : str
        Form of the answer in the README's words, which are not always right: sara_numeric calls itself
        binary.
    labels : tuple of str
        Answers to choose from; empty for free answers.
    options : mapping
        What the letters of a task with lettered options stand for.
    fields : tuple of str
        Columns that the prompt shows.
    size : int, optional
        Rows that the README states, train and test; None where it states none.
    n_train, n_test : int
        Rows of the train file; of the test file, known for 2022 only.
    n_shown : int
        Demonstrations in the base prompt, found by its cue; 0 also where their cue is another one.
    is_seed : bool
        Whether it is one of the 44 of the seed.
    category : str
        The seed's own class, of which it has four; empty for tasks of 2023.
    """

    name: str
    release: Release
    irac: Irac
    measure: str
    description: str
    licence: str
    source: str
    form: str
    labels: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict, hash=False)
    fields: tuple[str, ...] = ("text",)
    size: int | None = None
    n_train: int = 0
    n_test: int | None = None
    n_shown: int = 0
    is_seed: bool = False
    category: str = ""

    @property
    def is_redistributable(self) -> bool:
        """Whether its rows and prompts may travel with the package: NonCommercial ones may not."""
        return "-NC" not in self.licence


def get_legal_task(name: str, *, release: Release = "2023") -> LegalTask:
    """Return a task by name.

    Parameters
    ----------
    name : str
    release : {"2023", "2022-seed"}
        Some tasks are in both, with other rows and prompts. The seed's folders that are no part of the 44 are
        found here and not listed.

    Raises
    ------
    UnknownName
        If the release has no such task; the message lists the nearest ones.

    Examples
    --------
    >>> get_legal_task("abercrombie").labels
    ('arbitrary', 'descriptive', 'fanciful', 'generic', 'suggestive')
    """
    known = _read()[release]
    if name not in known:
        raise UnknownName("task of LegalBench", name, known)
    return known[name]


def list_legal_tasks(*, irac: Irac | None = None, seed: bool = False) -> list[LegalTask]:
    """List the tasks by name.

    Parameters
    ----------
    irac : str, optional
        Only tasks of this class; ``"application"`` lists those that have a prompt for it, the tasks of
        conclusion.
    seed : bool
        The 44 tasks of 2022 instead of the 162 of 2023.

    Raises
    ------
    UnknownName
        If there is no such class.

    Examples
    --------
    >>> len(list_legal_tasks()), len(list_legal_tasks(seed=True)), len(list_legal_tasks(irac="rule"))
    (162, 44, 5)
    """
    if irac is not None and irac not in IRAC:
        raise UnknownName("class of reasoning", irac, IRAC)
    wanted = "conclusion" if irac == "application" else irac
    found = (
        [task for task in _read()["2022-seed"].values() if task.is_seed] if seed else _read()["2023"].values()
    )
    return sorted((task for task in found if wanted in (None, task.irac)), key=lambda task: task.name)


@cache
def _read() -> dict[Release, dict[str, LegalTask]]:
    table = json.loads(sample_path("legalbench/tasks.json").read_text("utf-8"))
    return {
        "2023": {row["name"]: _task_of_2023(row) for row in table["tasks"]},
        "2022-seed": {row["name"]: _task_of_2022(row) for row in table["seed"]},
    }


def _task_of_2023(row: dict[str, Any]) -> LegalTask:
    lists = {name: tuple(row[name]) for name in ("labels", "fields")}
    return LegalTask(**{**row, **lists, "release": "2023"})


def _task_of_2022(row: dict[str, Any]) -> LegalTask:
    labels = tuple(row["labels"])
    return LegalTask(
        name=row["name"],
        release="2022-seed",
        irac=row["irac"],
        measure=row["measure"],
        description=row["area"],
        licence="CC-BY-4.0",  # as the same tasks state it since 2023; the files of 2022 carry no line
        source="The Atticus Project" if row["category"] == "classification" else "Neel Guha",
        form=f"{len(labels)}-way classification" if labels else "Generation",
        labels=labels,
        size=row["n_train"] + row["n_test"],
        n_train=row["n_train"],
        n_test=row["n_test"],
        is_seed=row["is_seed"],
        category=row["category"],
    )

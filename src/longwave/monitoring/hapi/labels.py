"""What HAPI's labels, confidences and dates mean: codes and their names, "no answer", days.

What is unusual about it:

* "No answer" is a label: the class after the last of the spoken commands, the empty list of tags, ``"none"``
  of a language model. In two datasets that class has examples of its own.
* A number in [0, 1] need not be a probability; `confidence_kind` tells which are.
"""

from __future__ import annotations

import datetime
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from longwave.errors import DataError, UnknownName
from longwave.monitoring.store import ConfidenceKind, DateStatus, LabelKind

__all__ = [
    "LabelSpace",
    "canonical_dataset",
    "check_name",
    "confidence_kind",
    "hapi_date",
    "iso_date",
    "label_space",
    "list_tasks",
    "status_of_release",
]

_DATE = re.compile(r"\d\d-\d\d-\d\d")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")


@dataclass(frozen=True, kw_only=True)
class LabelSpace:
    """The labels that predictions and truths of a dataset share.

    Parameters
    ----------
    kind : {"class", "tags", "text"}
        A code, a list of texts, or a text.
    names : tuple of str
        Of the codes in order, or the tags there are; empty where the space is open.
    n_classes : int or None
        How many codes there are; None for tags and texts, and for datasets that are not known.
    no_answer : int or str or None
        The label of a reply that names none; None for tags (the empty list) and where there is no such label.
    is_class_too : bool
        Some examples have that label as their truth, so that its rate is not that of missing answers.
    """

    kind: LabelKind
    names: tuple[str, ...] = ()
    n_classes: int | None = None
    no_answer: int | str | None = None
    is_class_too: bool = False

    def name(self, code: int) -> str:
        """Return the name of a code, the code itself where classes have no names.

        Raises
        ------
        DataError
            If there is no such code.
        """
        if self.n_classes is not None and not 0 <= code < self.n_classes:
            raise DataError(f"There is no class {code}; the codes are 0 to {self.n_classes - 1}.")
        return self.names[code] if self.names else str(code)


def label_space(task: str, dataset: str) -> LabelSpace:
    """Return the labels of a dataset.

    Parameters
    ----------
    task : str
        One of HAPI's six, or ``"llm"``.
    dataset : str
        A dataset that is not known has the kind of its task and an open space.

    Raises
    ------
    UnknownName
        If there is no such task.

    Examples
    --------
    >>> label_space("scr", "command").name(19), label_space("scr", "digit").no_answer
    ('marvin', 10)
    """
    facts = _facts()
    kinds: Mapping[str, Mapping[str, str]] = facts["tasks"]
    if task not in kinds:
        raise UnknownName("task", task, kinds)
    space = facts["spaces"].get(facts["datasets"].get(f"{task}/{canonical_dataset(dataset)}"), {})
    names = tuple(space.get("names", space.get("tags", ())))
    kind: LabelKind = kinds[task]["kind"]  # type: ignore[assignment]
    return LabelSpace(
        kind=kind,
        names=names,
        n_classes=space.get("n_classes", len(names) or None) if kind == "class" else None,
        no_answer=space.get("no_answer", kinds[task].get("no_answer")),
        is_class_too=space.get("is_class_too", False),
    )


def list_tasks() -> list[str]:
    """List the tasks, HAPI's six and ``"llm"``.

    Examples
    --------
    >>> list_tasks()
    ['fer', 'sa', 'scr', 'mic', 'str', 'ner', 'llm']
    """
    return list(_facts()["tasks"])


def canonical_dataset(name: str) -> str:
    """Return a dataset's name as folders have it: lower case, ``cmd`` as ``command``.

    Examples
    --------
    >>> canonical_dataset("CMD")
    'command'
    """
    lower = name.lower()
    return str(_facts()["aliases"].get(lower, lower))


def confidence_kind(api: str) -> ConfidenceKind:
    """Tell what the confidences of an API are; ``"score"`` where nothing better is known.

    Examples
    --------
    >>> confidence_kind("google_sa"), confidence_kind("baidu_sa"), confidence_kind("openai_gpt-4")
    ('magnitude', 'probability', 'none')
    """
    if api.startswith("openai_"):
        return "none"
    kind: ConfidenceKind = _facts()["confidences"].get(api, "score")
    return kind


def status_of_release(task: str, date: str) -> DateStatus:
    """Tell what the date of a run is in a release that does not say.

    The release names the day of collection. Two days are those on which earlier tables were published, and
    language models carry the date of their snapshot.
    """
    if task == "llm":
        return "model_snapshot"
    return "not_later_than" if date in _facts()["published"]["days"] else "confirmed"


def iso_date(date: str) -> str:
    """Return HAPI's ``yy-mm-dd`` as ``YYYY-MM-DD``.

    Raises
    ------
    DataError
        If it is no day.

    Examples
    --------
    >>> iso_date("20-03-29")
    '2020-03-29'
    """
    try:
        if _DATE.fullmatch(date):
            return datetime.date.fromisoformat(f"20{date}").isoformat()
    except ValueError:
        pass
    raise DataError(f'"{date}" is no day; HAPI writes yy-mm-dd, for example 20-03-29 for 29 March 2020.')


def hapi_date(date: str | datetime.date) -> str:
    """Return a day as HAPI writes it, ``yy-mm-dd``; days of this century are accepted.

    Raises
    ------
    DataError
        If it is no day.

    Examples
    --------
    >>> hapi_date("2020-03-29"), hapi_date("20-03-29")
    ('20-03-29', '20-03-29')
    """
    text = date.isoformat() if isinstance(date, datetime.date) else date
    short = text[2:] if len(text) == len("2020-03-29") and text.startswith("20") else text
    return iso_date(short)[2:]


def check_name(what: Literal["task", "dataset", "api"], name: str) -> str:
    """Return a name that is safe as part of a path.

    Raises
    ------
    DataError
        If it holds anything but letters, digits, ``_ . + -``, or begins with a dot or a sign.
    """
    if not _NAME.fullmatch(name):
        raise DataError(
            f'The {what} "{name}" cannot be part of a path; accepted are letters, digits, "_", ".", "+" and '
            '"-", '
            "and the first is a letter, a digit or _. Rename it."
        )
    return name


@cache
def _facts() -> dict[str, dict]:  # type: ignore[type-arg]
    text = files("longwave.monitoring.hapi").joinpath("labels.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)

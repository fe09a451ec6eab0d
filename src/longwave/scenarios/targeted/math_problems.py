"""Rows of MATH: competition problems of seven subjects and five levels (arXiv 2103.03874), for two scenarios.

``math_regular`` asks for the answer, the content of the last box in the solution; ``math_chain_of_thought``
for the whole solution. A slice is one level of one subject; HELM draws in-context examples within it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal, cast

from longwave.errors import DataError
from longwave.scenarios.base import CORRECT, Instance, Official, Reference, SourceFile
from longwave.scenarios.reading import SourceRow, parse_json, read_tar_members
from longwave.scenarios.rows import read_sample

__all__ = ["last_boxed", "math_official", "math_sample"]

ARCHIVE = "MATH.tar"
PLACE = re.compile(r"(?:^|/)(?P<split>train|test)/(?P<folder>[^/]+)/(?P<number>\d+)\.json$")
LEVEL = re.compile(r"Level [1-5]")
BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")

Answer = Literal["answer", "solution"]
Placed = tuple[tuple[int, str, int], Instance]


def math_sample(name: str, *, gives: Answer) -> list[Instance]:
    """Read the bundled rows, whose ids begin with the name of the scenario.

    Parameters
    ----------
    name : str
    gives : {"answer", "solution"}
        What the reference of a row is.
    """
    found = []
    for row in read_sample("math"):
        solution, subject, level = (str(row.extra[key]) for key in ("solution", "subject", "level"))
        text = solution if gives == "solution" else row.label or ""
        found.append(
            replace(
                row,
                id=row.id.replace("math", name, 1),
                references=(Reference(text=text, tags=(CORRECT,)),),
                group=_slice(subject, level),
                extra={**row.extra, "slice": _slice(subject, level)},
            )
        )
    return found


def math_official(name: str, *, gives: Answer) -> Official:
    """Describe the official archive, whose rows are given as in `math_sample`.

    Rows without a level (two of training), or without a box with braces, are left out: the published code
    does not ask for them either.
    """

    def parse(folder: Path) -> list[Instance]:
        placed = sorted(_rows(folder / ARCHIVE, name, gives), key=lambda item: item[0])
        if not placed:
            raise DataError(
                f'"{folder / ARCHIVE}" holds no problems; accepted are files such as '
                "MATH/train/algebra/1.json. Delete it to fetch it again."
            )
        return [instance for _, instance in placed]

    return Official(
        files=(
            SourceFile(
                url=f"https://people.eecs.berkeley.edu/~hendrycks/{ARCHIVE}",
                name=ARCHIVE,
                sha256="01256fd7cd5430596fdf07e6e6a5827111b5235b7ffed679c662a12f898932da",
            ),
        ),
        parse=parse,
        notice="the rights in the competition problems of MATH are with their authors.",
    )


def last_boxed(solution: str) -> str | None:
    r"""Return the content of the last ``\boxed{}`` or ``\fbox{}``, braces within it balanced; None without.

    Examples
    --------
    >>> last_boxed(r"so $x = \boxed{\frac{1}{2}}$.")
    '\\frac{1}{2}'
    """
    start = max((found.end() for found in BOX.finditer(solution)), default=None)
    if start is None:
        return None
    depth = 1
    for place in range(start, len(solution)):
        depth += {"{": 1, "}": -1}.get(solution[place], 0)
        if depth == 0:
            return solution[start:place]
    return None


def _rows(path: Path, name: str, gives: Answer) -> Iterator[Placed]:
    for member, data in read_tar_members(path, lambda name: PLACE.search(name) is not None):
        found = PLACE.search(member)
        if found is None:
            continue
        split = cast(Literal["train", "test"], found["split"])
        row = _row(data, f'"{member}" in "{path}"')
        key = (int(split == "test"), found["folder"], int(found["number"]))
        instance = _instance(row, f"{name}-{split}-{found['folder']}-{found['number']}", split, gives)
        if instance is not None:
            yield key, instance


def _row(data: bytes, place: str) -> SourceRow:
    values = parse_json(data, place)
    if not isinstance(values, dict):
        raise DataError(
            f"{place} holds {type(values).__name__}; it must be an object. Delete the archive to fetch it "
            "again."
        )
    return SourceRow(place, values)


def _instance(row: SourceRow, name: str, split: Literal["train", "test"], gives: Answer) -> Instance | None:
    subject, level, solution = row.text("type"), row.text("level"), row.text("solution")
    answer = last_boxed(solution)
    if answer is None or not LEVEL.fullmatch(level):
        return None
    return Instance(
        id=name,
        input=row.text("problem"),
        references=(Reference(text=solution if gives == "solution" else answer, tags=(CORRECT,)),),
        split=split,
        group=_slice(subject, level),
        extra={"solution": solution, "subject": subject, "level": level, "slice": _slice(subject, level)},
    )


def _slice(subject: str, level: str) -> str:
    return f"{subject}, {level.lower()}"

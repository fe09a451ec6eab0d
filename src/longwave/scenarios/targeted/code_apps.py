"""APPS: programming problems with tests (arXiv 2105.09938), prompted as in arXiv 2211.09110.

A row's tests are the lists ``extra["inputs"]`` and ``extra["outputs"]``: texts for standard input and output,
or, where ``extra["fn_name"]`` names a function, lists of its arguments and results. Where we differ from the
published code: of many solutions of a problem only the first is kept, as it stands (prompts show no other,
and answers are judged by tests), and tests with whole numbers of more than 4,300 digits, which Python does
not read, are left out. The tests of the 5,000 evaluated problems fill more than a gigabyte of memory.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from longwave.errors import DataError
from longwave.scenarios.base import CORRECT, Instance, Official, PromptFormat, Reference, Scenario, SourceFile
from longwave.scenarios.official import load_official
from longwave.scenarios.reading import SourceRow, parse_json, read_tar_members

__all__ = ["SCENARIO"]

ARCHIVE = "APPS.tar.gz"
PLACE = re.compile(r"(?:^|/)(?P<split>train|test)/(?P<problem>[^/]+)/(?P<file>[^/]+)$")
FILES = {
    "train": {"question.txt", "starter_code.py", "solutions.json", "metadata.json"},
    "test": {"question.txt", "starter_code.py", "solutions.json", "metadata.json", "input_output.json"},
}
MAX_DIGITS = 4300  # Python's own limit for reading a whole number
SPLITS: tuple[Literal["train", "test"], ...] = ("train", "test")
NEXT_STEP = "Delete the archive to fetch it again; if it stays so, its source has changed."


@dataclass
class _Problem:
    """What the archive holds about one problem; its files may come in any order."""

    question: str | None = None
    starter: str | None = None
    solution: str | None = None
    tests: dict[str, object] | None = None
    difficulty: str | None = None


def _load() -> list[Instance]:
    return load_official(SCENARIO)


def _parse(folder: Path) -> list[Instance]:
    problems: dict[tuple[str, str], _Problem] = {}
    for member, data in read_tar_members(folder / ARCHIVE, _is_wanted):
        found = PLACE.search(member)
        if found is not None:
            problem = problems.setdefault((found["split"], found["problem"]), _Problem())
            _add(problem, found["file"], data, f'"{member}" in "{folder / ARCHIVE}"')
    return [
        _instance(split, name, problems[split, name])
        for split in SPLITS
        for name in sorted(name for kind, name in problems if kind == split)
        if _is_whole(split, problems[split, name])
    ]


def _is_wanted(member: str) -> bool:
    found = PLACE.search(member)
    return found is not None and found["file"] in FILES[found["split"]]


def _add(problem: _Problem, file: str, data: bytes, place: str) -> None:
    if file == "question.txt":
        problem.question = _text(data, place)
    elif file == "starter_code.py":
        problem.starter = _text(data, place)
    elif file == "solutions.json":
        solutions = parse_json(data, place)
        if not isinstance(solutions, list) or not all(isinstance(item, str) for item in solutions):
            raise DataError(f"{place} is no list of texts. {NEXT_STEP}")
        problem.solution = solutions[0] if solutions else ""
    elif file == "input_output.json":
        problem.tests = _tests(data, place)
    elif file == "metadata.json":
        found = parse_json(data, place)
        problem.difficulty = (
            str(found["difficulty"]) if isinstance(found, dict) and "difficulty" in found else None
        )


def _is_whole(split: str, problem: _Problem) -> bool:
    """Examples need a solution, evaluated problems need tests; the published code skips the others too."""
    needed = problem.solution if split == "train" else problem.tests
    return problem.question is not None and needed is not None


def _tests(data: bytes, place: str) -> dict[str, object]:
    try:
        found = json.loads(
            data, parse_int=lambda digits: int(digits) if len(digits) <= MAX_DIGITS else math.inf
        )
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place} is not JSON: {error}. {NEXT_STEP}") from error
    tests = SourceRow(place, found if isinstance(found, dict) else {})
    given, wanted = tests.items("inputs"), tests.items("outputs")
    if len(given) != len(wanted):
        raise tests.error(
            f"there are {len(given)} inputs and {len(wanted)} outputs; accepted are as many of both"
        )
    pairs = [pair for pair in zip(given, wanted, strict=True) if not _has_huge_number(list(pair))]
    return {
        "inputs": [given for given, _ in pairs],
        "outputs": [wanted for _, wanted in pairs],
        "fn_name": tests.values.get("fn_name"),
    }


def _has_huge_number(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_has_huge_number, value.values()))
    return any(map(_has_huge_number, value)) if isinstance(value, list) else value == math.inf


def _instance(split: Literal["train", "test"], name: str, problem: _Problem) -> Instance:
    is_call = problem.starter is not None
    text = (
        f"\nQUESTION:\n{problem.question}\n{problem.starter or ''}\n"
        f"\nUse {'Call-Based' if is_call else 'Standard Input'} format\n\nANSWER in Python code:\n"
    )
    return Instance(
        id=f"code_apps-{split}-{name}",
        input=text,
        references=(Reference(text=problem.solution or "", tags=(CORRECT,)),),
        split=split,
        group=problem.difficulty,
        extra=problem.tests or {},
    )


def _text(data: bytes, place: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{place} is not UTF-8 text (byte {error.start}). {NEXT_STEP}") from error


SCENARIO = Scenario(
    name="code_apps",
    version=1,
    description="Write a Python program that solves a problem, so that its tests pass",
    task="code generation",
    what="programming competitions and interviews",
    who="authors of problems at Codeforces, Kattis, Codewars and others",
    when="before 2021",
    language="English and Python",
    source="https://github.com/hendrycks/apps",
    licence="see the source",
    prompt=PromptFormat(
        method="generation",
        input_prefix="",
        input_suffix="",
        output_prefix="",
        output_suffix="",
        max_train_instances=2,
        max_tokens=600,
        temperature=0.2,
        stop=("'''", "---", '"""', "\n\n\n"),
    ),
    main_metric="test_avg",
    metrics=("strict_acc",),
    eval_splits=("test",),
    load=_load,
    is_offline=False,
    category="reasoning",
    official=Official(
        files=(SourceFile(url=f"https://people.eecs.berkeley.edu/~hendrycks/{ARCHIVE}", name=ARCHIVE),),
        parse=_parse,
        notice="the archive has more than a gigabyte.",
    ),
)

"""Keys that stand for one of several dataclasses: told apart by their keys and closed choices."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from longwave.config import apply_overrides, load_config, to_dict
from longwave.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Text:
    path: str = "a"
    size: int = 1


@dataclass(frozen=True, kw_only=True)
class Task:
    task: str
    size: int = 2


@dataclass(frozen=True, kw_only=True)
class Round:
    kind: Literal["round"] = "round"
    size: int = 3


@dataclass(frozen=True, kw_only=True)
class Square:
    kind: Literal["square"] = "square"
    size: int = 4


@dataclass(frozen=True, kw_only=True)
class Run:
    data: Text | Task = field(default_factory=Text)
    shape: Round | Square | None = None


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, Text()),
        ({"path": "b"}, Text(path="b")),
        ({"task": "b"}, Task(task="b")),
        ({"size": 7}, Text(size=7)),
        ({"size": 7, "task": "c"}, Task(task="c", size=7)),
    ],
    ids=["none", "first", "second", "shared", "both"],
)
def test_keys_tell_which_one_is_meant(data: dict[str, object], expected: object) -> None:
    assert load_config(Run, {"data": data}).data == expected


@pytest.mark.parametrize("kind", ["round", "square"])
def test_a_closed_choice_tells_which_one_is_meant(kind: str) -> None:
    shape = load_config(Run, {"shape": {"kind": kind, "size": 9}}).shape
    assert shape == (Round(size=9) if kind == "round" else Square(size=9))


@pytest.mark.parametrize("run", [Run(), Run(data=Task(task="x"), shape=Square())], ids=["first", "second"])
def test_what_is_written_is_read_back(run: Run) -> None:
    assert load_config(Run, to_dict(run)) == run


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"task": "b", "size": "big"}, r'"data\.size" in Task is wrong'),
        ({"task": 3}, r'"data\.task" in Task is wrong'),
        ({"task": "b", "path": "c"}, 'Unknown key "(path|task)" in (Text|Task)'),
        ({"tusk": "b"}, 'Unknown key "tusk"'),
    ],
    ids=["type", "first-key", "mixed", "unknown"],
)
def test_a_mistake_does_not_make_it_another_one(data: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_config(Run, {"data": data})


def test_the_line_of_a_mistake_is_told(tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("data:\n  task: b\n  size: big\n")
    with pytest.raises(ConfigError, match=r"run\.yaml\", line 3"):
        load_config(Run, tmp_path / "run.yaml")


@pytest.mark.parametrize(
    ("start", "entry", "expected"),
    [
        (Run(), "data.path=c", Text(path="c")),
        (Run(data=Task(task="b")), "data.size=5", Task(task="b", size=5)),
        (Run(), "data={task: q}", Task(task="q")),
    ],
    ids=["first", "second", "whole"],
)
def test_a_setting_reaches_into_the_one_that_is_there(start: Run, entry: str, expected: object) -> None:
    assert apply_overrides(start, [entry]).data == expected


@dataclass(frozen=True, kw_only=True)
class Plain:
    size: int = 5


@dataclass(frozen=True, kw_only=True)
class Thing:
    part: Plain | Round | Square = field(default_factory=Plain)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"size": 1}, Plain(size=1)),
        ({"kind": "square"}, Square()),
        ({"kind": "round", "size": 2}, Round(size=2)),
    ],
    ids=["none", "second", "first"],
)
def test_where_one_has_no_kind_a_value_without_one_is_for_it(
    part: dict[str, object], expected: object
) -> None:
    assert load_config(Thing, {"part": part}).part == expected


def test_a_kind_that_none_has_is_told_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r'no kind "oval"\. Known: round, square'):
        load_config(Thing, {"part": {"kind": "oval"}})


def test_a_kind_decides_before_other_choices() -> None:
    with pytest.raises(ConfigError, match=r'"part\.size" in Square is wrong'):
        load_config(Thing, {"part": {"kind": "square", "size": "large"}})

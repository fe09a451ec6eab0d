"""What the stages of the tour share: who hears of them, what they leave behind and what they taught."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from longwave.config import write_json

__all__ = ["FIGURES", "Figures", "Lesson", "Observer", "once", "percent", "read_figures"]

FIGURES = "stages"  # folder of the figures, one file a stage

Figures = dict[str, Any]  # what a stage measured, as in its JSON file


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """What one stage taught.

    Parameters
    ----------
    stage : str
    page : str
        Page of the report that shows it.
    text : str
        One sentence or two, with numbers.
    """

    stage: str
    page: str
    text: str


class Observer(Protocol):
    """Hears how the tour goes; the command line draws it."""

    def stage(self, title: str) -> None:
        """Begin a stage."""
        ...

    def progress(self, done: int, total: int, text: str) -> None:
        """Tell how far the stage is."""
        ...

    def say(self, text: str) -> None:
        """Tell something worth reading."""
        ...


def once(out: Path, name: str, observer: Observer, work: Callable[[], Mapping[str, object]]) -> Figures:
    """Do the work of a stage and keep its figures, or read those that an earlier call kept."""
    path = out / FIGURES / f"{name}.json"
    if path.is_file():
        observer.say("this was done before")
    else:
        write_json(path, work())
    return read_figures(out, name)


def read_figures(out: Path, name: str) -> Figures:
    """Read what a stage measured."""
    found: Figures = json.loads((out / FIGURES / f"{name}.json").read_text("utf-8"))
    return found


def percent(share: float) -> str:
    """Write a share in per cent."""
    return f"{100 * share:.1f} %"

"""What the commands print: results on stdout, progress and remarks on stderr.

Bars and colour appear in a terminal only; elsewhere (pipes, CI, NO_COLOR) each stage is a plain line.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Output", "Update", "visible"]

PLAIN_INTERVAL_S = 10.0
UNLIMITED = 10_000  # columns of a pipe
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # C0 without tab and newline, DEL, C1


def visible(text: str) -> str:
    """Spell control characters out: what a model wrote must not steer the terminal it is shown in."""
    return _CONTROL.sub(lambda found: _spell(ord(found[0])), text)


def _spell(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)  # the Unicode pictures of control characters
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"


class Update(Protocol):
    """Tell a bar how far the work is: ``update(done, total, text)``."""

    def __call__(self, done: int, total: int, text: str = "") -> None:
        """Redraw the bar; ``text`` stands behind it."""
        ...


class Output:
    """Where a command's words go.

    Parameters
    ----------
    is_quiet : bool
        Print results only.
    """

    def __init__(self, *, is_quiet: bool = False) -> None:
        self.is_quiet = is_quiet

    @property
    def is_interactive(self) -> bool:
        """Whether bars and colour make sense here."""
        return sys.stderr.isatty() and not (os.environ.get("NO_COLOR") or os.environ.get("CI"))

    def say(self, text: str) -> None:
        """Print a remark to stderr, unless quiet."""
        if not self.is_quiet:
            self._console.print(visible(text), markup=False, highlight=False, soft_wrap=True)

    def result(self, text: str) -> None:
        """Print a result to stdout; a terminal gets no control characters, a pipe the text as it is."""
        print(visible(text) if sys.stdout.isatty() else text, flush=True)

    def result_json(self, value: object) -> None:
        """Print a result to stdout as JSON; numbers that JSON does not have (infinity) become null."""
        plain = json.loads(json.dumps(value, default=str), parse_constant=lambda _: None)
        self.result(json.dumps(plain, indent=2, ensure_ascii=False))

    def result_table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Print a table to stdout; in a terminal the last column wraps, elsewhere a row is a line."""
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in columns[:-1]:
            table.add_column(name, no_wrap=True)
        table.add_column(columns[-1], overflow="fold")
        for row in rows:
            table.add_row(*(Text(visible(cell)) for cell in row))
        width = None if sys.stdout.isatty() else UNLIMITED
        Console(file=sys.stdout, width=width, no_color=not sys.stdout.isatty() or None).print(table)

    @contextmanager
    def bar(self, title: str) -> Iterator[Update]:
        """Show progress of one stage; the body calls the yielded function."""
        if self.is_quiet:
            yield _ignore
        elif self.is_interactive:
            with self._rich_bar(title) as update:
                yield update
        else:
            yield _PlainBar(title, self.say)

    @contextmanager
    def _rich_bar(self, title: str) -> Iterator[Update]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            TimeRemainingColumn(compact=True),
        )
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task(title, total=None, text="")
            is_new = True

            def update(done: int, total: int, text: str = "") -> None:
                nonlocal is_new
                if is_new:  # what was there before says nothing about the speed
                    progress.reset(task, completed=done, total=total, text=text)
                    is_new = False
                progress.update(task, completed=done, total=total, text=text)

            yield update

    @cached_property
    def _console(self) -> Console:  # one for all, so that remarks appear above a bar and not inside it
        from rich.console import Console

        return Console(stderr=True, no_color=not self.is_interactive or None, emoji=False)


class _PlainBar:
    """A line every ten seconds and one at the end, for logs."""

    def __init__(self, title: str, say: _Say) -> None:
        self.title, self.say = title, say
        self.started = self.last = time.monotonic()
        self.first: tuple[int, float] | None = None  # what was there before says nothing about the speed

    def __call__(self, done: int, total: int, text: str = "") -> None:
        now = time.monotonic()
        self.first = self.first or (done, now)
        if done < total and now - self.last < PLAIN_INTERVAL_S:
            return
        self.last = now
        timing = self._left(done, total, now) if done < total else f"{now - self.started:.0f} s"
        self.say("  ".join(part for part in (f"{self.title} {done}/{total}", text, timing) if part))

    def _left(self, done: int, total: int, now: float) -> str:
        first, since = self.first or (done, now)
        return f"{(now - since) * (total - done) / (done - first):.0f} s left" if done > first else ""


def _ignore(done: int, total: int, text: str = "") -> None:
    """Show nothing."""


class _Say(Protocol):
    def __call__(self, text: str) -> None: ...

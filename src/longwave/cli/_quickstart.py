"""``longwave quickstart``: the tour on bundled real data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from longwave.cli._output import Output, Update

HEADS = ("stage", "page of the report", "what was learned")


def quickstart(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Folder of everything the tour writes.")] = Path(
        "longwave-quickstart"
    ),
    seed: Annotated[int, typer.Option(help="Seed of weights, data order, sampling and draws.")] = 0,
    minutes: Annotated[float, typer.Option(help="Aim for the whole job; half of it is training.")] = 5.0,
    open_page: Annotated[bool, typer.Option("--open", help="Open the report in the browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train, generate, evaluate, vote, monitor and repair on bundled real data, and open one report."""
    from longwave.quickstart import QuickstartConfig, run_quickstart

    output: Output = context.obj
    with _watch(output) as observer:
        summary = run_quickstart(out, QuickstartConfig(seed=seed, minutes=minutes), observer)
    if as_json:
        output.result_json(asdict(summary))
    else:
        output.result_table(HEADS, [(one.stage, one.page, one.text) for one in summary.lessons])
        output.result(f"Report: {summary.report}")
    if open_page:
        typer.launch(summary.report.resolve().as_uri())


class _StageBars:
    """One bar a stage."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.count = 0
        self._update: Update | None = None
        self._open = ExitStack()

    def stage(self, title: str) -> None:
        self.close()
        self.count += 1
        self.output.say(f"[{self.count}] {title}")

    def progress(self, done: int, total: int, text: str) -> None:
        if self._update is None:
            self._update = self._open.enter_context(self.output.bar("   "))
        self._update(done, total, text)

    def say(self, text: str) -> None:
        self.output.say(f"    {text}")

    def close(self) -> None:
        self._open.close()
        self._update = None


@contextmanager
def _watch(output: Output) -> Iterator[_StageBars]:
    bars = _StageBars(output)
    try:
        yield bars
    finally:
        bars.close()

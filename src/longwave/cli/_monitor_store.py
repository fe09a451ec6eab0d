"""What the commands of ``longwave monitor`` share: their arguments, and how they open what is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from longwave.monitoring import RunStore

SAMPLE = "sample"

Source = Annotated[
    str, typer.Argument(help='HAPI data, a folder of longwave evaluate or monitor collect, or "sample".')
]
Task = Annotated[list[str] | None, typer.Option(help="Only this task, such as scr; repeatable.")]
Dataset = Annotated[
    list[str] | None, typer.Option(help="Only this dataset, or scenario of a table; repeatable.")
]
Apis = Annotated[list[str] | None, typer.Option(help="Only this API, or model of a table; repeatable.")]
Dates = Annotated[list[str] | None, typer.Option(help="Only this date; repeatable.")]
PromptOf = Annotated[
    str | None, typer.Option(help="Prompt variant, where a table of one's own holds several.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def open_store(source: str, *, prompt: str | None = None) -> RunStore:
    """Open the bundled sample, HAPI data, or a predictions table."""
    from longwave.monitoring import load_sample, read_runs

    return load_sample() if source == SAMPLE else read_runs(source, prompt=prompt)


def percent(value: float | None, digits: int = 1) -> str:
    """Write a share in per cent."""
    return "-" if value is None else f"{100 * value:.{digits}f} %"


def points(value: float | None, digits: int = 1) -> str:
    """Write a difference of shares in points."""
    return "-" if value is None else f"{100 * value:+.{digits}f}"


def p_value(value: float | None) -> str:
    """Write a p-value."""
    if value is None:
        return "-"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"

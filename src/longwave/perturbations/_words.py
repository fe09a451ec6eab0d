"""Word lists that ship as text files beside this module."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def read_lines(name: str) -> tuple[str, ...]:
    """Read a list of this package, one entry a line; lines that start with ``#`` are comments."""
    text = files("longwave.perturbations").joinpath("words", name).read_text("utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


@cache
def read_pairs(name: str) -> tuple[tuple[str, str], ...]:
    """Read a list of pairs, divided by a tab."""
    return tuple((left, right) for left, _, right in (line.partition("\t") for line in read_lines(name)))

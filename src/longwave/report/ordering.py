"""The order of instances in the browser, and so the page on which each of them stands."""

from __future__ import annotations

import re

import polars as pl

from longwave.report.links import per_page

__all__ = ["error_kind", "place_instances"]

_LONGEST_ERROR = 200  # characters by which kinds of errors are told apart


def place_instances(rows: pl.DataFrame) -> pl.DataFrame:
    """Put the instances of a scenario in the order people count: 2 before 10.

    Parameters
    ----------
    rows : DataFrame
        All rows of the scenario.

    Returns
    -------
    DataFrame
        ``instance``, ``place`` from 0 and ``page`` from 1, in order.
    """
    names = sorted(rows["instance"].unique().to_list(), key=_natural)
    size = per_page(len(rows), len(names))
    order = pl.DataFrame({"instance": names}, schema={"instance": pl.String()})
    place = pl.int_range(pl.len(), dtype=pl.Int64)
    return order.with_columns(place=place, page=place // size + 1)


def error_kind(error: pl.Expr) -> pl.Expr:
    """Return what errors are told apart by: their beginning, on one line."""
    return error.str.replace_all(r"\s+", " ").str.strip_chars().str.slice(0, _LONGEST_ERROR)


def _natural(name: str) -> list[tuple[bool, int, str, str]]:
    """Return what sorts names as people count; numbers by length first, for they may be too long to read."""
    key = []
    for part in re.findall(r"[0-9]+|[^0-9]+", name):
        is_number = part[0] in "0123456789"
        digits = part.lstrip("0") if is_number else ""
        key.append((is_number, len(digits), digits, part))
    return key

"""Paired differences between models as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from longwave.report.analysis import Analysis
from longwave.report.comparisons import ALPHA
from longwave.report.formats import count, p_value
from longwave.report.links import ORIGINAL, pair_page, rows_link
from longwave.report.tables import NO_CELL, Cell, Column, Row, Table

__all__ = ["DIFFERENCE_COLUMNS", "difference_cells", "difference_table", "pair_href"]


def difference_table(
    analysis: Analysis, scenarios: Sequence[str], *, most: int | None = None
) -> Table | None:
    """Build the table of paired tests for some scenarios; None when there is nothing to compare.

    With ``most``, of more pairs than that only those that have a page of their own.
    """
    found = analysis.comparisons.filter(pl.col("scenario").is_in(list(scenarios)))
    if not len(found):
        return None
    total = f"{len(analysis.comparisons):,}"
    more = ""
    if most is not None and len(found) > most:
        pairs = [(row["first"], row["second"]) in analysis.pairs for row in found.iter_rows(named=True)]
        more = f" {sum(pairs)} of {count(len(found), 'pair')} are shown."
        found = found.filter(pl.Series(pairs, dtype=pl.Boolean))
    rows = []
    for row in found.iter_rows(named=True):
        first, second = row["first"], row["second"]
        below = row["scenario"] if len(scenarios) > 1 else ""
        head = Column(text=f"{first} − {second}", below=below, href=pair_href(analysis, first, second))
        rows.append(Row(head=head, cells=difference_cells(analysis, row)))
    return Table(
        caption="Paired differences on the same instances, first minus second, with a 95 % interval (paired "
        f"bootstrap). Corrected for all {total} comparisons of this report; bold where p < {ALPHA:g}.{more}",
        corner="first − second",
        columns=DIFFERENCE_COLUMNS,
        rows=rows,
    )


DIFFERENCE_COLUMNS = (
    Column(text="difference", below="points, or the score's unit"),
    Column(text="only the first", below="right"),
    Column(text="only the second", below="right"),
    Column(text="instances", below="both answered"),
    Column(text="p", below="paired test"),
    Column(text="p, corrected", below="Holm"),
)


def difference_cells(analysis: Analysis, row: Mapping[str, Any]) -> list[Cell]:
    """Write one paired difference: its size, on how many instances only one is right, its p-values."""
    slug, measure = analysis.slugs[row["scenario"]], analysis.measures[row["scenario"]]
    first, second = row["first"], row["second"]
    both = rows_link(slug, input_=ORIGINAL)
    only = [
        Cell(
            text=f"{row[name]:,}",
            href=rows_link(slug, model=one, input_=ORIGINAL, outcome="right", versus=other),
        )
        if row[name] is not None
        else NO_CELL
        for name, one, other in (("first_only", first, second), ("second_only", second, first))
    ]
    interval = f"{measure.difference(row['low'])} to {measure.difference(row['high'])}"
    is_clear = row["p_holm"] < ALPHA
    return [
        Cell(text=measure.difference(row["difference"]), below=interval, href=both, is_best=is_clear),
        *only,
        Cell(text=f"{row['n']:,}", href=both),
        Cell(text=p_value(row["p"]), below=row["test"], href=both),
        Cell(text=p_value(row["p_holm"]), href=both, is_best=is_clear),
    ]


def pair_href(analysis: Analysis, first: str, second: str) -> str | None:
    """Return where two models are compared; None where they have no page."""
    if (first, second) not in analysis.pairs:
        return None
    return pair_page(analysis.model_slugs[first], analysis.model_slugs[second])

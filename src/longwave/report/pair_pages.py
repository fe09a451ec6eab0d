"""The pages that compare two models: paired differences by scenario, and where the two differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from longwave.report.analysis import Analysis
from longwave.report.comparisons import ALPHA
from longwave.report.differences import DIFFERENCE_COLUMNS, difference_cells, pair_href
from longwave.report.formats import count
from longwave.report.links import ORIGINAL, anchor, instances_page, rows_link
from longwave.report.tables import Cell, Column, Row, Table

__all__ = ["Flip", "Flips", "pair_content", "pairs_page"]

Content = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Flip:
    """An instance on which two models differ: where it is, and both scores if they are no right or wrong."""

    instance: str
    href: str
    scores: str


@dataclass(frozen=True, kw_only=True)
class Flips:
    """The instances of a scenario on which one of two models is better.

    Parameters
    ----------
    scenario, better : str
    all_href : str
        All of them in the browser; empty where scores are not right or wrong.
    total : str
        How many there are; empty where scores are not right or wrong.
    shown : list of Flip
        Those with the largest difference.
    """

    scenario: str
    better: str
    all_href: str
    total: str
    shown: list[Flip]


def pairs_page(analysis: Analysis) -> Content:
    """Collect what the list of comparisons shows."""
    rows = []
    for first, second in analysis.pairs:
        found = _of_pair(analysis, first, second)
        clear = found.filter(pl.col("p_holm") < ALPHA)
        wins = {first: 0, second: 0}
        for row in clear.iter_rows(named=True):
            winner = _winner(analysis, row)
            if winner is not None:
                wins[winner] += 1
        href = pair_href(analysis, first, second)
        cells = [
            Cell(text=f"{len(found):,}", href=href),
            Cell(text=f"{wins[first]:,}", href=href),
            Cell(text=f"{wins[second]:,}", href=href),
            Cell(text=f"{len(found) - sum(wins.values()):,}", href=href),
        ]
        rows.append(Row(head=Column(text=f"{first} − {second}", href=href), cells=cells))
    columns = [
        Column(text="scenarios", below="both answered"),
        Column(text="first better", below=f"p < {ALPHA:g}, Holm"),
        Column(text="second better", below=f"p < {ALPHA:g}, Holm"),
        Column(text="undecided"),
    ]
    total = len(analysis.systems) * (len(analysis.systems) - 1) // 2
    caption = "Paired tests on the same instances."
    if len(analysis.pairs) < total:
        caption += (
            f" {len(analysis.pairs)} of {count(total, 'pair')}: the first model of the first page with "
            "those that follow it. Every pair is tested on the scenarios' pages."
        )
    return {"table": Table(caption=caption, corner="first − second", columns=columns, rows=rows)}


def pair_content(analysis: Analysis, first: str, second: str) -> Content:
    """Collect what the comparison of two models shows."""
    found = _of_pair(analysis, first, second)
    rows = [
        Row(
            head=Column(text=row["scenario"], href=f"scenarios/{analysis.slugs[row['scenario']]}.html"),
            cells=difference_cells(analysis, row),
        )
        for row in found.iter_rows(named=True)
    ]
    columns = [
        DIFFERENCE_COLUMNS[0],
        Column(text=first, below="alone right"),
        Column(text=second, below="alone right"),
    ]
    table = Table(
        caption=f"Paired differences on the same instances, {first} minus {second}, with a 95 % interval. "
        "p-values are corrected for all comparisons of the report; bold where the corrected one is below "
        f"{ALPHA:g}.",
        corner="scenario",
        columns=[*columns, *DIFFERENCE_COLUMNS[3:]],
        rows=rows,
    )
    return {
        "first": first,
        "second": second,
        "sentence": _sentence(analysis, first, second, found),
        "table": table,
        "flips": [
            flips
            for row in found.iter_rows(named=True)
            for better, other in ((first, second), (second, first))
            if (flips := _flips(analysis, row, better, other)) is not None
        ],
    }


def _of_pair(analysis: Analysis, first: str, second: str) -> pl.DataFrame:
    return analysis.comparisons.filter(pl.col("first") == first, pl.col("second") == second)


def _winner(analysis: Analysis, row: Mapping[str, Any]) -> str | None:
    measure, difference = analysis.measures[str(row["scenario"])], row["difference"]
    if measure.is_lower_better is None or not isinstance(difference, float) or not difference:
        return None
    return str(row["first"] if (difference > 0) is not measure.is_lower_better else row["second"])


def _sentence(analysis: Analysis, first: str, second: str, found: pl.DataFrame) -> str:
    clear = [row for row in found.iter_rows(named=True) if row["p_holm"] < ALPHA]
    winners = [_winner(analysis, row) for row in clear]
    wins = [winners.count(name) or "none" for name in (first, second)]
    return (
        f"Of {count(len(found), 'scenario')} that both answered, {first} is significantly better on "
        f"{wins[0]}, {second} on {wins[1]}."
    )


def _flips(analysis: Analysis, row: Mapping[str, Any], better: str, other: str) -> Flips | None:
    scenario = str(row["scenario"])
    if analysis.measures[scenario].is_lower_better is None:
        return None
    listed = analysis.findings.flips.filter(
        pl.col("scenario") == scenario,
        pl.col("first") == row["first"],
        pl.col("second") == row["second"],
        pl.col("better") == better,
    )
    if not len(listed):
        return None
    is_first = better == row["first"]
    total = row["first_only"] if is_first else row["second_only"]
    measure, slug = analysis.measures[scenario], analysis.slugs[scenario]
    shown = [
        Flip(
            instance=flip["instance"],
            href=f"{instances_page(slug, flip['page'])}#{anchor(flip['instance'])}",
            scores=f"{measure.cell(flip['first_score'])} and {measure.text(flip['second_score'])}"
            if total is None
            else "",
        )
        for flip in listed.iter_rows(named=True)
    ]
    link = rows_link(slug, model=better, input_=ORIGINAL, outcome="right", versus=other)
    return Flips(
        scenario=scenario,
        better=better,
        all_href="" if total is None else link,
        total="" if total is None else f"{total:,}",
        shown=shown,
    )

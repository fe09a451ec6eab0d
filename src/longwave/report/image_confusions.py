"""Which classes are taken for which: matrices for few classes, a list of the most frequent for many."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from longwave.report.formats import number
from longwave.report.links import rows_link
from longwave.report.tables import Cell, Column, Row, Table

__all__ = ["MOST_CLASSES", "Confusion", "Shaded", "confusion_matrix", "confusion_table"]

MOST_CLASSES = 20  # of a matrix
_LEVELS = 10  # of shade
_MOST_PAIRS = 12  # of a list
_NO_ANSWER = "no answer"


@dataclass(frozen=True, kw_only=True)
class Shaded:
    """A count in a matrix, how dark it is drawn, from 0 to 10, and where its rows are."""

    text: str
    level: int
    is_right: bool
    href: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """The answers of one model on one grid by label.

    Parameters
    ----------
    grid, note : str
        Which grid, and how many answers are right.
    classes : tuple of str
        Heads of the columns.
    rows : tuple of (str, tuple of Shaded)
        Label, and its answers by prediction.
    """

    grid: str
    note: str
    classes: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Shaded, ...]], ...]


def confusion_matrix(rows: pl.DataFrame, grid: str, *, slug: str, system: str, input_: str) -> Confusion:
    """Count the answers of one model on one grid by label and prediction.

    Parameters
    ----------
    rows : DataFrame
        Its rows of the predictions table.
    grid : str
        What the grid is called.
    slug, system, input_ : str
        Whose rows the numbers lead to.
    """
    counts, labels, answers = _count(rows)
    heads = [*labels, *(one for one in answers if one not in set(labels))]
    totals = {label: sum(counts.get((label, answer), 0) for answer in heads) for label in labels}
    has_groups = _is_grouped(rows)

    def cell(label: str, answer: str) -> Shaded:
        n, is_right = counts.get((label, answer), 0), label == answer
        share = n / max(totals[label], 1)
        link = rows_link(
            slug,
            model=system,
            input_=input_,
            outcome=None if answer == _NO_ANSWER else "right" if is_right else "wrong",
            group=label if has_groups else None,
        )
        return Shaded(
            text=f"{n:,}" if n else "",
            level=min(_LEVELS, max(1, round(_LEVELS * share))) if n else 0,
            is_right=is_right,
            href=link,
            title=f"{label} taken for {answer}: {n:,} of {totals[label]:,}, {number(100 * share, 1)} %",
        )

    n_right = sum(counts.get((label, label), 0) for label in labels)
    n = sum(totals.values())
    return Confusion(
        grid=grid,
        note=f"{n_right:,} of {n:,} right" if n else "no labels",
        classes=tuple(heads),
        rows=tuple((label, tuple(cell(label, answer) for answer in heads)) for label in labels),
    )


def confusion_table(rows: pl.DataFrame, grid: str, *, slug: str, system: str, input_: str) -> Table:
    """List the most frequent confusions of one model on one grid; arguments as in `confusion_matrix`."""
    counts, labels, _ = _count(rows)
    totals = dict.fromkeys(labels, 0)
    for (label, _), n in counts.items():
        totals[label] += n
    wrong = sorted((-n, label, answer) for (label, answer), n in counts.items() if label != answer)
    has_groups = _is_grouped(rows)
    listed = []
    for negative, label, answer in wrong[:_MOST_PAIRS]:
        n = -negative
        link = rows_link(
            slug, model=system, input_=input_, outcome="wrong", group=label if has_groups else None
        )
        cells = [
            Cell(text=answer, is_text=True),
            Cell(text=f"{n:,}", href=link),
            Cell(text=f"{number(100 * n / totals[label], 1)} %"),
        ]
        listed.append(Row(head=Column(text=label), cells=cells))
    columns = [
        Column(text="taken for", is_text=True),
        Column(text="times"),
        Column(text="share", below="of the label"),
    ]
    caption = f"{grid}: the most frequent confusions of {len(labels)} classes."
    return Table(caption=caption, corner="label", columns=columns, rows=listed)


def _count(rows: pl.DataFrame) -> tuple[dict[tuple[str, str], int], list[str], list[str]]:
    """Count rows by label and answer; rows without a label do not count."""
    told = rows.filter(pl.col("label").is_not_null()).select(
        "label", answer=pl.when(pl.col("error").is_null()).then(pl.col("prediction")).fill_null(_NO_ANSWER)
    )
    counts = {(label, answer): n for label, answer, n in told.group_by("label", "answer").len().iter_rows()}
    return counts, _ordered(label for label, _ in counts), _ordered(answer for _, answer in counts)


def _ordered(names: Iterable[str]) -> list[str]:
    """Return every name once, numbers by size and before words, and no answer at the end."""
    return sorted(set(names), key=_place)


def _place(name: str) -> tuple[bool, bool, int, str]:
    is_number = name.isascii() and name.isdigit() and len(name) < 10
    return name == _NO_ANSWER, not is_number, int(name) if is_number else 0, name


def _is_grouped(rows: pl.DataFrame) -> bool:
    """Tell whether the group of every row is its label, so that links can name it."""
    return bool(len(rows)) and bool((rows["group"] == rows["label"]).fill_null(value=False).all())

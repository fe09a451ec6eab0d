"""Which confusions grew and which shrank, as a matrix whose cells are shaded by points of all rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from longwave.monitoring import ConfusionShift
from longwave.monitoring.shift import NO_ANSWER
from longwave.report.formats import number, p_value, signed
from longwave.report.links import ORIGINAL, rows_link
from longwave.report.tables import Cell, Column, Row, Table

__all__ = ["MOST_CLASSES", "Moved", "ShiftMatrix", "n_labels", "shift_matrix", "shift_table"]

MOST_CLASSES = 20  # of a matrix
_LEVELS = 10  # of shade
_MOST_CELLS = 10  # of a list
_OTHER = "(something else)"


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A cell: its shift in points, how dark it is drawn, whether that is for the better, and its rows."""

    text: str
    level: int
    is_better: bool
    href: str
    title: str


@dataclass(frozen=True, kw_only=True)
class ShiftMatrix:
    """The shift of all confusions of a model.

    Parameters
    ----------
    note : str
        The sums, in words.
    classes : tuple of str
        Heads of the columns: labels, all answers that are no label, no answer.
    rows : tuple of (str, str, tuple of Moved)
        Label, its number of rows, and the shift of each prediction.
    """

    note: str
    classes: tuple[str, ...]
    rows: tuple[tuple[str, str, tuple[Moved, ...]], ...]


def n_labels(shift: ConfusionShift) -> int:
    """Count the labels that are true somewhere: the rows of the matrix."""
    return int((shift.counts_before.sum(axis=1) > 0).sum())


def shift_matrix(shift: ConfusionShift, *, slug: str, systems: tuple[str, str]) -> ShiftMatrix:
    """Draw the shift of all confusions.

    Parameters
    ----------
    shift : ConfusionShift
    slug : str
        Of the scenario.
    systems : tuple of str
        Before and after; numbers lead to the rows of the second.
    """
    truths, columns = _axes(shift)
    before, after = (
        np.stack([counts[truths][:, places].sum(axis=1) for _, places in columns], axis=1)
        for counts in (shift.counts_before, shift.counts_after)
    )  # (labels, columns)
    most = max(int(abs(after - before).max()), 1)

    def cell(a: int, b: int) -> Moved:
        first, second = int(before[a, b]), int(after[a, b])
        gained, is_right = second - first, a == b
        outcome = "right" if is_right else "wrong"
        return Moved(
            text=signed(100 * gained / shift.n) if first or second else "",
            level=max(1, round(_LEVELS * abs(gained) / most)) if gained else 0,
            is_better=(gained > 0) == is_right,
            href=rows_link(slug, model=systems[1], input_=ORIGINAL, outcome=outcome),
            title=f"{shift.labels[truths[a]]} answered by {columns[b][0]}: {first:,} rows before, "
            f"{second:,} after",
        )

    moved, errors = 100 * shift.total_variation, 100 * shift.error_shift
    return ShiftMatrix(
        note=f"at least {number(moved, 1)} % of the answers moved; errors moved, came or went by "
        f"{number(errors, 1)} points",
        classes=tuple(name for name, _ in columns),
        rows=tuple(
            (
                shift.labels[place],
                f"{int(before[a].sum()):,}",
                tuple(cell(a, b) for b in range(len(columns))),
            )
            for a, place in enumerate(truths)
        ),
    )


def _axes(shift: ConfusionShift) -> tuple[list[int], list[tuple[str, list[int]]]]:
    """Return the places of true labels, and the columns: these, all other answers, no answer."""
    places = range(len(shift.labels))
    truths = [place for place in places if shift.counts_before[place].sum()]
    others = [place for place in places if place not in truths]
    columns = [(shift.labels[place], [place]) for place in truths]
    for name, extra in ((_OTHER, others), (NO_ANSWER, [len(shift.labels)])):
        if shift.counts_before[:, extra].sum() + shift.counts_after[:, extra].sum():
            columns.append((name, extra))
    return truths, columns


def shift_table(shift: ConfusionShift, *, slug: str, systems: tuple[str, str]) -> Table | None:
    """List the confusions that moved most; arguments as in `shift_matrix`; None where nothing moved."""
    rows = []
    for row in shift.largest(_MOST_CELLS).iter_rows(named=True):
        is_right = row["true_label"] == row["predicted_label"]
        link = rows_link(
            slug,
            model=systems[1],
            input_=ORIGINAL,
            outcome="right" if is_right else "wrong",
            versus=systems[0],
        )
        cells = [
            Cell(text=row["predicted_label"], is_text=True),
            Cell(text=f"{row['before']:,}"),
            Cell(text=f"{row['after']:,}", href=link),
            Cell(
                text=signed(100 * row["shift"]),
                below=f"{signed(100 * row['low'])} to {signed(100 * row['high'])}",
            ),
            Cell(text=p_value(row["p_value"])),
        ]
        rows.append(Row(head=Column(text=row["true_label"]), cells=cells))
    if not rows:
        return None
    columns = [
        Column(text="answered by", is_text=True),
        Column(text="before", below="rows"),
        Column(text="after", below="rows"),
        Column(text="shift", below="points of all rows, 95 %"),
        Column(text="p", below="Benjamini–Hochberg"),
    ]
    return Table(caption="The confusions that moved most.", corner="label", columns=columns, rows=rows)

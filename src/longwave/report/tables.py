"""Tables of the pages: headers with directions, cells with an interval and a link to the rows behind them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from longwave.report.formats import ABSENT

__all__ = ["NO_CELL", "Cell", "Column", "Row", "Table"]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One number of a table.

    Parameters
    ----------
    text : str
    below : str
        Small print under it, mostly the interval.
    href : str or None
        Where the rows behind it are, from the report's top folder.
    is_best : bool
        Significantly better than every other.
    is_text : bool
        Words, which are set flush left and wrapped.
    mark : {"", "weak", "strong"}
        Evidence that the model saw the scenario in training.
    """

    text: str
    below: str = ""
    href: str | None = None
    is_best: bool = False
    is_text: bool = False
    mark: str = ""


NO_CELL = Cell(text=ABSENT)


@dataclass(frozen=True, kw_only=True)
class Column:
    """The head of a column: name, unit or direction below it, and a link."""

    text: str
    below: str = ""
    arrow: str = ""
    href: str | None = None
    is_text: bool = False


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row: its head and cells, its model's place in the palette (None for no model), its id on the page."""

    head: Column
    cells: Sequence[Cell]
    color: int | None = None
    is_floor: bool = False
    id: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with a caption; the first column holds the heads of the rows."""

    caption: str
    corner: str
    columns: Sequence[Column]
    rows: Sequence[Row]

    @property
    def floors(self) -> Iterable[Row]:
        """Rows that are floors, shown apart."""
        return [row for row in self.rows if row.is_floor]

    @property
    def ranked(self) -> Iterable[Row]:
        """Rows that are not floors."""
        return [row for row in self.rows if not row.is_floor]

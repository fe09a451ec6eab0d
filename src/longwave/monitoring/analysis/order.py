"""The order in which runs come by, and which of them are compared."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Literal

from longwave.errors import DataError
from longwave.monitoring.analysis.counts import Pairs, RunCounts

__all__ = ["PairBy", "PairQueue", "is_ordered"]

PairBy = Literal["dates", "apis", "none"]
Key = tuple[str, ...]


class _Order:
    """Tells whether runs come in an order in which pairs are complete when they have gone by."""

    def __init__(self, keys: Sequence[str], by: PairBy) -> None:
        left_out = {"dates": ("date",), "apis": ("api", "date"), "none": ()}[by]
        self.group_by = [i for i, name in enumerate(keys) if name not in left_out]
        self.series_by = [i for i, name in enumerate(keys) if name != "date"]
        self.date = keys.index("date") if "date" in keys else None
        self.finished: set[Key] = set()
        self.seen: set[Key] = set()
        self.group: Key | None = None
        self.last_date: dict[Key, str] = {}

    def group_of(self, key: Key) -> Key:
        return tuple(key[i] for i in self.group_by)

    def series_of(self, key: Key) -> Key:
        return tuple(key[i] for i in self.series_by)

    def accept(self, key: Key) -> bool:
        """Note a run; False if it comes again, too late for its group, or before an earlier date."""
        if key in self.seen:
            return False
        self.seen.add(key)
        group = self.group_of(key)
        if group != self.group:
            if group in self.finished:
                return False
            if self.group is not None:
                self.finished.add(self.group)
            self.group, self.last_date = group, {}
        if self.date is None:
            return True
        date, series = key[self.date], self.series_of(key)
        is_later = self.last_date.get(series, "") <= date
        self.last_date[series] = date
        return is_later


class PairQueue:
    """Runs that are done, and the counts of the pairs among them.

    Parameters
    ----------
    keys : sequence of str
        Names of the parts of a run's key.
    by : {"dates", "apis", "none"}
        See `analyse`.

    Attributes
    ----------
    run : RunCounts or None
        The one that is being read.
    done : list of RunCounts
    compared : list of Pairs
    """

    def __init__(self, *, keys: Sequence[str], by: PairBy) -> None:
        self.keys, self.by = tuple(keys), by
        self.run: RunCounts | None = None
        self.done: list[RunCounts] = []
        self.compared: list[Pairs] = []
        self._order = _Order(keys, by)
        self._waiting: list[RunCounts] = []

    def open(self, run: RunCounts) -> None:
        """Begin a run, after finishing the one before.

        Raises
        ------
        DataError
            If it does not come in the order of series and dates.
        """
        self._finish()
        if not self._order.accept(run.key):
            raise DataError(
                f"The rows of {'/'.join(run.key)} come too late: accepted are the rows of a run together, "
                f"and runs in the order of {', '.join(self.keys)}. Sort by them, or collect the frame."
            )
        self.run = run

    def close(self) -> None:
        """Finish the last run and the pairs that wait."""
        self._finish()
        self._settle()

    def _finish(self) -> None:
        run, self.run = self.run, None
        if run is None:
            return
        run.settle()
        self.done.append(run)
        if self.by == "none":
            return
        if self._waiting and self._group(self._waiting[0]) != self._group(run):
            self._settle()
        series = self._order.series_of(run.key)
        earlier = [each for each in self._waiting if self._order.series_of(each.key) == series]
        for each in earlier:  # at most one: the run before of the same API
            if self.by == "dates":
                self.compared.append(Pairs.of(each, run))
            each.kept.clear()
            self._waiting.remove(each)
        self._waiting.append(run)

    def _settle(self) -> None:
        """Compare the APIs of a dataset, and let go of their rows."""
        if self.by == "apis":
            self.compared += [Pairs.of(first, second) for first, second in combinations(self._waiting, 2)]
        for run in self._waiting:
            run.kept.clear()
        self._waiting = []

    def _group(self, run: RunCounts) -> Key:
        return self._order.group_of(run.key)


def is_ordered(found: Sequence[Key], keys: Sequence[str], by: PairBy) -> bool:
    """Tell whether stretches of rows with these keys can be read as they come."""
    order = _Order(keys, by)
    return all(order.accept(key) for key in found)

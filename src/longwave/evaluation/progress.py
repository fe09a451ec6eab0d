"""How far an evaluation is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from longwave.evaluation.asking import Batch

__all__ = ["Counter", "Listener", "Progress"]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One report to ``on_progress``.

    Parameters
    ----------
    stage : str
        ``"evaluate"``.
    done, total : int
        Rows, those of earlier starts included.
    text : str
        What is asked now: model and scenario, and failures where there are any.
    model, scenario : str
    elapsed_s : float
        Since this start.
    remaining_s : float or None
        Estimated from this start's rate; None before the first row.
    n_failed, n_cached : int
        Requests of this start that failed, and that were answered from the cache.
    cost_usd : float
        Price of this start's requests as far as models tell it.
    """

    stage: str
    done: int
    total: int
    text: str
    model: str = ""
    scenario: str = ""
    elapsed_s: float = 0.0
    remaining_s: float | None = None
    n_failed: int = 0
    n_cached: int = 0
    cost_usd: float = 0.0


Listener = Callable[[Progress], None]


class Counter:
    """Counts the rows of one start and tells the listener.

    Parameters
    ----------
    listener : callable or None
    total : int
        Rows in all, those of earlier starts included.
    """

    def __init__(self, listener: Listener | None, *, total: int) -> None:
        self.listener = listener
        self.total = total
        self._start = time.monotonic()
        self._told = -1
        self._skipped = self._fresh = self._n_failed = self._n_cached = 0
        self._cost_usd = 0.0

    def skip(self, model: str) -> None:
        """Count a row that was there before."""
        self._skipped += 1
        if self._skipped % 1000 == 0:
            self.tell(model)

    def add(self, batch: Batch, model: str) -> None:
        """Count what came of a batch."""
        self._fresh += len(batch.answered)
        self._n_failed += batch.n_failed
        self._n_cached += batch.n_cached
        self._cost_usd += batch.cost_usd
        self.tell(model, str(batch.answered[-1].row["scenario"]))

    def tell(self, model: str, scenario: str = "") -> None:
        """Report how far it is, unless that was told already."""
        done = self._skipped + self._fresh
        if self.listener is None or done == self._told:
            return
        self._told = done
        elapsed_s = time.monotonic() - self._start
        place = f" on {scenario}" if scenario else ""
        failures = f", {self._n_failed} failed" if self._n_failed else ""
        self.listener(
            Progress(
                stage="evaluate",
                done=done,
                total=self.total,
                text=f"{model}{place}{failures}",
                model=model,
                scenario=scenario,
                elapsed_s=elapsed_s,
                remaining_s=elapsed_s * (self.total - done) / self._fresh if self._fresh else None,
                n_failed=self._n_failed,
                n_cached=self._n_cached,
                cost_usd=self._cost_usd,
            )
        )

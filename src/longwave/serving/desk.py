"""The desk: what the event loops that ask and the thread that answers share, under one lock."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable

from longwave.serving.jobs import Job
from longwave.serving.requests import EngineClosed, EngineStats, Overloaded

__all__ = ["Desk"]

COUNTED = (
    "stopped",
    "reached_length",
    "cancelled",
    "failed",
    "refused",
    "prompt_tokens",
    "new_tokens",
    "steps",
)


class Desk:
    """Requests that wait, the number of those at work, and counters.

    Parameters
    ----------
    max_batch : int
        Requests at work at most.
    max_waiting : int
        Requests that may wait beyond those.

    Attributes
    ----------
    is_open : bool
        Whether requests are taken.
    """

    def __init__(self, max_batch: int, max_waiting: int) -> None:
        self.is_open = False
        self._max_batch, self._max_waiting = max_batch, max_waiting
        self._lock = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._n_active = 0
        self._deadline: float | None = None  # set where the desk is closing
        self._counts: Counter[str] = Counter()
        self._work_s = 0.0

    def add(self, make: Callable[[], Job]) -> Job:
        """Take a request.

        Raises
        ------
        EngineClosed
            If the desk is not open.
        Overloaded
            If too many wait.
        """
        with self._lock:
            if not self.is_open:
                state = "was not started" if self._deadline is None else "is closed"
                raise EngineClosed(f"The engine {state}; it takes no requests. Start one and ask it.")
            if self._is_full():
                self._drop_cancelled()
            if self._is_full():
                self._counts["refused"] += 1
                raise Overloaded(
                    f"{self._n_active} requests run and {len(self._waiting)} wait, as many as this engine "
                    f"takes (max_batch={self._max_batch}, max_waiting={self._max_waiting}). Try again later."
                )
            job = make()
            self._waiting.append(job)
            self._lock.notify_all()
        return job

    def take(self) -> Job | None:
        """Return the request that has waited longest, now at work; None where none waits."""
        with self._lock:
            self._drop_cancelled()
            if not self._waiting:
                return None
            self._n_active += 1
            return self._waiting.popleft()

    def await_work(self) -> bool:
        """Sleep until there is something to do; return False where the desk has closed."""
        with self._lock:
            while not (self._waiting or self._n_active or self._deadline is not None):
                self._lock.wait()
            is_in_time = self._deadline is None or time.monotonic() < self._deadline
            return bool(self._waiting or self._n_active) and is_in_time

    def end(self, outcome: str) -> None:
        """Count a request that was at work, and is not any more."""
        with self._lock:
            self._n_active -= 1
            self._counts[outcome] += 1

    def count(self, name: str, n: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name] += n

    def worked(self, seconds: float) -> None:
        """Add to the time of work."""
        with self._lock:
            self._work_s += seconds

    def open(self) -> None:
        """Take requests from now on.

        Raises
        ------
        EngineClosed
            If the desk was closed.
        """
        with self._lock:
            if self._deadline is not None:
                raise EngineClosed("This engine was closed. Make another one.")
            self.is_open = True

    def close(self, grace_s: float) -> None:
        """Take no more requests, and let ``await_work`` end after so many seconds, or earlier."""
        with self._lock:
            self.is_open = False
            deadline = time.monotonic() + grace_s
            self._deadline = deadline if self._deadline is None else min(self._deadline, deadline)
            self._lock.notify_all()

    def clear(self) -> list[Job]:
        """Return the requests that still wait, which nobody will answer."""
        with self._lock:
            left = list(self._waiting)
            self._counts["failed"] += len(left)
            self._waiting.clear()
            return left

    def stats(self) -> EngineStats:
        """Return what was done so far and what is there now."""
        with self._lock:
            counts = {name: self._counts[name] for name in COUNTED}
            n_waiting = len(self._waiting)
            return EngineStats(running=self._n_active, waiting=n_waiting, work_s=self._work_s, **counts)

    def _is_full(self) -> bool:
        return self._n_active + len(self._waiting) >= self._max_batch + self._max_waiting

    def _drop_cancelled(self) -> None:
        """Forget waiting requests that were given up."""
        there = [job for job in self._waiting if not job.is_cancelled]
        self._counts["cancelled"] += len(self._waiting) - len(there)
        self._waiting = deque(there)

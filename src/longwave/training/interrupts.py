"""Let Ctrl-C and SIGTERM wait for the end of the step, so that a checkpoint can be written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

__all__ = ["StopRequest", "delay_interrupts"]


@dataclass
class StopRequest:
    """Whether somebody asked the run to stop."""

    is_made: bool = False


@contextmanager
def delay_interrupts() -> Iterator[StopRequest]:
    """Turn the first SIGINT or SIGTERM into a request; the second one interrupts at once.

    Outside the main thread, where Python delivers no signals, nothing changes.
    """
    request = StopRequest()

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of a handler
        if request.is_made:
            raise KeyboardInterrupt
        request.is_made = True

    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    previous = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)

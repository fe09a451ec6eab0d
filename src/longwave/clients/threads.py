"""Run asynchronous work from ordinary code: in a thread of its own, results handed over as they come."""

from __future__ import annotations

import asyncio
import contextlib
import queue
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

__all__ = ["iterate_in_thread"]

T = TypeVar("T")
# an item in a tuple of its own, None for the end
Items = queue.SimpleQueue[tuple[T] | None]


def iterate_in_thread(work: Callable[[Callable[[T], None]], Awaitable[None]]) -> Iterator[list[T]]:
    """Run a coroutine in a thread and yield what it emits.

    Parameters
    ----------
    work : callable
        ``work(emit)`` returns the coroutine; it calls ``emit(item)`` as often as it likes.

    Yields
    ------
    list of T
        All items since the last time, at least one, as soon as there is one.

    Notes
    -----
    An error of the coroutine is raised after all it emitted was yielded. When the caller stops early, or is
    interrupted, the coroutine is cancelled and ended first. Works inside a running event loop too, as in
    notebooks.
    """
    items: Items[T] = queue.SimpleQueue()
    started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Task[None] | None]] = Future()

    async def run() -> None:
        started.set_result((asyncio.get_running_loop(), asyncio.current_task()))
        try:
            await work(lambda item: items.put((item,)))
        finally:
            items.put(None)

    with ThreadPoolExecutor(1, thread_name_prefix="longwave-requests") as pool:
        ended = pool.submit(lambda: asyncio.run(run()))
        both: set[Future[Any]] = {started, ended}
        wait(both, return_when=FIRST_COMPLETED)
        try:
            while started.done() and (group := _take(items)):
                yield group
            ended.result()  # raises what the coroutine raised
        finally:
            if started.done() and not ended.done():
                loop, task = started.result()
                with contextlib.suppress(RuntimeError):  # the loop may close at this very moment
                    loop.call_soon_threadsafe(task.cancel if task else loop.stop)


def _take(items: Items[T]) -> list[T]:
    """Wait for an item and take all there are; none at the end."""
    group: list[T] = []
    entry = items.get()
    while entry is not None:
        group.append(entry[0])
        try:
            entry = items.get_nowait()
        except queue.Empty:
            return group
    if group:
        items.put(None)  # the end comes again, after this group
    return group

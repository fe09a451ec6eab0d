"""Train several runs at once, each in a process of its own: on a GPU small models leave most of it idle."""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait

import torch
from accuracy import Cell, Plan, is_ready, run_cell


def run_side_by_side(plan: Plan, todo: list[Cell], jobs: int, *, done: Callable[[], None]) -> None:
    """Run cells in their order, ``jobs`` at a time, until all are done or the time is up.

    Parameters
    ----------
    plan : Plan
    todo : list of Cell
        One that needs the result of another waits for it, and others go before.
    jobs : int
    done : callable
        Called after every cell, in this process.
    """
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    running: dict[Future[None], Cell] = {}
    waiting = list(todo)
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=share_cores, initargs=(jobs,)) as pool:
        while waiting or running:
            ready = [cell for cell in waiting if is_ready(cell, plan)] if time.time() < plan.ends_at else []
            for cell in ready[: jobs - len(running)]:
                running[pool.submit(run_cell, cell, plan)] = cell
                waiting.remove(cell)
            if not running:
                return  # what is left needs runs that did not finish
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                cell, failure = running.pop(future), future.exception()
                if failure is not None:  # of one run; the others go on
                    print(f"{cell.name}: {failure}", file=sys.stderr, flush=True)
                done()


def share_cores(jobs: int) -> None:
    """Let every process compute on its share of the cores."""
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // jobs))

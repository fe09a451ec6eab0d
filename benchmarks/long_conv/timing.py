"""Time calls: warm-up, repeats within a budget, median and spread; peak memory of one call on a GPU."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

SLOW_S, VERY_SLOW_S = 0.25, 1.0


@dataclass(frozen=True)
class Timing:
    """What repeats of one call took; the first call (compilation, tuning) is told apart."""

    median_ms: float
    min_ms: float
    max_ms: float
    repeats: int
    first_s: float


def plan_repeats(estimate_s: float, budget_s: float, most: int = 30) -> tuple[int, int]:
    """Return further warm-ups and repeats of a call that took ``estimate_s`` the second time.

    Without further warm-ups the second call is one of the repeats.
    """
    if estimate_s >= VERY_SLOW_S:
        return 0, 3
    if estimate_s >= SLOW_S:
        return 1, 3
    return 2, max(5, min(most, int(budget_s / max(estimate_s, 1e-9))))


def summarize(times_ms: Sequence[float], first_s: float) -> Timing:
    return Timing(statistics.median(times_ms), min(times_ms), max(times_ms), len(times_ms), first_s)


def measure(call: Callable[[], object], device: str, budget_s: float, most: int = 30) -> Timing:
    """Time a call on a device: two calls to warm up and to see how long it takes, then the repeats."""
    first_s, second_s = (_times_ms(call, device, 1)[0] / 1e3 for _ in range(2))
    warmups, repeats = plan_repeats(second_s, budget_s, most)
    if warmups:
        _times_ms(call, device, warmups)
        times = _times_ms(call, device, repeats)
    else:
        times = [second_s * 1e3, *_times_ms(call, device, repeats - 1)]
    return summarize(times, first_s)


def peak_gib(call: Callable[[], object]) -> float:
    """Return what a call holds on the GPU at its peak, above what was there before."""
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    result = call()
    torch.cuda.synchronize()
    del result
    return (torch.cuda.max_memory_allocated() - before) / 2**30


def _times_ms(call: Callable[[], object], device: str, repeats: int) -> list[float]:
    return _on_gpu(call, repeats) if device == "cuda" else _on_cpu(call, repeats)


def _on_gpu(call: Callable[[], object], repeats: int) -> list[float]:
    events = [torch.cuda.Event(enable_timing=True) for _ in range(2 * repeats)]
    torch.cuda.synchronize()
    for start, end in zip(events[::2], events[1::2], strict=True):
        start.record()
        call()
        end.record()
    torch.cuda.synchronize()
    return [start.elapsed_time(end) for start, end in zip(events[::2], events[1::2], strict=True)]


def _on_cpu(call: Callable[[], object], repeats: int) -> list[float]:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e3)
    return times

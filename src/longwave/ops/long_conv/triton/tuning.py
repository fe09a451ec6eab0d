"""Tiles for a GPU nobody measured: tried there once, the fastest that is right is kept on disk.

GPUs like those behind the tables of ``plans`` take the tables. On others the first call of a size tries a
dozen plans in three rounds, each around the best so far: how a sequence is folded, how far ahead it is
loaded, how the work is shared. ``tune_long_conv`` does the same on demand, on any GPU.
"""

# Shapes: B batch, D width, L length, P points of a tile

from __future__ import annotations

import functools
import logging
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import torch

from longwave.errors import ConfigError
from longwave.ops._triton import launch_failures
from longwave.ops.long_conv.triton.plans import (
    LONGEST,
    ChunkPlan,
    PassPlan,
    backward_plan,
    forward_plan,
    pass_plan,
)
from longwave.ops.long_conv.triton.remembered import gpu_key, recall, remember

__all__ = ["Tuning", "planner", "search", "size_of", "tune_sizes", "tuned_plan"]

Plan = ChunkPlan | PassPlan
FILE = "tuned-plans"
MEASURED = (9, 0)  # compute capability of the GPUs behind the tables
MOST, SECONDS = 12, 60.0  # plans tried for one size in one direction, and when no further one is started
SHORTEST = 256
VALUES, WIDTH = 768 * 2**17, 768  # of the signals that plans are timed on, as in the benchmark
SHARE_OF_MEMORY = 1 / 64  # of what is free, for one of the eight tensors
SUMS = {False: 32, True: 16}  # complex ones a thread, at most; by whether it is the backward pass
ROWS = ((16, 16, 1, 3), (32, 16, 1, 3), (32, 32, 2, 3), (64, 32, 4, 2), (64, 64, 4, 2), (128, 64, 8, 2))
FEWEST_ROWS, MOST_ROWS = 8, 1024  # of the outer matrix
SCRATCH_MB = (48, 96, 192)
MOST_SHARED = 227 * 2**10  # bytes of a program on any GPU so far, for versions of PyTorch that do not tell

_log = logging.getLogger(__name__)


class Tuning(NamedTuple):
    """What ``tune_long_conv`` found for one size in one direction.

    Attributes
    ----------
    longest : int
        Steps up to which the plan serves; above half as many.
    is_backward : bool
        Whether it serves the backward pass.
    plan : ChunkPlan or PassPlan
        Tiles of the kernels, kept for later calls.
    ms, table_ms : float
        Milliseconds with that plan and with the one of the tables; infinite where that does not run.
    """

    longest: int
    is_backward: bool
    plan: Plan
    ms: float
    table_ms: float


def tune_sizes(lengths: Iterable[int], device: torch.device, dtype: torch.dtype) -> list[Tuning]:
    """Tune both directions of the sizes that serve these lengths, whatever is known; keep what is found."""
    sizes = sorted({size_of(L) for L in lengths})
    found = [_tune(points, device, dtype, is_backward) for points in sizes for is_backward in (False, True)]
    _tuned_once.cache_clear()
    tuned_plan.cache_clear()
    return [each for each in found if each is not None]


def size_of(L: int) -> int:
    """Return the size of tiles that serves a length: the next power of two."""
    if not 1 <= L <= LONGEST:
        raise ConfigError(
            f"The GPU kernels cannot be tuned for {L} steps: they serve from 1 to {LONGEST}. "
            f"Leave that length out."
        )
    return max(SHORTEST, 1 << (L - 1).bit_length())


def planner(device: torch.device, dtype: torch.dtype, *, is_backward: bool) -> Callable[[int], Plan]:
    """Return the function that knows a device's plan for every length."""
    if device.type != "cuda":
        return backward_plan if is_backward else forward_plan
    return functools.partial(tuned_plan, device=device, dtype=dtype, is_backward=is_backward)


@functools.lru_cache(maxsize=1024)
def tuned_plan(L: int, *, device: torch.device, dtype: torch.dtype, is_backward: bool) -> Plan:
    """Return the plan for ``L`` steps on a GPU: one found by tuning, or the tables' where they were measured.

    Where no plan runs the tables' is returned too; its check fails, and the caller takes the FFT.
    """
    points = size_of(L)
    plan = _plan_of(recall(FILE).get(_key(points, device, dtype, is_backward)), points)
    if plan is None and torch.cuda.get_device_capability(device) != MEASURED:
        plan = _tuned_once(points, device, dtype, is_backward)
    if plan is None:
        return _table(is_backward)(L)
    return plan if isinstance(plan, ChunkPlan) else replace(plan, N0=-(-L // plan.P))


def _table(is_backward: bool) -> Callable[[int], Plan]:
    return backward_plan if is_backward else forward_plan


def _key(points: int, device: torch.device, dtype: torch.dtype, is_backward: bool) -> str:
    return f"{gpu_key(device)} {dtype} {'backward' if is_backward else 'forward'} {points}"


def _plan_of(found: object, points: int) -> Plan | None:
    """Make a plan of what a file holds; None if it is none for so many points."""
    if not isinstance(found, dict):
        return None
    kinds: dict[object, type[Plan]] = {"ChunkPlan": ChunkPlan, "PassPlan": PassPlan}
    fields: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in found.items()}
    try:
        plan = kinds[fields.pop("kind")](**fields)
        return plan if plan.points == points else None
    except (KeyError, TypeError):
        return None


@functools.lru_cache(maxsize=256)
def _tuned_once(points: int, device: torch.device, dtype: torch.dtype, is_backward: bool) -> Plan | None:
    found = _tune(points, device, dtype, is_backward)
    return None if found is None else found.plan


def _tune(points: int, device: torch.device, dtype: torch.dtype, is_backward: bool) -> Tuning | None:
    """Search, check and remember."""
    direction, gpu = "backward" if is_backward else "forward", torch.cuda.get_device_name(device)
    _log.info("Tuning the %s GPU kernels of long_conv for up to %d steps on %s.", direction, points, gpu)
    start = time.monotonic()
    with torch.cuda.device(device):
        timings = search(points, is_backward, _stopwatch(points, device, dtype, is_backward), _shared(device))
        plan = _first_right(timings, device, dtype, is_backward)
    _log.info("Tried %d plans in %.0f s; kept %s.", len(timings), time.monotonic() - start, plan)
    if plan is None:
        return None
    value = {"kind": type(plan).__name__, **asdict(plan)}
    remember(FILE, _key(points, device, dtype, is_backward), value)
    table_ms = timings.get(_table(is_backward)(points), math.inf)
    return Tuning(points, is_backward, plan, timings[plan], table_ms)


def search(
    points: int, is_backward: bool, measure: Callable[[Plan], float], shared: int
) -> dict[Plan, float]:
    """Return the milliseconds of up to ``MOST`` plans, in three rounds around the best so far.

    ``measure`` returns infinity for a plan that does not run; ``shared`` is the memory of a program in bytes.
    """
    end, best = time.monotonic() + SECONDS, _table(is_backward)(points)
    timings: dict[Plan, float] = {}
    for variants in (_folds, _depths, _shares):
        for plan in variants(best, is_backward):
            if plan in timings or (plan != best and not _may_fit(plan, shared)):
                continue
            if len(timings) >= MOST or (timings and time.monotonic() > end):
                break
            timings[plan] = measure(plan)
        best = min(timings, key=lambda plan: timings[plan])
    return timings


def _folds(best: Plan, is_backward: bool) -> Iterator[Plan]:
    """Yield other ways to fold the sequence, the fewest values a thread last."""
    yield best
    points = best.points
    for N1 in (128, 64, 32, 16):
        N2 = points // N1
        if 16 <= N2 <= N1:
            for warps in (1, 2, 4, 8):
                if 16 * warps <= N1 and points // (32 * warps) <= SUMS[is_backward]:
                    yield ChunkPlan(N1=N1, N2=N2, warps=warps, stages=2, parts=1 if warps >= 4 else 4)
    scratch = best.scratch // 2**20 if isinstance(best, PassPlan) else 96
    for N1, N2, warps, stages in ROWS:
        if FEWEST_ROWS <= points // (N1 * N2) <= MOST_ROWS:
            yield pass_plan(points, {LONGEST: (N1, N2, warps, stages, scratch)})


def _depths(best: Plan, is_backward: bool) -> Iterator[Plan]:  # noqa: ARG001
    """Yield other depths of loading ahead, for three passes also half as many columns a tile."""
    if isinstance(best, ChunkPlan):
        yield from (replace(best, stages=stages) for stages in (1, 2, 3))
        return
    if best.M // 2 >= best.N2:
        yield replace(best, M=best.M // 2)
    for stages in ((1, 1), (2, 2), (3, 3)):
        yield replace(best, stages=stages)


def _shares(best: Plan, is_backward: bool) -> Iterator[Plan]:  # noqa: ARG001
    """Yield other numbers of programs a channel, or other amounts of scratch memory."""
    if isinstance(best, ChunkPlan):
        yield from (replace(best, parts=parts) for parts in (1, 2, 4))
    else:
        yield from (replace(best, scratch=mb * 2**20) for mb in SCRATCH_MB)


def _may_fit(plan: Plan, shared: int) -> bool:
    """Tell by a lower bound whether a plan may fit: F1, F2 of three parts and a complex tile, in fp16."""
    needed = 6 * (plan.N1**2 + plan.N2**2) + 4 * plan.N1 * plan.N2
    return needed <= shared


def _shared(device: torch.device) -> int:
    properties = torch.cuda.get_device_properties(device)
    return int(getattr(properties, "shared_memory_per_block_optin", MOST_SHARED))


def _stopwatch(
    points: int, device: torch.device, dtype: torch.dtype, is_backward: bool
) -> Callable[[Plan], float]:
    """Return the function that times a plan, with two gates and a filter as long as the signal."""
    import triton

    from longwave.ops.long_conv.triton.launch import Call, backward, forward

    @functools.lru_cache(maxsize=1)
    def draw() -> tuple[Call, torch.Tensor]:
        B, D = _shape(points, device)
        u, a, b, grad = (torch.randn(B, D, points, device=device, dtype=dtype) for _ in range(4))
        return Call(u, torch.randn(D, points, device=device), None, a, b), grad

    def measure(plan: Plan) -> float:
        def run() -> object:
            call, grad = draw()
            return backward(call, grad, (True,) * 4, plan) if is_backward else forward(call, plan)

        try:
            return float(triton.testing.do_bench(run, warmup=5, rep=25, return_mode="median"))
        except launch_failures():
            return math.inf

    return measure


def _shape(points: int, device: torch.device) -> tuple[int, int]:
    """Return batch and width of the signals that plans are timed on: large, but sparing the memory."""
    free, _ = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    values = min(VALUES, int(free * SHARE_OF_MEMORY) // 2)
    D = max(1, min(WIDTH, values // points))
    return max(1, values // (D * points)), D


def _first_right(
    timings: dict[Plan, float], device: torch.device, dtype: torch.dtype, is_backward: bool
) -> Plan | None:
    """Return the fastest plan that agrees with float64; None if none does."""
    from longwave.ops.long_conv.triton.self_check import find_problem

    for plan in sorted(timings, key=lambda plan: timings[plan]):
        if timings[plan] == math.inf:
            break
        problem = find_problem(plan, device, dtype, is_backward=is_backward)
        if problem is None:
            return plan
        _log.info("%s %s", plan, problem)
    return None

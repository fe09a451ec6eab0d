"""Tuning with a made-up GPU: what is tried, what is kept, and when nothing is tried at all."""

from __future__ import annotations

import contextlib
import json
import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from longwave.errors import BackendUnavailable, ConfigError
from longwave.ops import long_conv, tune_long_conv
from longwave.ops.long_conv import tune
from longwave.ops.long_conv.triton import self_check, tuning
from longwave.ops.long_conv.triton.plans import LONGEST, ChunkPlan, PassPlan, backward_plan, forward_plan
from longwave.ops.long_conv.triton.tuning import MOST, MOST_SHARED, SUMS, planner, search, tuned_plan

GPU, BF16 = torch.device("cuda", 0), torch.bfloat16
SIZES = [2**n for n in range(8, 23)]
DIRECTIONS = pytest.mark.parametrize("is_backward", [False, True], ids=["forward", "backward"])
SMALL_GPU = 99 * 2**10  # bytes of shared memory of a program on most GPUs that are no Hopper
Plan = ChunkPlan | PassPlan


def table(is_backward: bool) -> Callable[[int], Plan]:
    return backward_plan if is_backward else forward_plan


def same(plan: Plan) -> float:
    return 1.0


class Gpu:
    """A GPU that never was: how long plans take there, which are wrong, and what was tried."""

    def __init__(self) -> None:
        self.capability = (8, 9)
        self.time: Callable[[Plan], float] = same
        self.wrong: Callable[[Plan], bool] = lambda _: False
        self.tried: list[Plan] = []

    def stopwatch(self, *_: object) -> Callable[[Plan], float]:
        def measure(plan: Plan) -> float:
            self.tried.append(plan)
            return self.time(plan)

        return measure

    def find_problem(self, plan: Plan, *_: object, **__: object) -> str | None:
        return "is wrong" if self.wrong(plan) else None

    def restart(self) -> None:
        """Forget what a process knows."""
        tuned_plan.cache_clear()
        tuning._tuned_once.cache_clear()


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gpu]:
    """Return a made-up GPU with nothing remembered."""
    made = Gpu()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "NVIDIA Pretended")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: made.capability)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device", contextlib.nullcontext)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(tune, "_reason", lambda *_: None)
    monkeypatch.setattr(tuning, "_shared", lambda _: SMALL_GPU)
    monkeypatch.setattr(tuning, "_stopwatch", made.stopwatch)
    monkeypatch.setattr(self_check, "find_problem", made.find_problem)
    made.restart()
    yield made
    made.restart()


def ask(L: int, *, is_backward: bool = False, dtype: torch.dtype = BF16) -> Plan:
    return planner(GPU, dtype, is_backward=is_backward)(L)


@DIRECTIONS
@pytest.mark.parametrize("points", SIZES)
def test_every_plan_tried_serves_the_size(points, is_backward):
    assert {plan.points for plan in search(points, is_backward, same, MOST_SHARED)} == {points}


@DIRECTIONS
@pytest.mark.parametrize("points", SIZES)
def test_few_plans_are_tried_and_the_tables_first(points, is_backward):
    tried = list(search(points, is_backward, same, MOST_SHARED))
    assert 3 <= len(tried) <= MOST
    assert tried[0] == table(is_backward)(points)


@DIRECTIONS
@pytest.mark.parametrize("points", SIZES)
def test_no_plan_tried_has_too_many_sums_a_thread_or_idle_warps(points, is_backward):
    chunks = [p for p in search(points, is_backward, same, MOST_SHARED) if isinstance(p, ChunkPlan)]
    sums = [plan.points // (32 * plan.warps) for plan in chunks]
    assert max(sums, default=0) <= SUMS[is_backward]
    assert all(16 * plan.warps <= plan.N1 for plan in chunks)


@DIRECTIONS
@pytest.mark.parametrize("points", SIZES)
def test_tiles_tried_divide_what_they_tile(points, is_backward):
    passes = [p for p in search(points, is_backward, same, MOST_SHARED) if isinstance(p, PassPlan)]
    assert all((p.P % p.M, p.M % p.N2, p.P % p.N2) == (0, 0, 0) and min(p.M, p.R, p.N2) >= 16 for p in passes)


@DIRECTIONS
@pytest.mark.parametrize("points", [size for size in SIZES if size >= 8192])
def test_a_small_gpu_tries_no_large_tile_beside_the_tables(points, is_backward):
    tried = list(search(points, is_backward, same, SMALL_GPU))[1:]
    assert tried
    assert max(plan.N1 for plan in tried) <= 64


def prefers(**wanted: object) -> Callable[[Plan], float]:
    """Return a timer that takes a millisecond more for every field that is not as wanted."""
    return lambda plan: 1.0 + sum(getattr(plan, name, None) != value for name, value in wanted.items())


@pytest.mark.parametrize(
    ("points", "wanted"),
    [
        (1024, {"N1": 64, "warps": 4, "stages": 1, "parts": 2}),
        (4096, {"N1": 128, "stages": 3}),
        (8192, {"N0": 16, "scratch": 48 * 2**20}),
        (16384, {"N0": 64, "stages": (1, 1), "scratch": 192 * 2**20}),
    ],
    ids=lambda each: each if isinstance(each, int) else "",
)
def test_rounds_find_what_is_best_in_each(points, wanted):
    timings = search(points, False, prefers(**wanted), MOST_SHARED)
    best = min(timings, key=timings.get)
    assert timings[best] == 1.0
    assert all(getattr(best, name) == value for name, value in wanted.items())


def test_plan_that_does_not_run_is_left_behind():
    runs = search(8192, False, lambda plan: 1.0 if plan.N1 < 128 else math.inf, MOST_SHARED)
    assert min(runs, key=runs.get).N1 < 128


def test_search_stops_when_its_time_is_up(monkeypatch):
    clock = iter(range(0, 1000, 25))
    monkeypatch.setattr(tuning.time, "monotonic", lambda: next(clock))
    assert len(search(16384, False, same, MOST_SHARED)) == 3  # at 25, 50 and, the last, 75 seconds


def test_one_plan_is_tried_however_late_it_is(monkeypatch):
    monkeypatch.setattr(tuning, "SECONDS", -1.0)
    assert list(search(1024, False, same, MOST_SHARED)) == [forward_plan(1024)]


@DIRECTIONS
@pytest.mark.parametrize("L", [1, 300, 4096, 5000, 100_000, LONGEST])
def test_measured_gpu_takes_the_table_and_tries_nothing(gpu, L, is_backward):
    gpu.capability = (9, 0)
    assert ask(L, is_backward=is_backward) == table(is_backward)(L)
    assert gpu.tried == []


@DIRECTIONS
def test_without_a_gpu_the_table_is_taken(gpu, is_backward):
    assert planner(torch.device("cpu"), BF16, is_backward=is_backward) is table(is_backward)
    assert gpu.tried == []


def test_other_gpu_takes_the_fastest_plan(gpu):
    gpu.time = prefers(N1=64, N2=16, parts=2)
    assert (ask(1000).N1, ask(1000).N2, ask(1000).parts) == (64, 16, 2)


def test_lengths_of_a_size_are_tuned_together(gpu):
    ask(1024)
    n_tried = len(gpu.tried)
    assert ask(513).points == 1024
    assert len(gpu.tried) == n_tried


@pytest.mark.parametrize("L", [8193, 10_001, 16_383])
def test_tuned_passes_take_as_many_rows_as_a_length_needs(gpu, L):
    gpu.time = prefers(N1=16)
    plan = ask(L)
    assert plan.N1 == 16
    assert L <= plan.points < L + plan.P


@pytest.mark.parametrize(
    "other", [{"is_backward": True}, {"dtype": torch.float32}, {"L": 2048}], ids=["direction", "type", "size"]
)
def test_each_size_type_and_direction_is_tuned_for_itself(gpu, other):
    ask(1024)
    n_tried = len(gpu.tried)
    ask(**({"L": 1024} | other))
    assert len(gpu.tried) > n_tried


def test_next_process_remembers(gpu):
    gpu.time = prefers(N1=64, N2=16)
    first = ask(1024)
    gpu.restart()
    gpu.tried.clear()
    assert (ask(1024), gpu.tried) == (first, [])


def test_tiles_of_passes_are_remembered_as_they_were(gpu):
    gpu.time = prefers(stages=(2, 2))
    first = ask(16384, is_backward=True)
    gpu.restart()
    assert ask(16384, is_backward=True) == first
    assert isinstance(first.stages, tuple)


def test_fastest_plan_is_passed_over_when_it_is_wrong(gpu):
    gpu.time, gpu.wrong = prefers(N1=64), lambda plan: plan.N1 == 64
    assert ask(1024).N1 == 32


@pytest.mark.parametrize("failing", ["time", "wrong"])
def test_where_nothing_runs_the_table_is_left_and_nothing_remembered(gpu, tmp_path, failing):
    setattr(gpu, failing, lambda _: math.inf if failing == "time" else True)
    assert ask(1024) == forward_plan(1024)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_runs_a_size_is_tried_once_a_process(gpu):
    gpu.time = lambda _: math.inf
    ask(1024)
    n_tried = len(gpu.tried)
    ask(1000)
    assert len(gpu.tried) == n_tried


DAMAGES = {
    "no-object": 5,
    "no-kind": {"N1": 32},
    "unknown-kind": {"kind": "Plan"},
    "fields-missing": {"kind": "ChunkPlan", "N1": 32},
    "fields-unknown": {"kind": "ChunkPlan", "N1": 32, "N2": 32, "warps": 1, "stages": 1, "parts": 1, "x": 1},
    "other-size": {"kind": "ChunkPlan", "N1": 64, "N2": 32, "warps": 1, "stages": 1, "parts": 1},
    "no-numbers": {"kind": "ChunkPlan", "N1": "a", "N2": "b", "warps": 1, "stages": 1, "parts": 1},
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damaged_finding_is_tuned_anew(gpu, tmp_path, damage):
    expected = ask(1024)
    path = tmp_path / "longwave" / "tuned-plans.json"
    path.write_text(json.dumps(dict.fromkeys(json.loads(path.read_text("utf-8")), damage)), "utf-8")
    gpu.restart()
    gpu.tried.clear()
    assert ask(1024) == expected
    assert gpu.tried != []


def test_log_says_what_is_tuned_and_what_was_kept(gpu, caplog):
    with caplog.at_level(logging.INFO, logger=tuning.__name__):
        ask(1024)
    first, last = (record.getMessage() for record in caplog.records)
    assert all(part in first for part in ("forward", "1024 steps", "NVIDIA Pretended"))
    assert all(part in last for part in (f"{len(gpu.tried)} plans", "s; kept ChunkPlan"))


def test_tuning_on_demand_serves_a_measured_gpu_from_then_on(gpu):
    gpu.capability, gpu.time = (9, 0), prefers(N1=64, N2=16)
    assert ask(1024) == forward_plan(1024)
    found = tune_long_conv([1000, 700], device=GPU)
    assert [(each.longest, each.is_backward) for each in found] == [(1024, False), (1024, True)]
    assert ask(1024) == found[0].plan != forward_plan(1024)


def test_tuning_on_demand_tells_what_it_gained(gpu):
    gpu.time = prefers(N1=64, N2=16, stages=1)
    (forward, _) = tune_long_conv([1024], device=GPU)
    assert (forward.ms, forward.table_ms) == (1.0, gpu.time(forward_plan(1024)))


def test_tuning_on_demand_leaves_out_what_does_not_run(gpu):
    gpu.time = lambda plan: math.inf if plan.points == 1024 else 1.0
    assert {each.longest for each in tune_long_conv([1024, 256], device=GPU)} == {256}


def test_nothing_to_tune_is_nothing(gpu):
    assert tune_long_conv([], device=GPU) == []


@pytest.mark.parametrize("L", [0, -5, LONGEST + 1])
def test_length_that_the_kernels_do_not_serve_is_named(L):
    with pytest.raises(ConfigError, match=rf"for {L} steps: they serve from 1 to {LONGEST}\. Leave"):
        tune_long_conv([16, L])


def test_cpu_cannot_be_tuned():
    with pytest.raises(BackendUnavailable, match="CUDA devices, and this one is cpu"):
        tune_long_conv([16], device="cpu")


def test_tuning_without_a_gpu_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(BackendUnavailable, match="finds no CUDA device"):
        tune_long_conv([16])


@pytest.mark.parametrize(
    ("size", "free", "expected"),
    [(1024, 2**37, (128, 768)), (2**22, 2**37, (1, 24)), (1024, 2**27, (1, 768)), (2**22, 2**20, (1, 1))],
    ids=str,
)
def test_signals_timed_are_large_but_spare_the_memory(monkeypatch, size, free, expected):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, free))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 0)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 0)
    assert tuning._shape(size, GPU) == expected


@DIRECTIONS
def test_stopwatch_runs_a_plan_and_takes_a_failure_for_endless(monkeypatch, is_backward):
    import triton

    def once(run: Callable[[], object], **_: object) -> float:
        run()
        return 2.5

    monkeypatch.setattr(triton.testing, "do_bench", once)
    monkeypatch.setattr(tuning, "_shape", lambda *_: (2, 2))
    measure = tuning._stopwatch(256, torch.device("cpu"), torch.float32, is_backward)
    plan = table(is_backward)(256)
    assert [measure(plan), measure(replace(plan, N1=5))] == [2.5, math.inf]


@pytest.mark.gpu
@pytest.mark.slow
def test_a_real_gpu_is_tuned_and_stays_right(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    found = tune_long_conv([512])
    assert [each.is_backward for each in found] == [False, True]
    assert all(each.ms <= each.table_ms for each in found)
    u, k = torch.randn(4, 32, 500, device="cuda", dtype=BF16), torch.randn(32, 500, device="cuda")
    y, expected = long_conv(u, k, backend="triton"), long_conv(u.float(), k, backend="fft")
    assert (y - expected).norm() < 5e-3 * expected.norm()
    tuning.tuned_plan.cache_clear()

"""How much each mode computes, counted: points of the FFTs and products of the direct sums."""

from __future__ import annotations

import math

import pytest
import torch

from longwave.ops.long_conv.online import OnlineConv, choose
from longwave.ops.long_conv.online.stream import Stream

BLOCK = 16


@pytest.fixture
def count(monkeypatch):
    """Return a function that gives the operations of each step of a mode, for one channel."""
    monkeypatch.setitem(choose.RELAXED_BLOCK, "cpu", BLOCK)
    spent = []

    def counting(transform):
        def of(signal, n):
            if signal.dim() == 3:  # not a filter, which is transformed once for all streams
                spent[-1] += n * math.log2(n)
            return transform(signal, n=n)

        return of

    direct_sum = Stream._direct_sum

    def counted_sum(self):
        spent[-1] += self.position + 1 - self.base
        return direct_sum(self)

    monkeypatch.setattr(torch.fft, "rfft", counting(torch.fft.rfft))
    monkeypatch.setattr(torch.fft, "irfft", counting(torch.fft.irfft))
    monkeypatch.setattr(Stream, "_direct_sum", counted_sum)

    def of(mode, L):
        spent.clear()
        conv = OnlineConv(torch.ones(1, L), L, mode)
        for _ in range(L):
            spent.append(0)
            conv.step(torch.ones(1, 1))
        return list(spent)

    return of


@pytest.mark.parametrize("L", [512, 1000, 2048])
def test_relaxed_work_is_quasi_linear(count, L):
    assert sum(count("relaxed", L)) <= L * math.log2(L) ** 2 + BLOCK * L


@pytest.mark.parametrize("L", [512, 1000, 2048])
def test_worst_relaxed_step_is_two_transforms_of_the_length(count, L):
    assert max(count("relaxed", L)) <= 2 * L * math.log2(2 * L) + BLOCK


@pytest.mark.parametrize("L", [512, 1000])
def test_lazy_work_is_quadratic(count, L):
    assert sum(count("lazy", L)) == L * (L + 1) // 2


def test_epoched_work_lies_between(count):
    lazy, epoched, relaxed = (sum(count(mode, 4000)) for mode in ("lazy", "epoched", "relaxed"))
    assert relaxed < epoched < lazy


def test_epoched_work_stays_below_its_bound(count):
    L = 2048
    assert sum(count("epoched", L)) <= 4 * L**1.5 * math.sqrt(math.log2(L))


def test_usual_relaxed_step_is_a_short_direct_sum(count):
    steps = count("relaxed", 1024)
    assert sum(step <= BLOCK for step in steps) == 1024 - (1024 // BLOCK - 1)


def test_window_bounds_the_tiles(monkeypatch):
    sizes, rfft = [], torch.fft.rfft

    def noting(signal, n):
        sizes.append(n)
        return rfft(signal, n=n)

    monkeypatch.setattr(torch.fft, "rfft", noting)
    conv = OnlineConv(torch.ones(1, 50), 1024, "relaxed")
    for _ in range(1024):
        conv.step(torch.ones(1, 1))
    assert max(sizes) == 128  # 49 inputs and 49 outputs


def test_chunks_of_a_stream_cost_no_more_than_a_few_times_one_chunk(monkeypatch):
    points, rfft = [], torch.fft.rfft

    def noting(signal, n=None):
        points.append(n or signal.shape[-1])
        return rfft(signal, n=n)

    monkeypatch.setattr(torch.fft, "rfft", noting)
    conv = OnlineConv(torch.ones(1, 8192), 8192, "relaxed")
    for _ in range(16):
        conv.prefill(torch.ones(1, 1, 512))
    assert sum(points) < 8 * 2 * 8192  # settling after each chunk would take over 16 of 16384

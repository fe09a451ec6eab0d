"""The plans, as integers: every pair of an input and an output is counted once, and the bounds hold."""

from __future__ import annotations

import numpy as np
import pytest

from longwave.ops.long_conv.online import schedules
from longwave.ops.long_conv.online.choose import make_schedule
from longwave.ops.long_conv.online.schedules import Epoched, Relaxed, Tile, fft_length

modes = pytest.mark.parametrize("mode", ["lazy", "epoched", "relaxed"])
lengths = pytest.mark.parametrize("L", [1, 2, 7, 64, 97, 128])


def count_pairs(schedule, L, start=0):
    """Return how often the sums and direct sums of steps start..L-1 count each pair (input, output)."""
    counts = np.zeros((L, L), dtype=int)
    base, tiles = schedule.restore(start)
    origin = base
    for tile in tiles:
        counts[tile.begin : tile.end, tile.first : tile.last] += 1
    for t in range(start, L):
        if t - base >= schedule.block:
            tile = schedule.tile(t, origin)
            counts[tile.begin : tile.end, tile.first : tile.last] += 1
            base = t
        counts[base : t + 1, t] += 1
    return counts


@modes
@lengths
def test_steps_count_every_pair_once(mode, L):
    counts = count_pairs(make_schedule(mode, L, "cpu"), L)
    assert np.array_equal(counts, np.triu(np.ones((L, L), dtype=int)))


@modes
@lengths
@pytest.mark.parametrize("share", [0.1, 0.5, 0.77, 1.0])
def test_restored_stream_counts_every_pair_of_the_outputs_to_come_once(mode, L, share):
    start = int(share * L)
    counts = count_pairs(make_schedule(mode, L, "cpu"), L, start)
    assert np.array_equal(counts[:, start:], np.triu(np.ones((L, L), dtype=int))[:, start:])


@pytest.mark.parametrize("end", [1, 3, 4, 37, 64, 100])
@pytest.mark.parametrize("n", [0, 4, 6, 32, 48])
def test_pieces_of_a_relaxed_chunk_are_aligned_powers_of_two(n, end):
    schedule, position, base = Relaxed(4), n, n - n % 4
    while position < n + end:
        stop = schedule.piece_end(position, base, n + end)
        size = stop - position
        is_aligned = size & (size - 1) == 0 and position % size == 0
        assert position < stop <= n + end
        assert is_aligned or stop <= base + 4
        position, base = stop, stop - stop % 4


def test_a_long_relaxed_chunk_takes_few_pieces():
    schedule, position, pieces = Relaxed(32), 0, 0
    while position < 65_535:
        position = schedule.piece_end(position, position, 65_535)
        pieces += 1
    assert pieces == 12  # 32768, 16384, ..., 32, and the last 31


def test_tiles_beyond_the_window_are_cut():
    assert Tile(0, 8, 8, 16).clip(taps=3, max_length=100) == Tile(6, 8, 8, 10)


def test_tiles_beyond_the_end_are_cut():
    assert Tile(0, 8, 8, 16).clip(taps=100, max_length=11) == Tile(0, 8, 8, 11)


@pytest.mark.parametrize(("taps", "max_length"), [(1, 100), (100, 8)], ids=["no-lag-reaches", "at-the-end"])
def test_tiles_without_work_are_dropped(taps, max_length):
    assert Tile(0, 8, 8, 16).clip(taps, max_length) is None


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 96, 97, 1000, 1536, 1537])
def test_fft_length_is_the_smallest_allowed(n):
    allowed = sorted([2**i for i in range(12)] + [3 * 2**i for i in range(12)])
    assert fft_length(n) == next(m for m in allowed if m >= n)


@pytest.mark.parametrize(("L", "block"), [(1, 1), (1000, 128), (16_384, 512), (2**20, 4096)])
def test_an_epoch_is_the_root_of_length_times_logarithm(L, block):
    assert Epoched(L).block == block


def test_only_long_chunks_are_settled():
    threshold = schedules.SETTLE_FROM
    settled = [Epoched(1000).settles(threshold - 1), Epoched(1000).settles(threshold)]
    assert settled == [False, True]

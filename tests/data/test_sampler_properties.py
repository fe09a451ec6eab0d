"""Whatever the sizes, seeds and processes: windows are disjoint, shared out exactly, and free of history."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.data import WindowSampler, spread_windows

LENGTHS = st.integers(1, 40)
SEEDS = st.integers(0, 2**64 - 1)


def sampler_of(n_windows: int, extra: int, seq_len: int, seed: int) -> WindowSampler:
    """Return a sampler over the numbers 0, 1, ..., so that a window's tokens are their own places."""
    return WindowSampler(np.arange(n_windows * seq_len + 1 + extra), seq_len, seed)


SAMPLERS = st.builds(sampler_of, st.integers(1, 30), st.integers(0, 90), LENGTHS, SEEDS)


@given(SAMPLERS, st.integers(0, 3))
@settings(max_examples=60)
def test_no_target_comes_twice_in_an_epoch(sampler: WindowSampler, epoch: int) -> None:
    targets = sampler.batch(epoch, sampler.windows_per_epoch)[:, 1:].ravel()
    assert len(np.unique(targets)) == len(targets)


@given(SAMPLERS, st.integers(0, 3))
@settings(max_examples=60)
def test_an_epoch_leaves_less_than_two_windows_unread(sampler: WindowSampler, epoch: int) -> None:
    n_read = sampler.batch(epoch, sampler.windows_per_epoch)[:, 1:].size
    assert len(sampler.tokens) - 1 - n_read < 2 * sampler.seq_len


@given(SAMPLERS, st.integers(0, 50), st.integers(1, 4), st.integers(1, 5))
@settings(max_examples=60)
def test_the_rows_of_all_processes_are_the_whole_batch(
    sampler: WindowSampler, step: int, share: int, world: int
) -> None:
    parts = [sampler.batch(step, share * world, rank, world) for rank in range(world)]
    np.testing.assert_array_equal(np.concatenate(parts), sampler.batch(step, share * world))


@given(SAMPLERS, st.permutations(range(12)), st.integers(1, 7))
@settings(max_examples=60)
def test_a_batch_does_not_depend_on_those_asked_for_before(
    sampler: WindowSampler, order: list[int], batch_size: int
) -> None:
    visited = [sampler.batch(step, batch_size) for step in order]
    alone = [
        WindowSampler(sampler.tokens, sampler.seq_len, sampler.seed).batch(step, batch_size) for step in order
    ]
    np.testing.assert_array_equal(visited, alone)


@given(SAMPLERS, st.integers(0, 20), st.integers(1, 4))
@settings(max_examples=60)
def test_two_small_batches_are_one_large_batch(sampler: WindowSampler, step: int, size: int) -> None:
    halves = [sampler.batch(2 * step + i, size) for i in range(2)]
    np.testing.assert_array_equal(np.concatenate(halves), sampler.batch(step, 2 * size))


@given(st.integers(2, 500), LENGTHS, st.integers(1, 40))
def test_validation_starts_grow_evenly(n_tokens: int, seq_len: int, count: int) -> None:
    n_tokens = max(n_tokens, seq_len + 1)
    gaps = np.diff(spread_windows(n_tokens, seq_len, count)) // seq_len
    assert gaps.size == 0 or gaps.max() - gaps.min() <= 1


@given(st.integers(2, 500), LENGTHS, st.integers(1, 40))
def test_fewer_validation_windows_begin_at_the_same_place(n_tokens: int, seq_len: int, count: int) -> None:
    assert spread_windows(max(n_tokens, seq_len + 1), seq_len, count)[0] == 0

"""Windows are deterministic, do not repeat within an epoch, and do not depend on the number of processes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.data import WindowSampler, spread_windows, take_windows
from longwave.errors import ConfigError, DataError


def starts_of(sampler: WindowSampler, n_windows: int) -> list[int]:
    """Draw windows out of 0, 1, 2, ...: the first token of each tells where it starts."""
    return [int(sampler.batch(step, 1)[0, 0]) for step in range(n_windows)]


@pytest.mark.parametrize(("n_tokens", "seq_len"), [(1000, 7), (100, 31), (64, 31), (65, 1)])
def test_an_epoch_never_repeats_a_token(n_tokens: int, seq_len: int) -> None:
    sampler = WindowSampler(np.arange(n_tokens), seq_len)
    starts = sorted(starts_of(sampler, sampler.windows_per_epoch))
    assert np.all(np.diff(starts) >= seq_len)


def test_an_epoch_covers_all_but_the_edges() -> None:
    sampler = WindowSampler(np.arange(1000), 7)
    assert sampler.windows_per_epoch * 7 > 1000 - 3 * 7


def test_epochs_differ_in_order_and_offset() -> None:
    sampler = WindowSampler(np.arange(1000), 7)
    drawn = starts_of(sampler, 3 * sampler.windows_per_epoch)
    epochs = np.array(drawn).reshape(3, -1)
    assert len({tuple(row) for row in epochs}) == 3
    assert len({int(row.min()) for row in epochs}) > 1


@given(
    n_tokens=st.integers(9, 400),
    seq_len=st.integers(1, 8),
    step=st.integers(0, 10_000),
    seed=st.integers(0, 2**40),
)
@settings(max_examples=100)
def test_every_window_is_a_run_of_the_text(n_tokens: int, seq_len: int, step: int, seed: int) -> None:
    batch = WindowSampler(np.arange(n_tokens), seq_len, seed).batch(step, 4)
    assert batch.shape == (4, seq_len + 1)
    assert np.all(np.diff(batch, axis=1) == 1)


def test_a_batch_depends_on_seed_and_step_alone() -> None:
    fresh = WindowSampler(np.arange(500), 9, seed=3).batch(41, 6)
    used = WindowSampler(np.arange(500), 9, seed=3)
    for step in (90, 7, 40):
        used.batch(step, 6)
    np.testing.assert_array_equal(used.batch(41, 6), fresh)


def test_another_seed_gives_other_windows() -> None:
    one, two = (WindowSampler(np.arange(500), 9, seed=seed).batch(0, 6) for seed in (0, 1))
    assert not np.array_equal(one, two)


@pytest.mark.parametrize("world", [1, 2, 3, 6])
def test_processes_share_out_one_global_batch(world: int) -> None:
    sampler = WindowSampler(np.arange(500), 9)
    shares = [sampler.batch(20, 6, rank, world) for rank in range(world)]
    np.testing.assert_array_equal(np.concatenate(shares), sampler.batch(20, 6))


def test_a_batch_may_cross_epochs() -> None:
    sampler = WindowSampler(np.arange(40), 9)
    assert sampler.batch(0, 50).shape == (50, 10)


def test_one_window_is_enough() -> None:
    sampler = WindowSampler(np.arange(10, dtype=np.uint16), 9)
    np.testing.assert_array_equal(sampler.batch(5, 1), [np.arange(10)])


def test_batches_are_int64_whatever_the_file_holds() -> None:
    assert WindowSampler(np.arange(50, dtype="<u2"), 9).batch(0, 2).dtype == np.int64


def test_a_batch_that_cannot_be_shared_out_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be split over 4 processes"):
        WindowSampler(np.arange(50), 9).batch(0, 6, 0, 4)


@pytest.mark.parametrize("n_tokens", [0, 9], ids=["empty", "one-short"])
def test_a_text_shorter_than_a_window_is_refused(n_tokens: int) -> None:
    with pytest.raises(DataError, match=f"training text has {n_tokens} tokens, but one window needs 10"):
        WindowSampler(np.arange(n_tokens), 9)


@given(n_tokens=st.integers(12, 500), seq_len=st.integers(1, 11), count=st.integers(1, 60))
def test_validation_windows_never_overlap_and_fit(n_tokens: int, seq_len: int, count: int) -> None:
    starts = spread_windows(n_tokens, seq_len, count)
    assert len(starts) == min(count, (n_tokens - 1) // seq_len)
    assert np.all(np.diff(starts) >= seq_len)
    assert starts[-1] + seq_len + 1 <= n_tokens


def test_validation_windows_spread_over_the_whole_text() -> None:
    np.testing.assert_array_equal(spread_windows(1001, 10, 4), [0, 250, 500, 750])


def test_all_validation_windows_tile_the_text() -> None:
    np.testing.assert_array_equal(spread_windows(35, 10), [0, 10, 20])


def test_a_validation_text_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(DataError, match="validation text has 3 tokens"):
        spread_windows(3, 9)


def test_windows_are_copied_out_of_the_text() -> None:
    windows = take_windows(np.arange(9), np.array([0, 4]), 3)
    np.testing.assert_array_equal(windows, [[0, 1, 2, 3], [4, 5, 6, 7]])

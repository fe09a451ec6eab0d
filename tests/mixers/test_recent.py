"""A window over the newest steps, whatever came before."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ShapeError
from longwave.mixers.recent import KEPT, RecentSteps

CPU = torch.device("cpu")


def make(needed=2, batch=1):
    return RecentSteps(batch, 1, needed, torch.float64, CPU)


def count(start, stop, batch=1):
    return torch.arange(float(start), float(stop), dtype=torch.float64).expand(batch, 1, -1)


@given(sizes=st.lists(st.integers(0, 3 * KEPT), min_size=1, max_size=12), needed=st.integers(0, 5))
def test_every_window_is_the_chunk_after_the_steps_before_it(sizes, needed):
    recent, position = make(needed), 1
    whole = torch.cat([torch.zeros(1, 1, needed, dtype=torch.float64), count(1, 1 + sum(sizes))], -1)
    windows, expected = [], []
    for size in sizes:
        windows.append(recent.append(count(position, position + size)).clone())
        expected.append(whole[..., position - 1 : position - 1 + needed + size])
        position += size
    torch.testing.assert_close(windows, expected, rtol=0, atol=0)


@given(read=st.integers(0, 200), back=st.integers(0, KEPT))
def test_the_last_steps_can_always_be_taken_back(read, back):
    recent = make()
    for step in range(read):
        recent.append(count(step, step + 1))
    position = max(read - back, 0)
    recent.truncate(position)
    expected = [float(max(step, 0)) for step in (position - 2, position - 1)]
    assert recent.append(count(-1, 0)).flatten().tolist() == [*expected, -1.0]


def test_a_marked_position_far_back_returns():
    recent = make()
    recent.append(count(0, 10))
    recent.mark()
    recent.append(count(10, 500))
    recent.truncate(10)
    assert recent.append(count(0, 1)).flatten().tolist() == [8.0, 9.0, 0.0]


def test_the_start_returns_as_silence():
    recent = make()
    recent.append(count(1, 500))
    recent.truncate(0)
    assert recent.append(count(7, 8)).flatten().tolist() == [0.0, 0.0, 7.0]


def test_a_position_that_is_gone_is_refused_and_nothing_changes():
    recent = make()
    recent.append(count(0, 500))
    with pytest.raises(ShapeError, match=r"reach back from position 500 to 468, not to 3"):
        recent.truncate(3)
    assert recent.append(count(500, 501)).flatten().tolist() == [498.0, 499.0, 500.0]


def test_going_back_forgets_later_marks():
    recent = make()
    recent.append(count(0, 10))
    recent.mark()
    recent.truncate(0)
    recent.append(count(0, 500))
    assert not recent.can_truncate(10)


def test_a_copy_is_independent():
    recent = make()
    recent.append(count(1, 4))
    copied = recent.copy()
    recent.append(count(9, 10))
    assert copied.append(count(4, 5)).flatten().tolist() == [2.0, 3.0, 4.0]


def test_reorder_chooses_rows_of_window_and_marks():
    recent = make(batch=2)
    recent.append(torch.tensor([[[1.0]], [[2.0]]], dtype=torch.float64))
    recent.mark()
    recent.reorder(torch.tensor([1, 1, 0]))
    recent.append(count(0, 100, batch=3))
    recent.truncate(1)
    assert recent.append(count(0, 1, batch=3))[:, 0, 1].tolist() == [2.0, 2.0, 1.0]


def test_marks_count_as_memory_until_they_are_cleared():
    recent = make()
    before = recent.nbytes
    recent.mark()
    assert recent.nbytes == before + 2 * 8
    recent.clear_marks()
    assert recent.nbytes == before

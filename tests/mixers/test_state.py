"""What every decoding state can do, whatever it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from longwave.errors import ShapeError
from longwave.mixers import State
from longwave.ops import OnlineConv

B, L = 3, 8


@dataclass
class Sums(State):
    """A recurrent memory: one sum a sequence, and everything a field may hold."""

    total: Tensor
    pair: tuple[Tensor, Tensor]
    table: dict[str, list[Tensor]]
    conv: OnlineConv
    name: str = "sums"


@dataclass
class Kept(State):
    """A memory of all steps."""

    values: Tensor
    inner: Sums | None = field(default=None, kw_only=True)

    rewinds_freely: ClassVar[bool] = True


def make_sums(draw) -> Sums:
    conv = OnlineConv(draw(2, L), L, batch=B)
    conv.prefill(draw(B, 2, 4))
    pair, table = (draw(B), draw(B, 2)), {"a": [draw(B, 1)]}
    return Sums(position=4, max_length=L, batch=B, total=draw(B, 5), pair=pair, table=table, conv=conv)


def leaves(state: Sums) -> list[Tensor]:
    return [state.total, *state.pair, *state.table["a"]]


def test_reorder_chooses_rows_of_every_tensor(draw):
    state = make_sums(draw)
    expected = [leaf[[2, 0, 0, 1]] for leaf in leaves(state)]
    state.reorder(torch.tensor([2, 0, 0, 1]))
    assert state.batch == 4
    torch.testing.assert_close(leaves(state), expected, rtol=0, atol=0)


def test_reorder_reaches_a_part(draw, tolerance):
    state, u = make_sums(draw), draw(B, 2)
    expected = state.conv.copy().step(u)[[1, 1]]
    state.reorder([1, 1])
    torch.testing.assert_close(state.conv.step(u[[1, 1]]), expected, **tolerance(torch.float64))


def test_reorder_to_nothing_leaves_an_empty_batch(draw):
    state = make_sums(draw)
    state.reorder([])
    assert (state.batch, len(state.total)) == (0, 0)


def test_reorder_reorders_padding(draw):
    state = Kept(position=0, max_length=L, batch=2, values=draw(2, L))
    state.pad(torch.tensor([0, 3]))
    state.reorder([1, 1, 0])
    assert state.padding.tolist() == [3, 3, 0]


def test_reorder_reorders_marked_positions(draw):
    state = make_sums(draw)
    state.position = 3
    state.mark()
    expected = state.total[[2, 1]]
    state.position, state.total = 4, draw(B, 5)
    state.reorder([2, 1])
    state.truncate(3)
    assert torch.equal(state.total, expected)


@pytest.mark.parametrize("index", [[0, 3], [-1], [[0]], [0.5]], ids=str)
def test_reorder_refuses_what_does_not_choose(draw, index):
    with pytest.raises(ShapeError, match="reorder"):
        make_sums(draw).reorder(torch.tensor(index))


def test_reordering_in_inference_mode_leaves_a_state_usable_outside(draw):
    state = make_sums(draw)
    with torch.inference_mode():
        state.reorder([0, 1])
    state.total.add_(1)
    assert not state.total.is_inference()


def test_a_copy_is_equal_and_independent(draw):
    state = make_sums(draw)
    copied, before = state.copy(), [leaf.clone() for leaf in leaves(state)]
    for leaf in leaves(copied):
        leaf.zero_()
    copied.conv.truncate(0)
    torch.testing.assert_close(leaves(state), before, rtol=0, atol=0)
    assert (state.conv.position, copied.conv.position, copied.position) == (4, 0, 4)


def test_a_copy_keeps_its_own_marks(draw):
    state = make_sums(draw)
    state.mark()
    copied = state.copy()
    state.clear_marks()
    state.position = copied.position = 6
    assert (state.can_truncate(4), copied.can_truncate(4)) == (False, True)


def test_to_returns_the_state_and_keeps_its_values(draw):
    state = make_sums(draw)
    before = [leaf.clone() for leaf in leaves(state)]
    assert state.to("cpu") is state
    torch.testing.assert_close(leaves(state), before, rtol=0, atol=0)


def test_to_meta_moves_every_tensor(draw):
    state = Kept(position=0, max_length=L, batch=2, values=draw(2, L))
    state.pad(torch.tensor([0, 3]))
    state.to("meta")
    assert {state.values.device.type, state.padding.device.type} == {"meta"}


def test_nbytes_counts_tensors_parts_and_padding(draw):
    state = make_sums(draw)
    own = sum(leaf.nbytes for leaf in leaves(state)) + state.conv.nbytes
    assert state.nbytes == own


def test_nbytes_counts_marks(draw):
    state = make_sums(draw)
    before = state.nbytes
    state.mark()
    assert state.nbytes > 1.5 * before


def test_clear_marks_frees_them(draw):
    state = make_sums(draw)
    before = state.nbytes
    state.mark()
    state.clear_marks()
    assert state.nbytes == before


def test_truncate_restores_a_marked_position_again_and_again(draw):
    state = make_sums(draw)
    expected = state.total.clone()
    position = state.mark()
    for _ in range(2):
        state.total.add_(1)
        state.position = 6
        state.truncate(position)
    assert state.position == position == 4
    assert torch.equal(state.total, expected)


def test_truncate_forgets_later_marks(draw):
    state = make_sums(draw)
    state.mark()
    state.position = 5
    state.mark()
    state.truncate(4)
    state.position = 6
    assert not state.can_truncate(5)


def test_truncate_to_an_unmarked_position_says_which_are_marked(draw):
    state = make_sums(draw)
    state.mark()
    state.position = 7
    with pytest.raises(ShapeError, match=r"position 7 cannot go back to 5.*marked: 4"):
        state.truncate(5)


@pytest.mark.parametrize("position", [-1, 9])
def test_truncate_out_of_range_is_refused(draw, position):
    state = Kept(position=8, max_length=L, batch=B, values=draw(B, L))
    with pytest.raises(ShapeError, match=f"cannot go back to {position}"):
        state.truncate(position)
    assert state.position == 8


def test_truncate_to_the_present_changes_nothing(draw):
    state = make_sums(draw)
    state.truncate(4)
    assert state.position == 4


def test_a_state_of_all_steps_goes_back_anywhere(draw):
    state = Kept(position=8, max_length=L, batch=B, values=draw(B, L))
    state.truncate(3)
    assert state.position == 3


def test_a_free_state_asks_its_parts_before_going_back(draw):
    inner = make_sums(draw)
    state = Kept(position=4, max_length=L, batch=B, values=draw(B, L), inner=inner)
    state.mark()
    inner.position = state.position = 6
    assert (state.can_truncate(5), state.can_truncate(4)) == (False, True)
    state.truncate(4)
    assert (state.position, inner.position) == (4, 4)


def test_real_steps_are_those_behind_the_padding(draw):
    state = Kept(position=0, max_length=L, batch=2, values=draw(2, L))
    state.pad(torch.tensor([0, 3]))
    state.position = 1
    assert state.real_steps(3)[..., 0].tolist() == [[True] * 3, [False, False, True]]


def test_behind_all_padding_every_step_is_real(draw):
    state = Kept(position=0, max_length=L, batch=2, values=draw(2, L))
    state.pad(torch.tensor([0, 3]))
    state.position = 3
    assert state.real_steps(2) is None


def test_without_padding_every_step_is_real(draw):
    state = Kept(position=0, max_length=L, batch=2, values=draw(2, L))
    state.pad(torch.tensor([0, 0]))
    assert state.real_steps(2) is None


@pytest.mark.parametrize(
    ("padding", "message"),
    [
        (torch.tensor([1]), "one int64 for each of 2"),
        (torch.tensor([1.0, 2.0]), "float32"),
        (torch.tensor([0, 9]), "from 0 to 9"),
        (torch.tensor([-1, 0]), "from -1 to 0"),
    ],
    ids=["too-few", "floats", "too-long", "negative"],
)
def test_padding_that_is_none_is_refused(draw, padding, message):
    with pytest.raises(ShapeError, match=message):
        Kept(position=0, max_length=L, batch=2, values=draw(2, L)).pad(padding)


def test_padding_after_the_first_step_is_refused(draw):
    with pytest.raises(ShapeError, match="position 4"):
        make_sums(draw).pad(torch.zeros(B, dtype=torch.int64))

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ShapeError
from longwave.hf.padding import count_padding, padding_last, undo_padding_last


def mask(*rows: str) -> torch.Tensor:
    return torch.tensor([[int(sign) for sign in row] for row in rows])


@pytest.mark.parametrize(
    ("rows", "padding"),
    [
        pytest.param(("111", "111"), [0, 0], id="none"),
        pytest.param(("111", "001"), [0, 2], id="left"),
        pytest.param(("100", "110"), [0, 0], id="right"),
        pytest.param(("010", "011"), [1, 1], id="both"),
        pytest.param(("000",), [3], id="nothing-else"),
    ],
)
def test_leading_zeros_are_padding(rows: tuple[str, ...], padding: list[int]) -> None:
    given_mask = mask(*rows)
    assert count_padding(given_mask, given_mask.shape, past=None).tolist() == padding


def test_an_empty_mask_has_no_padding() -> None:
    assert count_padding(torch.ones(2, 0), (2, 0), past=None).tolist() == [0, 0]


def test_a_cache_counts_its_tokens_in() -> None:
    assert count_padding(mask("00111"), (1, 1), past=4).tolist() == [2]


@pytest.mark.parametrize(
    ("rows", "shape", "past", "says"),
    [
        pytest.param(("1011",), (1, 4), None, "zeros between ones", id="packed"),
        pytest.param(("0110",), (1, 4), 0, "Pad on the left", id="right-before-decoding"),
        pytest.param(("111",), (1, 4), None, r"shape \(1, 3\), not \(1, 4\)", id="short"),
        pytest.param(("111",), (1, 3), 2, r"shape \(1, 3\), not \(1, 5\)", id="without-the-past"),
    ],
)
def test_what_cannot_be_left_out_is_refused(
    rows: tuple[str, ...], shape: tuple[int, int], past: int | None, says: str
) -> None:
    with pytest.raises(ShapeError, match=says):
        count_padding(mask(*rows), shape, past=past)


@given(st.lists(st.integers(0, 7), min_size=1, max_size=4))
def test_moving_padding_behind_and_back_changes_nothing(padding: list[int]) -> None:
    ids = torch.arange(len(padding) * 7).view(-1, 7)
    moved = padding_last(ids, torch.tensor(padding))
    assert torch.equal(undo_padding_last(moved[..., None], torch.tensor(padding))[..., 0], ids)


def test_padding_moves_behind_the_tokens() -> None:
    moved = padding_last(torch.tensor([[0, 0, 5, 6], [1, 2, 3, 4]]), torch.tensor([2, 0]))
    assert moved.tolist() == [[5, 6, 0, 0], [1, 2, 3, 4]]

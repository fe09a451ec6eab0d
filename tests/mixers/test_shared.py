"""Parts of a state that all sequences share."""

from __future__ import annotations

from typing import NamedTuple

import torch

from longwave.mixers.shared import SharedPart
from longwave.mixers.state import StatePart


class Pair(NamedTuple):
    one: torch.Tensor
    two: torch.Tensor


class Part(SharedPart):
    def __init__(self) -> None:
        self.single, self.pair, self.missing = torch.ones(3), Pair(torch.zeros(2), torch.ones(4)), None


def test_a_shared_part_is_a_state_part():
    assert isinstance(Part(), StatePart)


def test_memory_counts_tensors_in_tuples_too():
    assert Part().nbytes == (3 + 2 + 4) * 4
    assert len(list(Part().tensors())) == 3


def test_reordering_changes_nothing():
    part = Part()
    before = list(part.tensors())
    assert all(a is b for a, b in zip(part.reorder(torch.tensor([1, 0])).tensors(), before, strict=True))


def test_a_copy_moves_alone():
    part = Part()
    moved = part.copy().to(torch.device("meta"))
    assert moved.pair.two.is_meta
    assert not part.pair.two.is_meta
    assert isinstance(moved.pair, Pair)
    assert moved.missing is None

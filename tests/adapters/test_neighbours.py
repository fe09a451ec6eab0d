"""Nearest neighbours against sorting all cosines; blocks and the table change nothing."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from longwave.adapters import neighbours
from longwave.adapters.neighbours import Neighbourhoods, nearest_neighbours
from longwave.errors import ConfigError


def naive_neighbours(x: Tensor, row: int, k: int) -> set[int]:
    """Sort all points by their cosine with one."""
    cosines = F.cosine_similarity(x[row][None], x)
    order = cosines.argsort(descending=True).tolist()
    return set([j for j in order if j != row][:k])


@pytest.mark.parametrize(("n", "k"), [(2, 1), (23, 1), (23, 7), (23, 22)], ids=str)
def test_neighbours_are_those_with_the_greatest_cosines(n: int, k: int, generator: torch.Generator) -> None:
    x = torch.randn(n, 5, generator=generator, dtype=torch.float64)
    rows = torch.arange(n).flip(0)
    found = nearest_neighbours(F.normalize(x, dim=1), rows, k)
    assert [set(one.tolist()) for one in found] == [naive_neighbours(x, int(i), k) for i in rows]


def test_blocks_do_not_change_the_result(generator: torch.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = F.normalize(torch.randn(31, 4, generator=generator), dim=1)
    whole = nearest_neighbours(unit, torch.arange(31), 6)
    monkeypatch.setattr(neighbours, "_BLOCK_VALUES", 31 * 4)
    blocks = nearest_neighbours(unit, torch.arange(31), 6)
    assert torch.equal(whole.sort(dim=1).values, blocks.sort(dim=1).values)


@pytest.mark.parametrize("k", [0, 5, 9])
def test_more_neighbours_than_other_points_are_refused(k: int, generator: torch.Generator) -> None:
    with pytest.raises(ConfigError, match=rf"k is {k}; among 5 points accepted is 1 to 4"):
        nearest_neighbours(torch.randn(5, 3, generator=generator), torch.tensor([0]), k)


def test_a_table_and_its_absence_give_the_same(
    generator: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = torch.randn(31, 4, generator=generator)
    anchors, asked = torch.tensor([4, 9, 30]), torch.tensor([30, 30, 4])
    kept = Neighbourhoods(x, anchors, 5).of(asked)
    monkeypatch.setattr(neighbours, "_TABLE_VALUES", 0)
    fresh = Neighbourhoods(x, anchors, 5).of(asked)
    assert torch.equal(kept.sort(dim=1).values, fresh.sort(dim=1).values)


def test_neighbourhoods_are_cut_to_the_other_points(generator: torch.Generator) -> None:
    near = Neighbourhoods(torch.randn(7, 4, generator=generator), torch.tensor([2]), 4096)
    assert sorted(near.of(torch.tensor([2]))[0].tolist()) == [0, 1, 3, 4, 5, 6]

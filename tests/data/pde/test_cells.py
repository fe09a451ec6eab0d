"""Fields in boxes, brought to coarser cells."""

from __future__ import annotations

import pytest
import torch

from longwave.data.pde.cells import restrict_cells
from longwave.errors import ShapeError


def middles(n: int) -> torch.Tensor:
    return (torch.arange(n, dtype=torch.float64) + 0.5) / n


@pytest.mark.parametrize("is_smooth", [True, False], ids=["smooth", "pieces"])
@pytest.mark.parametrize(("old", "new"), [(9, 3), (15, 5), (7, 1), (7, 7)], ids=str)
def test_an_odd_factor_takes_points_that_were_there(old: int, new: int, is_smooth: bool) -> None:
    field = torch.rand(2, old, dtype=torch.float64)
    factor = old // new
    expected = field[:, factor // 2 :: factor]
    assert torch.equal(restrict_cells(field, (new,), is_smooth=is_smooth), expected)


@pytest.mark.parametrize("sizes", [(4, 5, 3), (7, 6, 2), (8, 6, 4)], ids=str)
def test_a_linear_field_stays_that_field(sizes: tuple[int, ...]) -> None:
    x, y, z = (middles(n) for n in (8, 6, 4))
    field = x[:, None, None] + 2 * y[:, None] - z
    x, y, z = (middles(n) for n in sizes)
    assert torch.allclose(restrict_cells(field, sizes), x[:, None, None] + 2 * y[:, None] - z, rtol=1e-13)


def test_pieces_keep_their_values() -> None:
    field = torch.tensor([[0.0, 1.0, 5.0, 9.0]])
    assert restrict_cells(field, (2,), is_smooth=False).tolist() == [[1.0, 9.0]]
    assert restrict_cells(field, (3,), is_smooth=False).tolist() == [[0.0, 5.0, 9.0]]


@pytest.mark.parametrize("sizes", [(5, 4), (4, 0), (4, 4, 4)], ids=str)
def test_a_finer_grid_is_refused(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"shape \(4, 4\) cannot be put on a grid"):
        restrict_cells(torch.zeros(4, 4), sizes)

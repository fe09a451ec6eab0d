"""Coordinates of points, and room beyond the border."""

from __future__ import annotations

import pytest
import torch

from longwave.errors import ConfigError
from longwave.models.pde.domain import append_coordinates, check_padding, crop, grid_coordinates, pad


@pytest.mark.parametrize(
    ("placement", "expected"),
    [
        ("start", [0, 0.25, 0.5, 0.75]),
        ("centre", [0.125, 0.375, 0.625, 0.875]),
        ("ends", [0, 1 / 3, 2 / 3, 1]),
    ],
)
def test_points_lie_where_the_placement_says(placement, expected):
    torch.testing.assert_close(grid_coordinates((4,), placement), torch.tensor([expected]))


def test_every_axis_has_a_channel():
    places = grid_coordinates((2, 3), dtype=torch.float64)
    assert places.shape == (2, 2, 3)
    assert torch.equal(places[0, :, 0], torch.tensor([0, 0.5], dtype=torch.float64))
    assert torch.equal(places[1, 1] * 3, torch.tensor([0, 1, 2], dtype=torch.float64))


@pytest.mark.parametrize(("placement", "times", "first"), [("start", 4, 0), ("centre", 3, 1)])
def test_a_finer_grid_holds_the_points_of_a_coarse_one(placement, times, first):
    fine, coarse = grid_coordinates((7 * times,), placement), grid_coordinates((7,), placement)
    torch.testing.assert_close(fine[:, first::times], coarse)


def test_a_single_point_lies_at_the_start():
    assert grid_coordinates((1,), "ends").item() == 0


def test_unknown_placement_is_refused():
    with pytest.raises(ConfigError, match='placement is "middle"; give "start", "centre" or "ends"'):
        grid_coordinates((4,), "middle")


def test_coordinates_follow_the_channels_in_the_type_of_the_field():
    x = torch.ones(3, 2, 5, 4, dtype=torch.bfloat16)
    y = append_coordinates(x, "start")
    assert (y.shape, y.dtype) == ((3, 4, 5, 4), torch.bfloat16)
    assert torch.equal(y[:, :2], x)
    assert append_coordinates(x, "none") is x


@pytest.mark.parametrize(
    ("padding", "added"), [(0.0, (0, 0)), (1, (1, 1)), (9.0, (9, 9)), (0.25, (2, 5))], ids=str
)
def test_padding_is_a_number_of_points_or_a_share(padding, added):
    x = torch.rand(1, 1, 8, 20)
    padded = pad(x, padding)
    assert padded.shape[2:] == (8 + added[0], 20 + added[1])
    assert padded.sum() == pytest.approx(x.sum().item())
    assert torch.equal(crop(padded, (8, 20)), x)


@pytest.mark.parametrize("padding", [-1, 1.5, float("nan")], ids=str)
def test_padding_that_is_neither_is_refused(padding):
    with pytest.raises(ConfigError, match='"padding" is'):
        check_padding(padding)

"""A tile's FFT against the sum it stands for."""

from __future__ import annotations

import pytest
import torch

from longwave.ops.long_conv.online import tiles
from longwave.ops.long_conv.online.schedules import Tile
from longwave.ops.long_conv.online.tiles import contribution, filter_spectrum

TILES = [
    Tile(0, 8, 8, 16),
    Tile(5, 8, 8, 9),
    Tile(0, 1, 1, 2),
    Tile(3, 20, 31, 50),
    Tile(0, 37, 37, 50),
    Tile(10, 11, 11, 50),
]
cases = pytest.mark.parametrize("tile", TILES, ids=lambda tile: "-".join(map(str, tile)))


def direct(u, k, tile):
    outputs = [
        sum(k[:, None, j - s] * u[..., s] for s in range(tile.begin, tile.end) if j - s < k.shape[1])
        for j in range(tile.first, tile.last)
    ]
    return torch.stack(outputs, dim=-1)


@cases
@pytest.mark.parametrize("K", [50, 49])
def test_contribution_equals_the_direct_sum(draw, tile, K):
    u, k = draw(3, 2, 50).detach(), draw(3, K).detach()
    found = contribution(u[..., tile.begin : tile.end], filter_spectrum(k, tile.n_fft), tile)
    torch.testing.assert_close(found, direct(u, k, tile), rtol=1e-12, atol=1e-12)


@cases
def test_blocks_of_filters_do_not_change_the_result(draw, tile, monkeypatch):
    u, k = draw(5, 2, 50).detach(), draw(5, 50).detach()
    inputs, spectrum = u[..., tile.begin : tile.end], filter_spectrum(k, tile.n_fft)
    whole = contribution(inputs, spectrum, tile)
    monkeypatch.setattr(tiles, "CPU_BLOCK", 2 * 2 * tile.n_fft)
    torch.testing.assert_close(contribution(inputs, spectrum, tile), whole, rtol=1e-13, atol=1e-13)


def test_a_tile_of_equal_sides_takes_twice_its_inputs_in_points():
    assert Tile(64, 128, 128, 192).n_fft == 128

"""The U-Net: its sizes, and grids that are no powers of two."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from longwave.errors import ConfigError, ShapeError
from longwave.models.pde import UNet, UNetConfig


def build(**changes):
    sizes = {"in_channels": 3, "out_channels": 2, "channel_exponent": 2, "n_levels": 3}
    return UNet(UNetConfig(**(sizes | changes)))


@pytest.mark.parametrize("sizes", [(128, 128), (64, 36), (24, 24), (100, 85), (11, 8)], ids=str)
def test_any_grid_comes_back(generator, sizes):
    model = build(n_levels=min(sizes).bit_length() - 1)
    assert model(torch.randn(2, 3, *sizes, generator=generator)).shape == (2, 2, *sizes)


@pytest.mark.parametrize("n_dims", [1, 2, 3])
def test_any_number_of_axes(generator, n_dims):
    sizes = (9, 10, 15)[:n_dims]
    assert build(n_dims=n_dims)(torch.randn(2, 3, *sizes, generator=generator)).shape == (2, 2, *sizes)


def test_forward_is_down_up_and_joined(generator):
    model, x = build(n_levels=2).eval(), torch.randn(1, 3, 9, 12, generator=generator)
    one = F.conv2d(x, model.down[0].conv.weight, model.down[0].conv.bias, stride=2, padding=1)
    two = F.conv2d(
        F.leaky_relu(one, 0.2), model.down[1].conv.weight, model.down[1].conv.bias, stride=2, padding=1
    )
    assert (one.shape[2:], two.shape[2:]) == ((4, 6), (2, 3))
    y = F.interpolate(F.relu(two), size=(4, 6), mode="bilinear")
    y = model.up[1].norm(F.conv2d(y, model.up[1].conv.weight, padding=1))
    y = F.interpolate(F.relu(torch.cat([y, one], 1)), size=(9, 12), mode="bilinear")
    y = F.conv2d(y, model.up[0].conv.weight, model.up[0].conv.bias, padding=1)
    torch.testing.assert_close(model(x), y)


def test_parameters_of_seven_levels():
    c = 64
    down = [3 * c * 16 + c, c * 2 * c * 16, 4 * c * c * 16, 8 * c * c * 16, 32 * c * c * 16]
    down += [64 * c * c * 4, 64 * c * c * 4 + 8 * c]
    up = [
        64 * c * c,
        128 * c * c,
        64 * c * c * 9,
        16 * c * c * 9,
        8 * c * c * 9,
        4 * c * c * 9,
        2 * c * 3 * 9 + 3,
    ]
    norms = 2 * c * (2 + 2 + 4 + 8 + 8) + 2 * c * (8 + 8 + 4 + 2 + 2 + 1)
    with torch.device("meta"):
        model = build(out_channels=3, channel_exponent=6, n_levels=7)
    assert sum(parameter.numel() for parameter in model.parameters()) == sum(down) + sum(up) + norms
    assert model.config.widths == (64, 128, 128, 256, 512, 512, 512)


def test_one_sample_trains_down_to_a_single_point(generator):
    build(n_levels=3).train()(torch.randn(1, 3, 8, 8, generator=generator)).sum().backward()


def test_a_grid_that_cannot_be_halved_so_often_is_refused(generator):
    with pytest.raises(ShapeError, match=r"7 x 16 points cannot be halved 3 times.*n_levels=2"):
        build()(torch.randn(1, 3, 7, 16, generator=generator))


@pytest.mark.parametrize("change", [{"n_levels": 0}, {"n_dims": 4}, {"channel_exponent": -1}], ids=str)
def test_wrong_settings_are_refused(change):
    with pytest.raises(ConfigError):
        build(**change)

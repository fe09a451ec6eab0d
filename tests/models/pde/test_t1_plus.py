from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from longwave.errors import CheckpointError, ConfigError, ShapeError
from longwave.models import T1Plus, T1PlusConfig
from longwave.ops.transforms import pad_modes, transform

SIZES = {"in_channels": 2, "out_channels": 3, "channel_exponent": 1}


def config(grid=(16, 13), modes=(7, 6), **changes: object) -> T1PlusConfig:
    return T1PlusConfig(**SIZES | {"resolution": grid, "n_modes": modes} | changes)


@pytest.mark.parametrize("basis", ["dct", "rfft"])
@pytest.mark.parametrize(
    ("grid", "modes"), [((17,), (9,)), ((16, 13), (7, 6)), ((8, 9, 7), (4, 5, 6))], ids=str
)
def test_output_lies_in_the_modes_on_any_grid(generator, basis, grid, modes):
    model = T1Plus(config(grid, modes, basis=basis)).double().eval()
    finer = tuple(n + 2 for n in grid)
    x = torch.randn(2, 2, *finer, generator=generator, dtype=torch.float64)
    y = model(x)
    assert y.shape == (2, 3, *finer)
    above = transform(y, basis)[..., ~pad_modes(torch.ones(modes), finer).bool()]
    assert above.abs().max() < 1e-12 * y.abs().max()
    assert y.abs().max() > 0


class Recorder(nn.Module):
    """An image network that keeps what it was given, and returns its first channels."""

    def __init__(self, out_channels: int = 3) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.out_channels = out_channels

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.image = image
        return self.scale * image[:, : self.out_channels]


@pytest.mark.parametrize(("stride", "sizes"), [(1, (7, 6)), (4, (8, 8)), (6, (12, 6))], ids=str)
def test_the_image_is_filled_up_to_the_stride_and_cropped_again(generator, stride, sizes):
    network = Recorder()
    model = T1Plus(config(stride=stride), network)
    z = model.network(torch.randn(2, 2, 7, 6, generator=generator))
    assert network.image.shape == (2, 4, *sizes)
    assert not network.image[..., 7:, :].any()
    assert not network.image[..., 6:].any()
    torch.testing.assert_close(z, network.image[:, :3, :7, :6])


def test_the_default_network_is_as_deep_as_the_modes_allow():
    assert T1Plus(config()).image_network.config.n_levels == 2
    assert T1Plus(config(stride=8)).image_network.config.n_levels == 3
    assert T1Plus(config(n_levels=1)).image_network.config.n_levels == 1


def test_every_weight_learns(generator):
    model = T1Plus(config())
    model(torch.randn(2, 2, 16, 13, generator=generator)).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


def test_a_saved_model_comes_back_with_its_own_or_a_given_network(generator, tmp_path: Path):
    x = torch.randn(2, 2, 16, 13, generator=generator)
    for name, network, fresh in (("unet", None, None), ("given", Recorder(), Recorder())):
        model = T1Plus(config(basis="hartley"), network, seed=3).eval()
        model.save_pretrained(tmp_path / name)
        loaded = T1Plus.from_pretrained(tmp_path / name, network=fresh)
        assert torch.equal(loaded(x), model(x))
    with pytest.raises(CheckpointError, match=r"do not fit their config\.json"):
        T1Plus.from_pretrained(tmp_path / "given")


def test_a_network_of_other_channels_is_refused():
    with pytest.raises(
        ShapeError, match=r"image network of T1Plus gave shape \(1, 2, 7, 6\).*\(1, 3, 7, 6\)"
    ):
        T1Plus(config(), Recorder(2))(torch.zeros(1, 2, 16, 13))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"modes": (17, 6)}, r'"n_modes" is \[17, 6\] on a grid of \[16, 13\]'),
        ({"grid": (16, 1), "modes": (4, 1)}, r'"resolution" is \[16, 1\]'),
        ({"stride": 0}, '"stride" is 0'),
    ],
    ids=str,
)
def test_sizes_that_contradict_each_other_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        config(**changes)

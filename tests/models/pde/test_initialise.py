from __future__ import annotations

import pytest
import torch

from longwave.models import T1, T1Config
from longwave.models.pde.initialise import channel_std

FIRST = {"in_channels": 1, "out_channels": 1, "resolution": (64, 64), "basis": "dct", "n_layers": 2}
SIZES = FIRST | {"n_modes": (24, 24), "d_model": 48}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"init": "plain"}, [48**-0.5, 48**-0.5]),
        ({"init": "vp"}, [(4096 / (576 * 48)) ** 0.5, 48**-0.5]),
        ({"init": "vp", "first_layer_only": False}, [(4096 / (576 * 48)) ** 0.5] * 2),
        ({"init": "vp", "kept": tuple(range(100))}, [(4096 / (100 * 48)) ** 0.5, 48**-0.5]),
        ({"init": "vp-data", "input_energy": 0.8}, [(0.8 * 48) ** -0.5, 48**-0.5]),
    ],
    ids=["plain", "vp", "vp-everywhere", "vp-kept", "vp-data"],
)
def test_deviation_of_the_channel_mixing(changes, expected):
    config = T1Config(**SIZES | changes)
    assert [channel_std(config, layer) for layer in range(2)] == pytest.approx(expected)
    weights = [block.channel_weight.std().item() for block in T1(config).blocks]
    assert weights == pytest.approx(expected, rel=0.02)


def gain(model: T1, generator: torch.Generator) -> float:
    """Return total variance after a channel mixing without residual over that of white noise on all modes."""
    x = torch.randn(576, 8, 48, generator=generator)
    y = torch.bmm(x, model.blocks[0].channel_weight)
    return (y.square().sum() / (x.square().sum() * 4096 / 576)).item()


def test_the_variance_of_white_noise_is_preserved(generator):
    assert gain(T1(T1Config(**SIZES, init="vp")), generator) == pytest.approx(1, abs=0.02)


def test_frequency_mixing_preserves_it_too(generator):
    block = T1(T1Config(**SIZES | {"activation": "identity"})).blocks[0]
    z = torch.randn(576, 8, 48, generator=generator)
    added = block(z) - z
    assert (added.square().sum() / (z.square().sum() * 4096 / 576)).item() == pytest.approx(1, abs=0.05)


def test_the_start_of_the_fourier_neural_operator_lets_variance_vanish(generator):
    expected = 576 / (3 * 4096 * 48**3)  # M / (3 N C^3): 4.2e-7
    assert gain(T1(T1Config(**SIZES, init="fno")), generator) == pytest.approx(expected, rel=0.05)
    assert expected == pytest.approx(4.2e-7, rel=0.02)


@pytest.mark.parametrize("std", [1e-8, 0.3])
def test_the_head_starts_as_small_as_asked(std):
    model = T1(T1Config(**SIZES, head_std=std))
    assert [m.weight.std().item() for m in (model.head_up, model.head_down)] == pytest.approx(
        [std] * 2, rel=0.2
    )
    assert [m.bias for m in (model.head_up, model.head_down)] == [None, None]


def test_seeds_decide_the_weights_and_leave_the_global_state_alone():
    before = torch.random.get_rng_state()
    config = T1Config(**SIZES | {"n_modes": (3, 3), "d_model": 4})
    one, same, other = (T1(config, seed=seed).state_dict() for seed in (5, 5, 6))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["blocks.0.channel_weight"], other["blocks.0.channel_weight"])

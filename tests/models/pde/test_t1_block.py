from __future__ import annotations

import pytest
import torch
from torch import nn

from longwave.models.pde.t1_block import FrequencyMixing, T1Block

BOXES = pytest.mark.parametrize("box", [(5,), (4, 3), (3, 1, 4)], ids=str)


def to_modes_first(z: torch.Tensor) -> torch.Tensor:
    return z.flatten(2).permute(2, 0, 1)


@BOXES
@pytest.mark.parametrize("batch", [1, 3])
def test_a_block_is_its_formula_in_value_and_gradient(generator, literal_block, box, batch):
    block = T1Block(6, box, nn.functional.gelu, std=0.4).double()
    z = torch.randn(batch, 6, *box, generator=generator, dtype=torch.float64, requires_grad=True)
    expected = to_modes_first(literal_block(block, z))
    found = block(to_modes_first(z))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    weights = [z, *block.parameters()]
    slope = torch.randn(found.shape, generator=generator, dtype=torch.float64)
    gradients = [torch.autograd.grad((y * slope).sum(), weights) for y in (found, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("kept", [(0, 1, 2, 4, 7, 9), (5,)], ids=str)
def test_modes_that_are_not_kept_count_as_zeros(generator, literal_block, kept):
    places = torch.tensor(kept)
    block = T1Block(4, (3, 4), torch.sin, std=0.5, kept=places).double()
    z = torch.randn(2, 4, 12, generator=generator, dtype=torch.float64)
    z = torch.zeros_like(z).index_copy(2, places, z[..., places])
    expected = to_modes_first(literal_block(block, z.reshape(2, 4, 3, 4)))[places]
    torch.testing.assert_close(block(to_modes_first(z)[places]), expected, rtol=1e-12, atol=1e-12)


def test_frequency_mixing_starts_with_the_variance_kept(generator):
    mixing = FrequencyMixing(64, (12, 9))
    x = torch.randn(64, 12, 9, 16, generator=generator)
    assert (mixing(x).var() / x.var()).item() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("kept", [None, torch.arange(7)], ids=["box", "kept"])
def test_weights_are_as_many_as_said(kept):
    block = T1Block(5, (4, 3), torch.sin, std=1.0, kept=kept)
    n_modes = 12 if kept is None else 7
    assert sum(p.numel() for p in block.parameters()) == 25 * n_modes + 5 * (16 + 9)
    assert list(block.state_dict()) == [
        "channel_weight",
        "frequency_mixing.weights.0",
        "frequency_mixing.weights.1",
    ]

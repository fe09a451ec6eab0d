"""Linear layers over channels, against torch's own."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from longwave.errors import ConfigError
from longwave.models.pde.pointwise import ChannelMLP, PointwiseLinear, activation_function


@pytest.mark.parametrize("sizes", [(7,), (5, 3), (2, 3, 4)], ids=str)
def test_a_pointwise_layer_is_a_linear_layer_at_every_point(generator, sizes):
    layer, x = PointwiseLinear(3, 5), torch.randn(2, 3, *sizes, generator=generator, requires_grad=True)
    found = layer(x)
    expected = F.linear(x.movedim(1, -1), layer.weight, layer.bias).movedim(-1, 1)
    torch.testing.assert_close(found, expected)
    weight = torch.randn(found.shape, generator=generator)
    grads = [torch.autograd.grad((y * weight).sum(), [x, *layer.parameters()]) for y in (found, expected)]
    torch.testing.assert_close(*grads, rtol=1e-5, atol=1e-5)


def test_an_mlp_puts_the_activation_between(generator):
    mlp, x = ChannelMLP(3, 8, 2, torch.sin), torch.randn(2, 3, 5, 4, generator=generator)
    torch.testing.assert_close(mlp(x), mlp.down(torch.sin(mlp.up(x))))


@pytest.mark.parametrize(
    ("name", "expected"), [("gelu", F.gelu), ("relu", F.relu), ("sin", torch.sin), ("identity", lambda x: x)]
)
def test_activations_are_found_by_name(generator, name, expected):
    x = torch.randn(9, generator=generator)
    assert torch.equal(activation_function(name)(x), expected(x))


def test_unknown_activation_is_refused():
    with pytest.raises(ConfigError, match='activation is "swish"; give one of gelu, relu, sin, identity'):
        activation_function("swish")

"""Networks on patches: their formula, positions at other resolutions, and S4ND in place of attention."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from longwave.errors import ConfigError
from longwave.mixers import S4NDConfig
from longwave.models.images import ViT, ViTConfig

SMALL = {
    "patch": 4,
    "image_size": 16,
    "d_model": 6,
    "n_layers": 2,
    "n_heads": 2,
    "s4nd": S4NDConfig(d_state=4),
}
RATE = (1.0, 1.0)


def build(**changes):
    return ViT(ViTConfig(**(SMALL | changes)), 3, 2).eval()


def norm(x, layer):
    return F.layer_norm(x, (6,), layer.weight, layer.bias, 1e-6)


@pytest.mark.parametrize("mixer", ["attention", "s4nd"])
def test_forward_is_pre_norm_blocks_on_a_sequence(generator, mixer):
    model, x = build(mixer=mixer), torch.randn(2, 3, 16, 16, generator=generator)
    z = F.conv2d(x, model.embedding.weight, model.embedding.bias, stride=4).flatten(2).mT
    if mixer == "attention":
        z = torch.cat([model.class_token.expand(2, -1, -1), z], 1) + model.positions
    for layer in model.blocks:
        y = norm(z, layer.mixer_norm)
        z = z + (layer.attention(y) if mixer == "attention" else layer.s4nd(y.mT).mT)
        hidden = F.gelu(F.linear(norm(z, layer.mlp_norm), layer.up.weight, layer.up.bias))
        z = z + F.linear(hidden, layer.down.weight, layer.down.bias)
    z = norm(z, model.norm)
    torch.testing.assert_close(model(x, RATE), z[:, 0] if mixer == "attention" else z.mean(1))


def test_s4nd_needs_no_class_token_and_no_positions():
    model = build(mixer="s4nd")
    assert model.class_token is None
    assert model.positions is None
    assert {layer.s4nd.channels for layer in model.blocks} == {2}


def test_attention_sees_every_patch_and_s4nd_as_well(generator):
    for mixer in ("attention", "s4nd"):
        model = build(mixer=mixer)
        x = torch.randn(1, 3, 16, 16, generator=generator).requires_grad_()
        model.features(x, RATE)[0, 0, 5].backward()
        assert (x.grad.abs().sum(1) > 0).all()


def test_positions_are_interpolated_for_other_grids(generator):
    model = build()
    with torch.no_grad():  # positions that grow along a row
        model.positions[:, 1:] = torch.arange(4.0).repeat(4)[None, :, None]
    wide = model._positions(model.positions, (4, 8))[0, 1:, 0].view(4, 8)
    assert (wide[:, 1:] > wide[:, :-1] - 1e-5).all()
    torch.testing.assert_close(wide, wide[:1].expand(4, -1))
    assert model(torch.randn(1, 3, 9, 33, generator=generator), RATE).shape == (1, 6)


def test_video_has_no_patches():
    with pytest.raises(ConfigError, match="takes images, of 2 axes, not 3"):
        ViT(ViTConfig(**SMALL), 3, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 18}, "no multiple"),
        ({"d_mlp": 0}, '"d_mlp" is 0'),
        ({"channels": 0}, '"channels" is 0'),
        ({"n_heads": 4}, "does not divide"),
        ({"dropout": -0.1}, '"dropout" is -0.1'),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_settings_out_of_range_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        build(**changes)

"""Isotropic networks: their layers, and one answer at every resolution."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from longwave.errors import ConfigError
from longwave.mixers import S4NDConfig
from longwave.models.images import ImageClassifier, ImageClassifierConfig, IsotropicConfig


def build(**trunk):
    config = IsotropicConfig(**({"d_model": 6, "n_layers": 2} | trunk))
    return ImageClassifier(ImageClassifierConfig(trunk=config, in_channels=1, n_classes=4)).eval()


@pytest.mark.parametrize("mixer", ["s4nd", "conv"])
def test_forward_is_residual_layers_a_norm_and_the_mean(generator, mixer):
    model, x = build(mixer=mixer), torch.randn(2, 1, 7, 9, generator=generator)
    trunk, h = model.trunk, model.trunk.encoder(x)
    for norm, layer in zip(trunk.norms, trunk.mixers, strict=True):
        normed = F.layer_norm(h.movedim(1, -1), (6,), norm.weight, norm.bias, 1e-6).movedim(-1, 1)
        h = h + layer(normed, (1.0, 1.0))
    expected = model.head(trunk.norm(h).mean((2, 3)))
    torch.testing.assert_close(model(x), expected)


def test_a_norm_of_the_domain_is_over_channels_and_points_together(generator):
    norm = build(norm="domain").trunk.norms[0]
    with torch.no_grad():
        norm.weight.copy_(torch.randn(6, generator=generator))
        norm.bias.copy_(torch.randn(6, generator=generator))
    x = 3 + 2 * torch.randn(2, 6, 5, 7, generator=generator)
    flat = x.flatten(1)
    unit = (flat - flat.mean(1, keepdim=True)) / (flat.var(1, unbiased=False, keepdim=True) + 1e-6).sqrt()
    expected = unit.view_as(x) * norm.weight[:, None, None] + norm.bias[:, None, None]
    torch.testing.assert_close(norm(x), expected)


@pytest.mark.parametrize(("norm", "low", "high"), [("domain", 0.249, 0.251), ("point", 0.99, 1.0)])
def test_a_norm_of_the_domain_keeps_shades_of_grey_and_that_of_a_point_does_not(norm, low, high):
    trunk = build(norm=norm).trunk
    torch.nn.init.zeros_(trunk.encoder.bias)
    grey = torch.linspace(-1, 1, 9).view(1, 1, 3, 3)  # the last but three is a quarter of the last
    seen = trunk.norms[0](trunk.encoder(grey)).flatten(2)
    shares = seen[..., 5] / seen[..., 8]
    assert low < shares.min() <= shares.max() <= high


def test_norms_of_the_domain_stand_before_every_layer_and_at_the_end():
    trunk = build(norm="domain").trunk
    assert [type(norm).__name__ for norm in (*trunk.norms, trunk.norm)] == ["GroupNorm"] * 3


@pytest.mark.parametrize("sequence", [False, True])
def test_an_encoder_of_s4nd_reads_the_pixels_at_the_rate(generator, sequence):
    model = build(encoder="s4nd", sequence=sequence)
    trunk, x = model.trunk, torch.randn(2, 1, 5, 7, generator=generator)
    read, rates = (x.flatten(2), (3.0,)) if sequence else (x, (2.0, 3.0))
    h = trunk.encoder(read, rates)
    assert h.shape[1] == 6
    for norm, layer in zip(trunk.norms, trunk.mixers, strict=True):
        h = h + layer(norm(h), rates)
    torch.testing.assert_close(model(x, rate=(2.0, 3.0)), model.head(trunk.norm(h).flatten(2).mean(-1)))


def test_a_layer_of_convolution_is_a_kernel_gelu_and_a_gate(generator):
    layer, x = (
        build(mixer="conv", kernel_size=5).trunk.mixers[0],
        torch.randn(2, 6, 7, 9, generator=generator),
    )
    y = F.gelu(F.conv2d(x, layer.conv.weight, layer.conv.bias, padding=2))
    z = F.conv2d(y, layer.out_proj.weight[:, :, None, None], layer.out_proj.bias)
    torch.testing.assert_close(layer(x, (1.0, 1.0)), z[:, :6] * z[:, 6:].sigmoid())


def test_a_layer_of_convolution_drops_whole_channels(generator):
    layer = build(mixer="conv", d_model=50, dropout=0.5).trunk.mixers[0].train()
    with torch.no_grad():
        layer.out_proj.weight.copy_(torch.eye(50).repeat(2, 1))
        layer.out_proj.bias.fill_(0.0)
    y = layer(torch.randn(1, 50, 4, 4, generator=generator), (1.0, 1.0))
    assert set((y == 0).float().mean((0, 2, 3)).tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("changes", [{}, {"norm": "domain"}, {"norm": "domain", "encoder": "s4nd"}], ids=str)
def test_answers_at_twice_the_resolution_are_near_when_told_the_rate(changes):
    model = build(d_model=16, s4nd=S4NDConfig(bandlimit=0.2), **changes).double()
    t = torch.linspace(0, 1, 33, dtype=torch.float64)[:-1]
    smooth = (torch.sin(6.3 * t)[:, None] * torch.cos(6.3 * t))[None, None]
    fine = F.interpolate(smooth, scale_factor=2, mode="bilinear")
    answer = model(smooth)
    assert (model(fine, rate=0.5) - answer).norm() < 0.05 * answer.norm()
    assert (model(fine) - answer).norm() > 0.1 * answer.norm()


@pytest.mark.parametrize(
    "change", [{"d_model": 0}, {"n_layers": 0}, {"kernel_size": 4}, {"dropout": 1.0}], ids=str
)
def test_settings_out_of_range_are_refused(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        IsotropicConfig(**change)


@pytest.mark.parametrize("mixer", ["s4nd", "conv"])
def test_a_sequence_reads_the_points_row_by_row_with_layers_of_one_axis(generator, mixer):
    model, x = build(mixer=mixer, sequence=True), torch.randn(2, 1, 5, 7, generator=generator)
    trunk, h = model.trunk, model.trunk.encoder(x.reshape(2, 1, 35))
    for norm, layer in zip(trunk.norms, trunk.mixers, strict=True):
        h = h + layer(norm(h), (2.0,))
    torch.testing.assert_close(model(x, rate=(9.0, 2.0)), model.head(trunk.norm(h).mean(-1)))


def test_a_sequence_has_the_kernels_of_one_axis():
    one, two = (build(sequence=sequence).trunk.mixers[0] for sequence in (True, False))
    assert (len(one.axes), len(two.axes)) == (1, 2)

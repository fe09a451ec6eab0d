"""Classifiers of video: shapes, rates of time and space, files."""

from __future__ import annotations

import pytest
import torch

from longwave.config import load_config, to_dict
from longwave.errors import ConfigError, ShapeError
from longwave.mixers import S4ND, S4NDConfig
from longwave.models import VideoClassifier, VideoClassifierConfig
from longwave.models.images import ConvNeXtConfig, IsotropicConfig

SMALL = S4NDConfig(d_state=4, bidirectional=(False, True, True), bandlimit=(None, 0.5, 0.5))
STAGES = {"depths": (1, 1), "widths": (4, 6), "patch": 2, "stem_channels": 3, "stem_kernel": 3}
TRUNKS = {
    "isotropic-s4nd": IsotropicConfig(d_model=6, n_layers=2, s4nd=SMALL),
    "isotropic-conv": IsotropicConfig(mixer="conv", d_model=6, n_layers=2),
    "convnext-conv": ConvNeXtConfig(**STAGES),
    "convnext-s4nd": ConvNeXtConfig(
        **STAGES, mixer="s4nd", stem="s4nd", downsample="s4nd", s4nd=S4NDConfig(d_state=4)
    ),
}


def build(name):
    return VideoClassifier(VideoClassifierConfig(trunk=TRUNKS[name], in_channels=2, n_classes=3))


@pytest.mark.parametrize("name", TRUNKS)
def test_clips_of_any_size_files_and_gradients(generator, tmp_path, name):
    model, x = build(name).train(), torch.randn(3, 2, 5, 8, 7, generator=generator)
    logits = model(x)
    assert logits.shape == (3, 3)
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())
    model.eval().save_pretrained(tmp_path)
    loaded = VideoClassifier.from_pretrained(tmp_path)
    assert loaded.config == model.config
    assert torch.equal(loaded(x), model(x))


@pytest.mark.parametrize("name", TRUNKS)
def test_a_configuration_survives_a_file(name):
    config = build(name).config
    assert load_config(VideoClassifierConfig, to_dict(config)) == config


def test_time_is_halved_once_and_space_in_every_stage(generator):
    for name in ("convnext-conv", "convnext-s4nd"):
        features = build(name).features(torch.randn(1, 2, 6, 8, 12, generator=generator))
        assert features.shape == (1, 6, 3, 2, 3)


def test_the_twin_convolves_in_three_axes():
    twin = build("convnext-conv").trunk
    assert twin.stages[0][0].conv.kernel_size == (3, 7, 7)
    assert twin.stem.conv.kernel_size == (2, 2, 2)
    assert twin.downsamples[0].conv.kernel_size == (1, 2, 2)


def test_one_rate_is_that_of_space(generator):
    model, x = build("isotropic-s4nd").eval(), torch.randn(1, 2, 4, 6, 6, generator=generator)
    assert torch.equal(model(x, rate=2.0), model(x, rate=(1.0, 2.0, 2.0)))
    assert not torch.equal(model(x, rate=2.0), model(x, rate=(2.0, 2.0, 2.0)))


def test_an_axis_of_time_that_looks_back_is_causal(generator):
    model, x = build("isotropic-s4nd").eval(), torch.randn(1, 2, 6, 5, 5, generator=generator)
    before = model.features(x)
    x[:, :, 4:] += 1.0
    after = model.features(x)
    torch.testing.assert_close(after[:, :, :4], before[:, :, :4], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(after[:, :, 4:], before[:, :, 4:])


def test_a_bandlimit_of_each_axis_reaches_every_layer():
    model = build("convnext-s4nd")
    assert model.set_bandlimit((None, 0.25, 0.25)) == 4
    limits = {layer.bandlimit for layer in model.modules() if isinstance(layer, S4ND)}
    assert limits == {(None, 0.25, 0.25)}


def test_an_image_or_a_clip_that_is_too_short_is_refused():
    with pytest.raises(ShapeError, match=r"signals of shape \(B, 2, time, height, width\)"):
        build("isotropic-conv")(torch.zeros(1, 2, 8, 8))
    with pytest.raises(ShapeError, match="takes at least 2 x 4 x 4"):
        build("convnext-conv")(torch.zeros(1, 2, 1, 8, 8))


def test_settings_out_of_range_are_refused():
    with pytest.raises(ConfigError, match='"n_classes" is 0'):
        VideoClassifierConfig(n_classes=0)

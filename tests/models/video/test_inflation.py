"""From images to video: identical frames have the features of the image."""

from __future__ import annotations

import pytest
import torch

from longwave.errors import ConfigError
from longwave.mixers import S4ND, S4NDConfig
from longwave.models import ImageClassifier, ImageClassifierConfig, VideoClassifier, inflate
from longwave.models.images import ConvNeXtConfig, IsotropicConfig, ViTConfig

SMALL = S4NDConfig(d_state=4, rank=2, bandlimit=0.8)
STAGES = {"depths": (1, 1), "widths": (4, 6), "patch": 2, "stem_channels": 3, "stem_kernel": 3, "s4nd": SMALL}
TRUNKS = {
    "convnext-s4nd": ConvNeXtConfig(**STAGES, mixer="s4nd", stem="s4nd", downsample="s4nd"),
    "convnext-s4nd-stages": ConvNeXtConfig(**STAGES, mixer="s4nd"),
    "convnext-conv": ConvNeXtConfig(**STAGES, time_kernel=3),
    "isotropic-s4nd": IsotropicConfig(d_model=6, n_layers=2, s4nd=SMALL),
    "isotropic-conv": IsotropicConfig(mixer="conv", d_model=6, n_layers=2),
    "isotropic-dplr": IsotropicConfig(d_model=4, n_layers=1, s4nd=S4NDConfig(kernel="s4", d_state=4)),
}


def build(name, **options):
    model = ImageClassifier(ImageClassifierConfig(trunk=TRUNKS[name], in_channels=2, n_classes=3, **options))
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if key.endswith("scale"):  # starts at 1e-6, where all blocks look alike
                parameter.fill_(0.5)
    return model.double().eval()


@pytest.mark.parametrize("name", TRUNKS)
def test_every_frame_of_identical_ones_has_the_features_of_the_image(generator, name):
    flat = build(name)
    solid = inflate(flat, dt=1e3)
    image = torch.randn(2, 2, 9, 8, generator=generator, dtype=torch.float64)
    clip = image[:, :, None].expand(-1, -1, 6, -1, -1)
    features = flat.features(image)[:, :, None]
    found = solid.features(clip)
    torch.testing.assert_close(found, features.expand_as(found), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(solid(clip), flat(image), rtol=1e-6, atol=1e-6)


def test_a_short_average_reaches_the_features_of_the_image_after_some_frames(generator):
    flat = build("isotropic-s4nd")
    solid = inflate(flat)
    image = torch.randn(1, 2, 5, 5, generator=generator, dtype=torch.float64)
    found = solid.features(image[:, :, None].expand(-1, -1, 40, -1, -1))
    expected = flat.features(image)
    assert (found[:, :, 0] - expected).norm() > 1e-2 * expected.norm()
    assert (found[:, :, -1] - expected).norm() < 1e-6 * expected.norm()


def test_repeated_taps_reach_them_away_from_both_ends(generator):
    flat = build("isotropic-conv")
    solid = inflate(flat, taps="mean")
    image = torch.randn(1, 2, 5, 5, generator=generator, dtype=torch.float64)
    found = solid.features(image[:, :, None].expand(-1, -1, 7, -1, -1))
    expected = flat.features(image)
    torch.testing.assert_close(found[:, :, 3], expected)
    assert not torch.allclose(found[:, :, 0], expected)


def test_another_head_is_new_and_the_rest_is_kept():
    flat = build("convnext-s4nd", head_dropout=0.2)
    solid = inflate(flat, n_classes=51, seed=3)
    assert isinstance(solid, VideoClassifier)
    assert (solid.config.n_classes, solid.config.head_dropout, solid.head.out_features) == (51, 0.2, 51)
    assert torch.equal(solid.trunk.norm.weight, flat.trunk.norm.weight)
    assert not torch.equal(inflate(flat, n_classes=51, seed=4).head.weight, solid.head.weight)


def test_the_model_of_images_is_left_as_it_was():
    flat = build("convnext-s4nd").train()
    before = {name: value.clone() for name, value in flat.state_dict().items()}
    solid = inflate(flat)
    assert all(torch.equal(value, before[name]) for name, value in flat.state_dict().items())
    assert (solid.training, next(solid.parameters()).dtype) == (True, torch.float64)


def test_a_bandlimit_that_was_set_holds_for_space():
    flat = build("isotropic-s4nd")
    flat.set_bandlimit(0.3)
    limits = {layer.bandlimit for layer in inflate(flat).modules() if isinstance(layer, S4ND)}
    assert limits == {(None, 0.3, 0.3)}


def test_an_inflated_model_is_saved_and_loaded(tmp_path, generator):
    solid = inflate(build("convnext-s4nd"))
    solid.save_pretrained(tmp_path)
    x = torch.randn(1, 2, 4, 8, 8, generator=generator, dtype=torch.float64)
    assert torch.equal(VideoClassifier.from_pretrained(tmp_path)(x), solid(x))


def test_patches_of_one_image_have_no_form_for_video():
    trunk = ViTConfig(patch=4, image_size=8, d_model=4, n_layers=1, n_heads=1)
    with pytest.raises(ConfigError, match="no form for video"):
        inflate(ImageClassifier(ImageClassifierConfig(trunk=trunk)))


@pytest.mark.parametrize(
    ("options", "message"), [({"dt": 0.0}, "dt is"), ({"taps": "first"}, 'taps is "first"')]
)
def test_settings_out_of_range_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        inflate(build("isotropic-s4nd"), **options)

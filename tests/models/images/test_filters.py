"""Filters are those of the layers, on the grid and at the rate that each of them is given."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from longwave.errors import ConfigError, ShapeError
from longwave.mixers import S4NDConfig
from longwave.models.images import (
    ConvNeXtConfig,
    ImageClassifier,
    ImageClassifierConfig,
    IsotropicConfig,
    ViTConfig,
    sample_filters,
)
from longwave.models.video import VideoClassifier, VideoClassifierConfig


def build(trunk):
    return ImageClassifier(ImageClassifierConfig(trunk=trunk, in_channels=1, n_classes=4))


def isotropic(n_layers=3, **s4nd):
    return build(IsotropicConfig(d_model=6, n_layers=n_layers, s4nd=S4NDConfig(**s4nd)))


@pytest.mark.parametrize(("sizes", "rate"), [((7, 9), 4.0), ((5, 3), (2.0, 1.0)), ((1, 1), 0.5)], ids=str)
def test_filters_are_the_kernels_of_the_first_and_the_last_layer(sizes, rate):
    model = isotropic(bandlimit=0.3)
    found = sample_filters(model, sizes, rate, n_kernels=4)
    assert [one.layer for one in found] == ["trunk.mixers.0", "trunk.mixers.2"]
    for one, layer in zip(found, (model.trunk.mixers[0], model.trunk.mixers[2]), strict=True):
        expected = layer.eval().kernel(sizes, rate)[:4].detach().numpy()
        np.testing.assert_array_equal(one.values, expected)
        assert (one.values.shape, one.values.dtype) == ((4, 2 * sizes[0], 2 * sizes[1]), np.float32)
        assert (one.rate, one.bandlimit) == (rate if isinstance(rate, tuple) else (rate, rate), (0.3, 0.3))


def test_the_middle_point_of_a_filter_is_the_answer_at_a_bright_point():
    model = isotropic()
    layer = model.trunk.mixers[0]
    (first, _) = sample_filters(model, (9, 9), 2.0)
    layer.out_proj, layer.skip = None, None
    point = torch.zeros(1, 6, 9, 9)
    point[..., 4, 4] = 1.0
    answer = layer(point, 2.0)[0].detach().numpy()
    np.testing.assert_allclose(answer, first.values[:, 5:14, 5:14], rtol=1e-3, atol=1e-5)


def test_a_single_layer_is_shown_once_and_a_model_without_any_not_at_all():
    assert len(sample_filters(isotropic(n_layers=1), (7, 7))) == 1
    assert sample_filters(build(IsotropicConfig(mixer="conv", d_model=6, n_layers=2)), (7, 7)) == ()


def test_layers_behind_a_stem_have_its_grid_and_every_pair_of_channels_a_kernel():
    kinds = {"mixer": "s4nd", "stem": "s4nd", "stem_channels": 5}
    trunk = ConvNeXtConfig(depths=(1, 1), widths=(8, 8), s4nd=S4NDConfig(d_state=4), **kinds)
    model = ImageClassifier(ImageClassifierConfig(trunk=trunk, in_channels=3, n_classes=4))
    stem, last = sample_filters(model, (40, 24), n_kernels=4)
    pairs = model.trunk.stem.conv.eval().kernel((40, 24)).detach().numpy()  # out, in, ...
    np.testing.assert_array_equal(stem.values, [pairs[0, 0], pairs[0, 1], pairs[0, 2], pairs[1, 0]])
    assert stem.values.shape == (4, 32, 32)  # the longest kernel of the stem
    assert last.values.shape == (4, 10, 6)


def test_a_sequence_of_patches_has_filters_of_one_axis():
    trunk = ViTConfig(mixer="s4nd", d_model=8, n_layers=2, patch=4, s4nd=S4NDConfig(d_state=4))
    first, _ = sample_filters(build(trunk), (16, 16), 2.0)
    assert first.values.ndim == 2
    assert (len(first.rate), len(first.bandlimit)) == (1, 1)


@pytest.mark.parametrize("both", [True, False], ids=["both ways", "back"])
def test_filters_of_clips_are_cut_at_the_present_frame(both):
    trunk = IsotropicConfig(
        d_model=4, n_layers=1, s4nd=S4NDConfig(d_state=4, bidirectional=(both, True, True))
    )
    model = VideoClassifier(VideoClassifierConfig(trunk=trunk, in_channels=1, n_classes=2))
    (one,) = sample_filters(model, (5, 7, 6), 2.0)
    whole = model.trunk.mixers[0].eval().kernel((5, 7, 6), (1.0, 2.0, 2.0)).detach().numpy()
    np.testing.assert_array_equal(one.values, whole[:, 5 if both else 0])
    assert (one.rate, one.values.shape) == ((2.0, 2.0), (4, 14, 12))


def test_the_model_is_left_as_it_was():
    model = isotropic().train()
    model.head.eval()
    sample_filters(model, (7, 7))
    assert model.training
    assert not model.head.training
    assert not model.trunk.mixers[0]._forward_pre_hooks


def test_no_kernels_are_refused():
    with pytest.raises(ConfigError, match="n_kernels is 0"):
        sample_filters(isotropic(), (7, 7), n_kernels=0)


def test_a_grid_that_the_model_cannot_read_is_told_and_leaves_no_hooks():
    model = isotropic()
    with pytest.raises(ShapeError):
        sample_filters(model, (7,))
    assert not model.trunk.mixers[0]._forward_pre_hooks

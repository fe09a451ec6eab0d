"""What all classifiers of images share: shapes, rates, files, checks of the input."""

from __future__ import annotations

import pytest
import torch

from longwave.config import load_config, to_dict
from longwave.errors import CheckpointError, ConfigError, ShapeError
from longwave.mixers import S4ND, S4NDConfig
from longwave.models import ImageClassifier, ImageClassifierConfig
from longwave.models.images import Classifier, ConvNeXtConfig, IsotropicConfig, ViTConfig

SMALL = S4NDConfig(d_state=4)
STAGES = {"depths": (1, 2), "widths": (4, 6), "patch": 2, "stem_channels": 3, "stem_kernel": 3, "s4nd": SMALL}
PATCHES = {"patch": 4, "image_size": 16, "d_model": 6, "n_layers": 2, "n_heads": 2}
TRUNKS = {
    "isotropic-s4nd": IsotropicConfig(d_model=6, n_layers=2, s4nd=SMALL, dropout=0.1),
    "isotropic-conv": IsotropicConfig(mixer="conv", d_model=6, n_layers=2, dropout=0.1),
    "convnext-conv": ConvNeXtConfig(**STAGES),
    "convnext-s4nd": ConvNeXtConfig(**STAGES, mixer="s4nd", stem="s4nd", downsample="s4nd"),
    "vit-attention": ViTConfig(**PATCHES, dropout=0.1),
    "vit-s4nd": ViTConfig(**PATCHES, mixer="s4nd", s4nd=SMALL),
}
S4ND_LAYERS = {"isotropic-s4nd": 2, "convnext-s4nd": 5, "vit-s4nd": 2}


def build(name, seed=1, **options):
    return ImageClassifier(
        ImageClassifierConfig(trunk=TRUNKS[name], in_channels=2, n_classes=3, **options), seed=seed
    )


@pytest.fixture(params=TRUNKS)
def name(request):
    return request.param


@pytest.mark.parametrize("sizes", [(16, 16), (13, 17)], ids=str)
def test_logits_of_any_size_and_a_gradient_for_every_parameter(generator, name, sizes):
    model = build(name).train()
    logits = model(torch.randn(4, 2, *sizes, generator=generator))
    assert logits.shape == (4, 3)
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    silent = [n for n, p in model.named_parameters() if not p.grad.any()]
    assert all(n.endswith("in_proj.bias") for n in silent)  # keys' biases move no attention


def test_features_come_before_pooling(generator, name):
    model, x = build(name).eval(), torch.randn(2, 2, 16, 16, generator=generator)
    features = model.features(x)
    assert features.shape[:2] == (2, model.trunk.width)
    torch.testing.assert_close(model.head(model.trunk.pool(features)), model(x))


def test_a_saved_model_answers_as_before(generator, tmp_path, name):
    model, x = build(name).eval(), torch.randn(2, 2, 16, 16, generator=generator)
    model.save_pretrained(tmp_path)
    loaded = ImageClassifier.from_pretrained(tmp_path)
    assert loaded.config == model.config
    assert torch.equal(loaded(x), model(x))
    assert not loaded.training


def test_the_same_seed_makes_the_same_model(name):
    before = torch.random.get_rng_state()
    first, again, other = (build(name, seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_an_answer_does_not_depend_on_the_rest_of_the_batch(generator, name):
    model, x = build(name).eval(), torch.randn(3, 2, 16, 16, generator=generator)
    torch.testing.assert_close(model(x)[1:2], model(x[1:2]), rtol=1e-4, atol=1e-6)


def test_half_precision_under_autocast_stays_near(generator, name):
    model, x = build(name).eval(), torch.randn(2, 2, 16, 16, generator=generator)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        narrow = model(x)
    torch.testing.assert_close(narrow.float(), model(x), rtol=0.1, atol=0.02)


def test_the_rate_reaches_every_s4nd(generator, name):
    model, x = build(name).eval(), torch.randn(2, 2, 16, 16, generator=generator)
    torch.testing.assert_close(model(x, rate=(2.0, 2.0)), model(x, rate=2.0))
    assert torch.equal(model(x, rate=2.0), model(x)) == (name not in S4ND_LAYERS)
    seen = []
    for layer in model.modules():
        if isinstance(layer, S4ND):
            layer.register_forward_pre_hook(lambda _, given: seen.append(given[1]))
    model(x, rate=2.0)
    assert len(seen) == S4ND_LAYERS.get(name, 0)
    assert all(rate in ((2.0, 2.0), 2.0) for rate in seen)


def test_a_bandlimit_reaches_every_s4nd(name):
    model = build(name)
    assert model.set_bandlimit(0.25) == S4ND_LAYERS.get(name, 0)
    assert all(set(m.bandlimit) == {0.25} for m in model.modules() if isinstance(m, S4ND))


def test_every_parameter_is_in_one_group_and_steps_learn_slowly(name):
    model = build(name)
    groups = model.optimizer_groups(lr=0.1, weight_decay=0.05)
    grouped = [id(p) for group in groups for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in model.parameters())
    settings = {id(p): (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}
    for key, parameter in model.named_parameters():
        if key.endswith(("log_dt", "A_imag", "log_A_real", ".B")):
            assert settings[id(parameter)] == (1e-3, 0.0)
        elif key.endswith(".C"):
            assert settings[id(parameter)] == (0.1, 0.05)


def test_a_configuration_survives_a_file(name):
    config = build(name).config
    assert load_config(ImageClassifierConfig, to_dict(config)) == config


def test_dropout_before_the_head_is_for_training_only(generator):
    model, x = build("isotropic-conv", head_dropout=0.9), torch.ones(2, 2, 5, 5)
    model.trunk.eval()
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


@pytest.mark.parametrize(
    "x",
    [
        torch.zeros(2, 3, 16, 16),
        torch.zeros(2, 2, 16),
        torch.zeros(2, 2, 3, 16, 16),
        torch.zeros(2, 2, 16, 0),
        torch.zeros(2, 2, 16, 16, dtype=torch.uint8),
    ],
    ids=lambda x: f"{tuple(x.shape)}-{x.dtype}",
)
def test_an_image_of_another_shape_is_refused(x):
    with pytest.raises(ShapeError, match=r"takes real signals of shape \(B, 2, height, width\)"):
        build("isotropic-conv")(x)


@pytest.mark.parametrize("rate", [0.0, -1.0, (1.0, 0.0), (1.0, 1.0, 1.0)], ids=str)
def test_a_rate_that_cannot_be_is_refused_by_every_network(rate, name):
    with pytest.raises(ConfigError, match="rate"):
        build(name)(torch.zeros(1, 2, 16, 16), rate=rate)


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [("convnext-s4nd", 3, "takes at least 4 x 4"), ("vit-s4nd", 3, "has no patch of 4")],
)
def test_an_image_that_is_too_small_is_refused(name, size, message):
    with pytest.raises(ShapeError, match=message):
        build(name)(torch.zeros(1, 2, size, size))


def test_a_folder_of_another_kind_of_model_is_refused(tmp_path):
    model = build("isotropic-conv")
    model.save_pretrained(tmp_path)

    class Other(Classifier):
        config_class = IsotropicConfig
        n_dims = 2

    with pytest.raises(CheckpointError, match='kind "ImageClassifierConfig", not "IsotropicConfig"'):
        Other.from_pretrained(tmp_path)


@pytest.mark.parametrize("change", [{"n_classes": 0}, {"in_channels": 0}, {"head_dropout": 1.0}], ids=str)
def test_settings_out_of_range_are_refused(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        ImageClassifierConfig(**change)

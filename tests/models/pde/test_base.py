"""What all models of fields share: checks of the input, and files."""

from __future__ import annotations

import pytest
import torch

from longwave.errors import CheckpointError, ConfigError, ShapeError
from longwave.models.pde import FFNO, FNO, FFNOConfig, FieldModel, FNOConfig, UNet, UNetConfig
from longwave.models.pde.base import check_modes

SIZES = {"in_channels": 2, "out_channels": 1}
MODES = {"n_modes": (3, 4), "d_model": 6}
MODELS = {
    "fno": (FNO, FNOConfig(**SIZES, **MODES)),
    "ffno": (FFNO, FFNOConfig(**SIZES, **MODES)),
    "ffno-shared": (FFNO, FFNOConfig(**SIZES, **MODES, share_weights=True)),
    "unet": (UNet, UNetConfig(**SIZES, channel_exponent=2, n_levels=3)),
}


def build(kind, seed=1):
    model, config = MODELS[kind]
    return model(config, seed=seed)


@pytest.fixture(params=MODELS)
def model(request):
    """Return one kind of model after the other."""
    return build(request.param)


@pytest.mark.parametrize("sizes", [(8, 8), (9, 13)], ids=str)
def test_a_model_keeps_the_grid_and_gives_every_parameter_a_gradient(generator, model, sizes):
    x = torch.randn(3, 2, *sizes, generator=generator)
    y = model.train()(x)
    assert y.shape == (3, 1, *sizes)
    y.square().sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def test_a_saved_model_answers_as_before(generator, tmp_path, model):
    x = torch.randn(2, 2, 9, 8, generator=generator)
    model.eval().save_pretrained(tmp_path)
    loaded = type(model).from_pretrained(tmp_path)
    assert loaded.config == model.config
    assert torch.equal(loaded(x), model(x))
    assert not loaded.training


@pytest.mark.parametrize("kind", MODELS)
def test_the_same_seed_makes_the_same_model(kind):
    before = torch.random.get_rng_state()
    first, again, other = (next(build(kind, seed).parameters()) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_an_answer_does_not_depend_on_the_rest_of_the_batch(generator, model):
    x = torch.randn(3, 2, 9, 8, generator=generator)
    torch.testing.assert_close(model.eval()(x)[1:2], model(x[1:2]), rtol=1e-4, atol=1e-6)


def test_half_precision_under_autocast_stays_near(generator, model):
    x = torch.randn(2, 2, 9, 8, generator=generator)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        narrow = model.eval()(x)
    torch.testing.assert_close(narrow.float(), model(x), rtol=0.05, atol=0.03)


@pytest.mark.parametrize(
    "x",
    [torch.zeros(2, 3, 9, 8), torch.zeros(2, 9, 8), torch.zeros(2, 2, 9), torch.zeros(2, 2, 9, 0)],
    ids=lambda x: str(tuple(x.shape)),
)
def test_a_field_of_another_shape_is_refused(model, x):
    with pytest.raises(ShapeError, match=r"takes real fields of shape \(B, 2, N1, N2\)"):
        model(x)


@pytest.mark.parametrize("dtype", [torch.int64, torch.complex64], ids=str)
def test_a_field_that_is_not_real_is_refused(dtype):
    with pytest.raises(ShapeError, match="takes real fields"):
        build("fno")(torch.zeros(1, 2, 9, 8, dtype=dtype))


def test_a_folder_of_another_kind_of_model_is_refused(tmp_path):
    build("unet").save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match='kind "UNetConfig", not "FNOConfig"'):
        FNO.from_pretrained(tmp_path)


def test_a_model_without_a_forward_is_none():
    with pytest.raises(TypeError, match="forward"):
        FieldModel(MODELS["fno"][1])


@pytest.mark.parametrize("n_modes", [(), (1, 2, 3, 4), (3, 0)], ids=str)
def test_modes_of_no_axis_or_too_many_are_refused(n_modes):
    with pytest.raises(ConfigError, match='"n_modes" is'):
        check_modes(n_modes)

"""The Fourier neural operator against its formula, on every kind of grid, and beyond the training grid."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from longwave.errors import ConfigError, ShapeError
from longwave.models.pde import FNO, FNOConfig


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


def smooth_field(generator, n, highest, batch=1, n_dims=2):
    """Draw fields of waves up to ``highest`` cycles; the same seed gives the same field on every grid."""
    places = torch.meshgrid(*[torch.arange(n, dtype=torch.float64) / n] * n_dims, indexing="ij")
    field = torch.zeros(batch, 1, *(n,) * n_dims, dtype=torch.float64)
    for sample in range(batch):
        for _ in range(5):
            k = torch.randint(-highest, highest + 1, (n_dims,), generator=generator).tolist()
            shift = 6 * float(torch.rand((), generator=generator))
            waves = sum(k_d * place for k_d, place in zip(k, places, strict=True))
            field[sample, 0] += torch.cos(2 * math.pi * waves + shift)
    return field


def by_whole_transforms(model, x):
    """Compute a 2-D model with the corner blocks of whole transforms and complex weights."""
    n1, n2 = x.shape[2:]
    m1, m2 = model.config.n_modes
    places = torch.meshgrid(*(torch.arange(n, dtype=x.dtype) / n for n in (n1, n2)), indexing="ij")
    v = torch.cat([x, torch.stack(places).expand(len(x), 2, n1, n2)], 1)
    v = F.conv2d(v, model.lift.weight[..., None, None], model.lift.bias)
    for i, layer in enumerate(model.layers):
        weight = torch.view_as_complex(layer.spectral.weight)  # (2 m1, m2, I, O)
        z, out = torch.fft.rfft2(v), torch.zeros(*v.shape[:3], n2 // 2 + 1, dtype=torch.complex128)
        out[:, :, :m1, :m2] = torch.einsum("bixy,xyio->boxy", z[:, :, :m1, :m2], weight[:m1])
        out[:, :, -m1:, :m2] = torch.einsum("bixy,xyio->boxy", z[:, :, -m1:, :m2], weight[m1:])
        linear = F.conv2d(v, layer.pointwise.weight[..., None, None], layer.pointwise.bias)
        # axis by axis: what a transform of two axes does with an imaginary mean is not defined everywhere
        v = torch.fft.irfft(torch.fft.ifft(out, dim=-2), n=n2) + linear
        v = F.gelu(v) if i + 1 < len(model.layers) else v
    up, down = model.projection.up, model.projection.down
    hidden = F.gelu(F.conv2d(v, up.weight[..., None, None], up.bias))
    return F.conv2d(hidden, down.weight[..., None, None], down.bias)


@pytest.mark.parametrize("sizes", [(16, 16), (17, 12), (9, 21)], ids=str)
def test_forward_and_gradients_equal_the_formula(generator, sizes):
    config = FNOConfig(in_channels=2, out_channels=3, n_modes=(4, 5), d_model=6, n_layers=3, init="vp")
    model = FNO(config).double()
    x = torch.randn(2, 2, *sizes, generator=generator, dtype=torch.float64)
    found, expected = model(x), by_whole_transforms(model, x)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
    grads = [torch.autograd.grad(y.square().sum(), list(model.parameters())) for y in (found, expected)]
    torch.testing.assert_close(*grads, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("n", [8, 9, 16, 17, 21, 64, 85])
def test_identity_on_the_kept_modes_reproduces_a_band_limited_field(generator, n):
    model = FNO(FNOConfig(in_channels=1, out_channels=1, n_modes=(4, 4), d_model=2, n_layers=1))
    layer = model.layers[0]
    with torch.no_grad():
        layer.spectral.weight.zero_()
        layer.spectral.weight[..., 0] = torch.eye(2)
        layer.pointwise.weight.zero_()
        layer.pointwise.bias.zero_()
        v = smooth_field(generator, n, 3).float().expand(1, 2, n, n)
        assert (layer(v) - v).abs().max() < 1e-6 * v.abs().max()


def test_a_linear_stack_trained_on_64_points_says_the_same_on_128():
    def of(n):
        return smooth_field(torch.Generator().manual_seed(3), n, 3, batch=4).float()

    config = FNOConfig(
        in_channels=1, out_channels=1, n_modes=(4, 4), d_model=8, n_layers=3,
        activation="identity", coordinates="none",
    )  # fmt: skip
    model = FNO(config)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    x = of(64)
    target = x.roll(5, -1) - 0.5 * x
    first = F.mse_loss(model(x), target).item()
    for _ in range(30):
        optimizer.zero_grad()
        F.mse_loss(model(x), target).backward()
        optimizer.step()
    with torch.no_grad():
        assert F.mse_loss(model(x), target).item() < 0.3 * first
        coarse, fine = model(x), model(of(128))[..., ::2, ::2]
    assert (fine - coarse).abs().max() < 1e-4 * coarse.abs().max()


@pytest.mark.parametrize(
    ("n_modes", "sizes", "finer"),
    [((6,), (12,), (85,)), ((4, 4), (8, 7), (21, 30)), ((2, 3, 3), (4, 6, 5), (9, 8, 7))],
    ids=["1d", "2d", "3d"],
)
def test_the_same_weights_serve_any_grid_that_shows_the_modes(generator, n_modes, sizes, finer):
    model = FNO(FNOConfig(in_channels=1, out_channels=2, n_modes=n_modes, d_model=4, n_layers=2))
    for grid in (sizes, finer):
        assert model(torch.randn(1, 1, *grid, generator=generator)).shape == (1, 2, *grid)
    with pytest.raises(ShapeError, match="cannot show"):
        model(torch.randn(1, 1, *(n - 2 for n in sizes), generator=generator))


def test_without_coordinates_a_shift_of_the_input_shifts_the_output(generator):
    model = FNO(FNOConfig(in_channels=1, out_channels=1, n_modes=(3, 3), d_model=4, coordinates="none"))
    x = torch.randn(1, 1, 9, 12, generator=generator)
    torch.testing.assert_close(model(x.roll(4, -1)), model(x).roll(4, -1), rtol=1e-4, atol=1e-6)


def test_padding_makes_room_that_is_cut_off_again(generator):
    sizes = {"in_channels": 1, "out_channels": 1, "n_modes": (3, 3), "d_model": 4, "n_layers": 2}
    padded, plain = FNO(FNOConfig(**sizes, padding=3)), FNO(FNOConfig(**sizes))
    x = torch.randn(1, 1, 9, 10, generator=generator)
    v = F.pad(plain.lift(torch.cat([x, _places(9, 10)], 1)), (0, 3, 0, 3))
    v = plain.layers[1](F.gelu(plain.layers[0](v)))
    torch.testing.assert_close(padded(x), plain.projection(v[..., :9, :10]))


def _places(*sizes):
    return torch.stack(torch.meshgrid(*(torch.arange(n) / n for n in sizes), indexing="ij"))[None]


def test_the_first_layer_takes_in_the_variance_of_white_noise():
    sizes = {"in_channels": 1, "out_channels": 1, "n_modes": (4, 4), "d_model": 16, "init": "vp"}
    first, second = (layer.spectral.weight.std().item() for layer in FNO(FNOConfig(**sizes)).layers[:2])
    white = FNO(FNOConfig(**sizes, resolution=(32, 32))).layers[0].spectral.weight.std().item()
    assert first == pytest.approx(second, rel=0.05)
    assert second == pytest.approx(1 / math.sqrt(2 * 16), rel=0.05)
    assert white == pytest.approx(second * math.sqrt(32 * 32 / (8 * 6.5)), rel=0.05)


def test_parameters_of_published_settings():
    with torch.device("meta"):
        stokes = FNO(FNOConfig(in_channels=1, out_channels=1, n_modes=(24, 24), d_model=32, n_layers=6))
        airfoil = FNO(FNOConfig(in_channels=3, out_channels=3, n_modes=(64, 64), d_model=42, n_layers=6))
    spectral = 6 * 2 * 24 * 24 * 32 * 32 * 2
    rest = (3 * 32 + 32) + 6 * (32 * 32 + 32) + (32 * 128 + 128) + (128 + 1)
    assert count(stokes) == spectral + rest
    assert count(stokes) / 1e6 == pytest.approx(14.2, abs=0.05)
    assert count(airfoil) / 1e6 == pytest.approx(173, abs=0.5)


def test_a_lift_of_two_layers(generator):
    model = FNO(FNOConfig(in_channels=1, out_channels=1, n_modes=(3, 3), d_model=4, d_lift=16))
    x = torch.randn(1, 1, 8, 8, generator=generator)
    lifted = model.lift.down(F.gelu(model.lift.up(torch.cat([x, _places(8, 8)], 1))))
    torch.testing.assert_close(model.lift(torch.cat([x, _places(8, 8)], 1)), lifted)
    assert model(x).shape == x.shape


@pytest.mark.parametrize(
    "change",
    [
        {"n_layers": 0},
        {"d_lift": 0},
        {"n_modes": (4, 0)},
        {"padding": -1.0},
        {"activation": "swish"},
        {"init": "xavier"},
        {"init": "vp", "resolution": (64,)},
    ],
    ids=str,
)
def test_wrong_settings_are_refused(change):
    with pytest.raises(ConfigError):
        FNO(FNOConfig(**({"in_channels": 1, "out_channels": 1, "n_modes": (3, 3), "d_model": 4} | change)))


def test_lists_from_a_file_make_the_same_configuration():
    sizes = {"in_channels": 1, "out_channels": 1}
    from_file = FNOConfig(**sizes, n_modes=[3, 3], resolution=[16, 16])
    assert from_file == FNOConfig(**sizes, n_modes=(3, 3), resolution=(16, 16))

"""Spectral convolutions against matrices on Fourier modes, on grids of every kind of size."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.errors import ConfigError, ShapeError
from longwave.mixers import FactorizedSpectralConv, SpectralConv
from longwave.mixers import low_modes as module

GRIDS = {
    "N8": ((8,), (4,)),
    "N9x8": ((9, 8), (3, 4)),
    "N17x21": ((17, 21), (4, 2)),
    "N5x7x6": ((5, 7, 6), (2, 3, 2)),
}
grids = pytest.mark.parametrize(("sizes", "n_modes"), GRIDS.values(), ids=GRIDS)


def corner_blocks(conv, x):
    """Multiply the corners of a whole real transform by complex weights, corner after corner."""
    axes, sizes = tuple(range(2, x.ndim)), x.shape[2:]
    spectrum = torch.fft.rfftn(x, dim=axes)
    weight = torch.view_as_complex(conv.weight)
    out = spectrum.new_zeros(x.shape[0], conv.out_channels, *spectrum.shape[2:])
    for corner in range(2 ** (len(sizes) - 1)):
        place, part = [], []
        for axis, m in enumerate(conv.n_modes[:-1]):
            is_negative = bool(corner >> axis & 1)
            place.append(slice(sizes[axis] - m, None) if is_negative else slice(m))
            part.append(slice(m, None) if is_negative else slice(m))
        place.append(slice(conv.n_modes[-1]))
        product = torch.einsum("bi...,...io->bo...", spectrum[(..., *place)], weight[tuple(part)])
        out[(..., *place)] = product
    # the plane k_D = 0 must be Hermitian before any inverse: mean of k and the conjugate of -k
    plane = out[..., 0]
    signed = tuple(range(2, plane.ndim))
    mirrored = torch.roll(plane.flip(signed), [1] * len(signed), signed) if signed else plane
    out = torch.cat([((plane + mirrored.conj()) / 2)[..., None], out[..., 1:]], -1)
    return torch.fft.irfftn(out, s=sizes, dim=axes)


def band_limited(generator, sizes, n_modes, channels=1, dtype=torch.float64):
    """Draw real fields whose wave numbers stay below the modes on every axis, the same for all sizes."""
    field = torch.zeros(1, channels, *sizes, dtype=torch.float64)
    places = torch.meshgrid(*(torch.arange(n, dtype=torch.float64) / n for n in sizes), indexing="ij")
    for _ in range(6):
        k = [int(torch.randint(1 - m, m, (), generator=generator)) for m in n_modes]
        phase = 2 * math.pi * sum(k_d * place for k_d, place in zip(k, places, strict=True))
        shift = 6 * torch.rand(channels, generator=generator, dtype=torch.float64)
        field += torch.cos(phase + shift[(..., *(None,) * len(sizes))])
    return field.to(dtype)


@torch.no_grad()
def variance_ratio(conv, x):
    return (conv(x).square().mean() / x.square().mean()).item()


def make_identity(conv):
    with torch.no_grad():
        conv.weight.zero_()
        conv.weight[..., 0] = torch.eye(conv.in_channels)


@grids
def test_forward_and_gradients_equal_corner_blocks_of_a_whole_transform(draw, sizes, n_modes):
    conv, x = SpectralConv(3, 2, n_modes, init="vp").double(), draw(2, 3, *sizes).requires_grad_()
    found, expected = conv(x), corner_blocks(conv, x)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12)
    weight = draw(*found.shape)
    grads = [torch.autograd.grad((y * weight).sum(), [x, conv.weight]) for y in (found, expected)]
    torch.testing.assert_close(*grads, rtol=1e-11, atol=1e-12)


def test_products_and_transforms_agree(draw, monkeypatch):
    conv, x = SpectralConv(3, 2, (5, 6), init="vp").double(), draw(2, 3, 21, 30)
    by_products = conv(x)
    monkeypatch.setattr(module, "DENSE_MODES", 0)
    torch.testing.assert_close(conv(x), by_products, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("n", [8, 9, 16, 17, 21, 64, 85])
@pytest.mark.parametrize("n_dims", [1, 2], ids=["1d", "2d"])
def test_identity_weights_reproduce_a_band_limited_field(generator, n, n_dims):
    conv = SpectralConv(2, 2, (4,) * n_dims)
    make_identity(conv)
    x = band_limited(generator, (n,) * n_dims, conv.n_modes, channels=2, dtype=torch.float32)
    assert (conv(x) - x).abs().max() < 1e-6 * x.abs().max()


@settings(max_examples=25)
@given(
    n_modes=st.lists(st.integers(1, 4), min_size=1, max_size=3),
    extra=st.lists(st.integers(0, 5), min_size=3, max_size=3),
    shift=st.lists(st.integers(-3, 3), min_size=3, max_size=3),
)
def test_a_shifted_field_gives_the_shifted_output_on_any_grid(n_modes, extra, shift):
    sizes = [2 * m + more for m, more in zip(n_modes, extra, strict=False)]
    conv, x = SpectralConv(2, 3, n_modes, init="vp").double(), torch.randn(1, 2, *sizes).double()
    axes, by = tuple(range(2, x.ndim)), shift[: len(sizes)]
    torch.testing.assert_close(conv(x.roll(by, axes)), conv(x).roll(by, axes), rtol=1e-10, atol=1e-12)


@settings(max_examples=25)
@given(m=st.integers(1, 5), extra=st.integers(0, 6), times=st.integers(2, 3), seed=st.integers(0, 99))
def test_weights_act_alike_on_a_finer_grid(m, extra, times, seed):
    coarse, fine = (
        band_limited(torch.Generator().manual_seed(seed), (n, n), (m, m), channels=2)
        for n in (2 * m + extra, times * (2 * m + extra))
    )
    conv = SpectralConv(2, 2, (m, m), init="vp").double()
    torch.testing.assert_close(conv(fine)[..., ::times, ::times], conv(coarse), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_computed_in_single(draw, dtype):
    conv, x = SpectralConv(3, 2, (3, 3)), draw(2, 3, 9, 8, dtype=dtype)
    expected = conv(x.float()).to(dtype)
    assert torch.equal(conv(x), expected)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(conv(x), expected)
    rounded = conv.to(dtype)(x)
    assert rounded.dtype == dtype
    assert rounded.isfinite().all()


def test_an_averaged_gradient_moves_real_weights_as_one_batch_would(draw):
    conv, x, y = SpectralConv(3, 2, (3, 4)), draw(4, 3, 9, 8).float(), draw(4, 2, 9, 8).float()
    start = conv.weight.detach().clone()
    optimizer = torch.optim.Adam(conv.parameters(), lr=0.01, weight_decay=0.1)
    shards = [
        torch.autograd.grad((conv(x[part]) - y[part]).square().mean(), conv.weight)[0]
        for part in (slice(0, 2), slice(2, 4))
    ]
    conv.weight.grad = torch.stack(shards).mean(0)  # what an all-reduce of two processes leaves
    optimizer.step()
    one = SpectralConv(3, 2, (3, 4))
    one.load_state_dict({"weight": start})
    (whole,) = torch.autograd.grad((corner_blocks(one, x) - y).square().mean(), one.weight)
    g = whole + 0.1 * start  # the first step of Adam goes by lr, against the sign of every real number
    torch.testing.assert_close(conv.weight, start - 0.01 * g / (g.abs() + 1e-8), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("sizes", "n_modes"),
    [((4096,), (64,)), ((64, 64), (8, 8)), ((16, 16, 16), (3, 4, 3))],
    ids=["1d", "2d", "3d"],
)
def test_variance_preserving_weights_keep_the_total_variance_of_white_noise(draw, sizes, n_modes):
    conv, x = SpectralConv(48, 48, n_modes, init="vp", resolution=sizes), draw(4, 48, *sizes).float()
    assert variance_ratio(conv, x) == pytest.approx(1, abs=0.03)


def test_variance_preserving_weights_keep_the_variance_of_a_smooth_field(generator):
    conv = SpectralConv(64, 64, (6, 6), init="vp")
    x = band_limited(generator, (32, 32), (6, 6), channels=64, dtype=torch.float32)
    assert variance_ratio(conv, x) == pytest.approx(1, abs=0.3)


def test_the_start_of_the_paper_is_uniform_and_small():
    weight = SpectralConv(4, 8, (5, 5)).weight.detach()
    assert weight.min() >= 0
    assert weight.max() < 1 / 32
    assert weight.mean().item() == pytest.approx(1 / 64, rel=0.05)


@pytest.mark.parametrize("few", [32, 0], ids=["products", "fft"])
def test_a_factorised_convolution_is_the_sum_over_axes(draw, monkeypatch, few):
    monkeypatch.setattr(module, "DENSE_MODES", few)
    conv, x = FactorizedSpectralConv(3, (2, 3, 4)).double(), draw(2, 3, 5, 7, 8)
    expected = torch.zeros_like(x)
    for axis, (weight, m) in enumerate(zip(conv.weights, conv.n_modes, strict=True), start=2):
        spectrum = torch.fft.rfft(x, dim=axis).movedim(axis, -1)[..., :m]
        product = torch.einsum("bi...m,mio->bo...m", spectrum, torch.view_as_complex(weight))
        expected += torch.fft.irfft(product, n=x.shape[axis]).movedim(-1, axis)
    torch.testing.assert_close(conv(x), expected, rtol=1e-11, atol=1e-12)


def test_an_empty_batch_gives_an_empty_batch():
    assert SpectralConv(3, 2, (3, 3))(torch.zeros(0, 3, 9, 9)).shape == (0, 2, 9, 9)


@pytest.mark.parametrize(
    "arguments",
    [
        {"in_channels": 0},
        {"out_channels": 0},
        {"n_modes": ()},
        {"n_modes": (1, 1, 1, 1)},
        {"n_modes": (4, 0)},
        {"init": "xavier"},
        {"init": "vp", "resolution": (64,)},
    ],
    ids=str,
)
def test_wrong_settings_are_refused(arguments):
    with pytest.raises(ConfigError):
        SpectralConv(**({"in_channels": 2, "out_channels": 2, "n_modes": (3, 3)} | arguments))


@pytest.mark.parametrize("shape", [(2, 4, 9, 9), (2, 3, 9), (3, 9, 9)], ids=str)
def test_a_field_of_another_shape_is_refused(shape):
    with pytest.raises(ShapeError, match="takes"):
        SpectralConv(3, 2, (3, 3))(torch.zeros(shape))
    with pytest.raises(ShapeError, match="takes"):
        FactorizedSpectralConv(3, (3, 3))(torch.zeros(shape))


def test_a_grid_below_the_modes_is_refused():
    with pytest.raises(ShapeError, match="16 x 9 points cannot show 8 x 8 modes; it takes at least 16 x 15"):
        SpectralConv(1, 1, (8, 8))(torch.zeros(1, 1, 16, 9))
    with pytest.raises(ShapeError, match="14 points cannot show 8 modes; it takes at least 15"):
        FactorizedSpectralConv(1, (3, 8))(torch.zeros(1, 1, 16, 14))


def test_a_layer_prints_its_sizes():
    assert "3, 2, n_modes=(4, 5)" in repr(SpectralConv(3, 2, (4, 5)))
    assert "3, n_modes=(4, 5)" in repr(FactorizedSpectralConv(3, (4, 5)))

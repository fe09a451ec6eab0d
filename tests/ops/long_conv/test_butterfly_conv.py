"""The convolution through learned transforms: the exact one at first, then one whose leak can be measured."""

from __future__ import annotations

import pytest
import torch

from longwave.errors import ConfigError, ShapeError
from longwave.ops import long_conv
from longwave.ops.long_conv.butterfly import ButterflyTransform
from longwave.ops.long_conv.butterfly_conv import ButterflyConv, butterfly_conv, causal_leak

both_orders = pytest.mark.parametrize("order", [2, 3])
kinds = pytest.mark.parametrize("kind", ["free", "additive"])


def perturb(module, generator, std=0.01):
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += std * torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
    return module


@kinds
@both_orders
@pytest.mark.parametrize(("L", "K"), [(1, 1), (2, 2), (31, 31), (64, 5), (100, 100), (3, 70)], ids=str)
def test_convolution_starts_as_the_long_convolution(draw, tolerance, L, K, order, kind):
    conv = ButterflyConv(4, max(L, K), order, heads=2, parametrization=kind, dtype=torch.float64)
    u, k, skip = draw(2, 4, L), draw(4, K), draw(4)
    expected = long_conv(u, k[:, :L], skip, backend="naive")
    torch.testing.assert_close(conv(u, k, skip), expected, **tolerance(torch.float64))


@both_orders
def test_gradients_start_as_those_of_the_long_convolution(draw, tolerance, order):
    conv = ButterflyConv(3, 20, order, dtype=torch.float64)
    tensors, weight = [draw(2, 3, 20), draw(3, 20), draw(3)], draw(2, 3, 20, requires_grad=False)
    found = torch.autograd.grad((weight * conv(*tensors)).sum(), tensors)
    expected = torch.autograd.grad((weight * long_conv(*tensors, backend="naive")).sum(), tensors)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


def test_learned_convolution_is_the_product_of_learned_spectra(draw, generator, tolerance):
    conv = perturb(ButterflyConv(3, 10, dtype=torch.float64), generator)
    u, k = draw(2, 3, 10), draw(3, 10)
    expected = torch.fft.ifft(conv.transform_u(u) * conv.transform_k(k)).real[..., :10]
    torch.testing.assert_close(conv(u, k), expected, **tolerance(torch.float64))


def test_signal_and_filter_have_transforms_of_their_own(draw):
    conv = ButterflyConv(3, 10)
    conv(draw(2, 3, 10), draw(3, 10)).sum().backward()
    assert all(parameter.grad.abs().max() > 0 for parameter in conv.parameters())
    assert len(list(conv.parameters())) == 4


def test_one_transform_may_serve_both(draw, tolerance):
    transform, u, k = ButterflyTransform(24, dtype=torch.float64), draw(2, 3, 10), draw(3, 10)
    found = butterfly_conv(u, k, transform, transform)
    torch.testing.assert_close(found, long_conv(u, k), **tolerance(torch.float64))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_output_is_real_and_has_the_type_of_the_input(draw, dtype):
    y = ButterflyConv(3, 10)(draw(2, 3, 10, dtype=dtype), draw(3, 10, dtype=torch.float32))
    assert y.dtype == dtype


@pytest.mark.parametrize("shape", [(0, 3, 10), (2, 3, 0)], ids=str)
def test_empty_input_gives_empty_output(shape):
    u, k = torch.zeros(shape, requires_grad=True), torch.zeros(3, 10)
    y = ButterflyConv(3, 10)(u, k, torch.zeros(3))
    y.sum().backward()
    assert y.shape == u.grad.shape == shape


@both_orders
def test_exact_convolution_leaks_nothing(draw, order):
    conv, k = ButterflyConv(2, 15, order, dtype=torch.float64), draw(2, 15)
    assert causal_leak(lambda u: conv(u, k), draw(2, 2, 15)) < 1e-14


@kinds
@both_orders
def test_learned_convolution_leaks(draw, generator, order, kind):
    conv = ButterflyConv(2, 15, order, parametrization=kind, dtype=torch.float64)
    k = draw(2, 15)
    perturb(conv, generator)
    assert causal_leak(lambda u: conv(u, k), draw(2, 2, 15)) > 1e-3


def test_leak_grows_with_the_distance_from_the_exact_factors(draw, generator):
    conv, u, k = ButterflyConv(2, 15, dtype=torch.float64), draw(1, 2, 15), draw(2, 15)
    leaks = []
    for std in (0, 1e-3, 1e-1):
        perturb(conv, generator, std)
        leaks.append(causal_leak(lambda x: conv(x, k), u))
    assert leaks[0] < leaks[1] < leaks[2]


def test_leak_of_a_known_matrix(draw):
    matrix = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    leak = causal_leak(lambda u: u @ matrix.T, torch.zeros(1, 1, 2))
    assert leak == pytest.approx(0.8)


def test_leak_sees_through_channels_that_cancel():
    def conv(u):
        return torch.cat([u.flip(-1), -u.flip(-1)], dim=1)  # the plain sum over channels is zero

    leaks = [causal_leak(conv, torch.ones(8, 1, 5), seed=seed) for seed in range(3)]
    assert min(leaks) > 0.5


@pytest.mark.parametrize("conv", [lambda u: 0 * u, lambda u: u.cumsum(-1)], ids=["silent", "sum"])
def test_causal_operators_leak_exactly_nothing(draw, conv):
    assert causal_leak(conv, draw(2, 3, 7)) == 0


def test_leak_is_measured_without_touching_the_module(draw):
    conv, k = ButterflyConv(2, 5), draw(2, 5, dtype=torch.float32)
    with torch.no_grad():
        causal_leak(lambda u: conv(u, k), torch.zeros(1, 2, 5))
    assert all(parameter.grad is None for parameter in conv.parameters())


def test_leak_needs_time_to_be_last():
    with pytest.raises(ShapeError, match="Transpose inside a lambda"):
        causal_leak(lambda u: u[..., :3], torch.zeros(1, 2, 5))


def test_leak_needs_three_axes():
    with pytest.raises(ShapeError, match="from \\(B, D, L\\)"):
        causal_leak(lambda u: u, torch.zeros(2, 5))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"d_model": 0, "max_length": 4}, "d_model is 0 and max_length 4"),
        ({"d_model": 4, "max_length": 0}, "max_length 0; both must be at least 1"),
        ({"d_model": 4, "max_length": 4, "heads": 3}, "does not divide d_model=4"),
        ({"d_model": 4, "max_length": 4, "heads": 0}, "heads of a butterfly is 0"),
    ],
    ids=str,
)
def test_sizes_out_of_range_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        ButterflyConv(**options)


@pytest.mark.parametrize(("L", "K"), [(11, 3), (3, 11)], ids=str)
def test_nothing_longer_than_it_was_built_for_is_taken(L, K):
    with pytest.raises(ShapeError, match="may have 10 steps at most"):
        ButterflyConv(2, 10)(torch.zeros(1, 2, L), torch.zeros(2, K))


ONE, TWO = ButterflyTransform(16), ButterflyTransform(24)
U, FILTER = torch.zeros(2, 3, 8), torch.zeros(3, 8)


@pytest.mark.parametrize(
    ("u", "k", "transforms", "skip", "message"),
    [
        pytest.param(U[0], FILTER, (ONE, ONE), None, r"not \(3, 8\)", id="axes"),
        pytest.param(U, FILTER[:2], (ONE, ONE), None, "one filter per channel", id="width"),
        pytest.param(U, FILTER.long(), (ONE, ONE), None, "floating-point", id="whole-numbers"),
        pytest.param(U, FILTER, (ONE, ONE), torch.zeros(2), r"skip has shape \(2,\)", id="skip"),
        pytest.param(U, FILTER, (ONE, TWO), None, "not 16 and 24", id="different-points"),
        pytest.param(U, torch.zeros(3, 10), (ONE, ONE), None, "17 points or more", id="wraps-around"),
    ],
)
def test_tensors_that_do_not_fit_are_named(u, k, transforms, skip, message):
    with pytest.raises(ShapeError, match=message):
        butterfly_conv(u, k, *transforms, skip)

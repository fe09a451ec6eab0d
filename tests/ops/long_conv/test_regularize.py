"""Squash and smooth against loops over single numbers, and what they promise."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError, ShapeError
from longwave.ops import smooth, squash

THRESHOLD = 0.4
lengths = pytest.mark.parametrize("K", [1, 2, 5, 13, 64], ids=lambda K: f"K{K}")
widths = pytest.mark.parametrize("width", [1, 3, 7, 31], ids=lambda p: f"p{p}")


def squash_one(value: float, threshold: float) -> float:
    if value > threshold:
        return value - threshold
    return value + threshold if value < -threshold else 0.0


def squash_by_loop(k, threshold):
    return torch.tensor([squash_one(v, threshold) for v in k.flatten().tolist()], dtype=k.dtype).view(k.shape)


def average_by_loop(x, weights):
    """Sum weighted neighbours of every entry of a matrix, with nothing beyond its ends."""
    half = len(weights) // 2
    y = torch.zeros_like(x)
    for row in range(x.shape[0]):
        for t in range(x.shape[1]):
            for i, weight in enumerate(weights):
                if 0 <= t + i - half < x.shape[1]:
                    y[row, t] += weight * x[row, t + i - half]
    return y


def bell(width):
    return [math.exp(-0.5 * (i - width // 2) ** 2) for i in range(width)]


def smooth_by_loop(k, width, domain):
    if domain == "time":
        return average_by_loop(k, [1 / width] * width)
    n = torch.arange(k.shape[1], dtype=k.dtype)
    turns = torch.outer(n[: k.shape[1] // 2 + 1], n) / k.shape[1]
    half_spectrum = k.to(torch.complex128) @ torch.exp(-2j * math.pi * turns).mT  # (rows, F)
    averaged = average_by_loop(half_spectrum, bell(width))
    return torch.fft.irfft(averaged, n=k.shape[1])


@lengths
def test_squash_equals_a_loop(draw, K):
    k = draw(3, K)
    torch.testing.assert_close(squash(k, THRESHOLD), squash_by_loop(k, THRESHOLD), rtol=0, atol=1e-15)


@pytest.mark.parametrize("value", [0.4, -0.4, 0.0, -0.0, 0.4000001, math.inf, -math.inf])
def test_squash_of_a_special_value(value):
    k = torch.tensor([value], dtype=torch.float64)
    assert squash(k, THRESHOLD).item() == squash_one(value, THRESHOLD)


def test_squash_keeps_what_is_not_a_number():
    assert squash(torch.tensor([math.nan]), THRESHOLD).isnan().all()


def test_squash_has_gradient_one_above_the_threshold_and_none_elsewhere():
    k = torch.tensor([-3.0, -0.4, -0.1, 0.0, 0.39, 0.4, 0.41, 9.0], dtype=torch.float64, requires_grad=True)
    squash(k, 0.4).sum().backward()
    assert k.grad.tolist() == [1, 0, 0, 0, 0, 0, 1, 1]


@given(value=st.floats(-5, 5), threshold=st.floats(0, 3), other=st.floats(-8, 8))
def test_squash_is_the_proximal_map_of_the_absolute_value(value, threshold, other):
    def objective(x: float) -> float:
        return (x - value) ** 2 / 2 + threshold * abs(x)

    best = squash(torch.tensor([value], dtype=torch.float64), threshold).item()
    assert objective(best) <= objective(other) + 1e-12


@given(value=st.floats(-5, 5), threshold=st.floats(0, 3))
def test_squash_is_odd_and_never_moves_away_from_zero(value, threshold):
    k = torch.tensor([value], dtype=torch.float64)
    assert squash(-k, threshold).item() == -squash(k, threshold).item()
    assert abs(squash(k, threshold).item()) <= abs(value)


def test_squash_by_nothing_changes_nothing(draw):
    k = draw(2, 9)
    assert torch.equal(squash(k, 0.0), k)


def test_squashing_twice_is_squashing_by_the_sum(draw, tolerance):
    k = draw(4, 50)
    torch.testing.assert_close(squash(squash(k, 0.2), 0.3), squash(k, 0.5), **tolerance(torch.float64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_squash_keeps_the_type(draw, tolerance, dtype):
    k = draw(3, 20, dtype=dtype)
    found = squash(k, THRESHOLD)
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), squash_by_loop(k.double(), THRESHOLD), **tolerance(dtype))


@lengths
@widths
@pytest.mark.parametrize("domain", ["time", "frequency"])
def test_smooth_equals_a_loop(draw, tolerance, K, width, domain):
    k = draw(2, K, requires_grad=False)
    torch.testing.assert_close(
        smooth(k, width, domain=domain), smooth_by_loop(k, width, domain), **tolerance(torch.float64)
    )


@pytest.mark.parametrize("domain", ["time", "frequency"])
def test_gradients_of_smooth_equal_those_of_a_matrix(draw, tolerance, domain):
    k, weight = draw(3, 13), draw(3, 13, requires_grad=False)
    matrix = smooth_by_loop(torch.eye(13, dtype=torch.float64), 5, domain)  # row s answers an impulse at s
    (found,) = torch.autograd.grad((weight * smooth(k, 5, domain=domain)).sum(), k)
    torch.testing.assert_close(found, weight @ matrix.mT, **tolerance(torch.float64))


@pytest.mark.parametrize("domain", ["time", "frequency"])
def test_smooth_passes_second_derivatives(draw, domain):
    assert torch.autograd.gradgradcheck(lambda k: smooth(k, 3, domain=domain) ** 2, draw(2, 6))


@pytest.mark.parametrize("domain", ["time", "frequency"])
def test_width_one_changes_nothing(draw, tolerance, domain):
    k = draw(2, 3, 11)
    torch.testing.assert_close(smooth(k, 1, domain=domain), k, **tolerance(torch.float64))


def test_smooth_divides_by_the_whole_width_at_the_borders():
    y = smooth(torch.ones(9, dtype=torch.float64), 5)
    torch.testing.assert_close(y, torch.tensor([3, 4, 5, 5, 5, 5, 5, 4, 3], dtype=torch.float64) / 5)


def test_frequency_weights_are_not_normalised():
    """A unit impulse has the flat spectrum 1; in the middle its average is the sum of all weights."""
    impulse = torch.zeros(64, dtype=torch.float64)
    impulse[0] = 1
    spectrum = torch.fft.rfft(smooth(impulse, 7, domain="frequency"))
    assert spectrum[16].real.item() == pytest.approx(sum(bell(7)), rel=1e-12)
    assert sum(bell(7)) == pytest.approx(2.506, abs=1e-3)


def test_smoothing_after_squashing_makes_zeros_dense_again(draw):
    k = draw(4, 200)
    after, before = smooth(squash(k, 1.5), 7), squash(smooth(k, 7), 0.5)
    assert (after == 0).float().mean() < 0.5 < (before == 0).float().mean()


@pytest.mark.parametrize("domain", ["time", "frequency"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_smooth_keeps_the_type_and_sums_in_single_precision(draw, tolerance, domain, dtype):
    k = draw(3, 20, dtype=dtype, requires_grad=False)
    found = smooth(k, 7, domain=domain)
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), smooth_by_loop(k.double(), 7, domain), **tolerance(dtype))


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 5)], ids=str)
@pytest.mark.parametrize("domain", ["time", "frequency"])
def test_empty_filters_stay_empty(draw, shape, domain):
    assert smooth(draw(*shape), 3, domain=domain).shape == shape
    assert squash(draw(*shape), 0.1).shape == shape


@pytest.mark.parametrize("threshold", [-0.1, math.nan, math.inf])
def test_a_wrong_threshold_is_an_error(threshold):
    with pytest.raises(ConfigError, match=r"threshold of squash is .*at least 0"):
        squash(torch.ones(3), threshold)


@pytest.mark.parametrize("width", [0, -3, 4])
def test_a_width_without_a_middle_is_an_error(width):
    with pytest.raises(ConfigError, match=f"width of smooth is {width}; it must be odd"):
        smooth(torch.ones(3), width)


def test_an_unknown_domain_is_an_error():
    with pytest.raises(ConfigError, match='"space"; give "time" or "frequency"'):
        smooth(torch.ones(3), 3, domain="space")


@pytest.mark.parametrize("dtype", [torch.int64, torch.complex64], ids=str)
@pytest.mark.parametrize("call", [lambda k: squash(k, 0.1), smooth], ids=["squash", "smooth"])
def test_a_filter_that_is_not_real_is_an_error(call, dtype):
    with pytest.raises(ShapeError, match="real floating-point filter"):
        call(torch.ones(3, dtype=dtype))


def test_a_filter_without_taps_axis_is_an_error():
    with pytest.raises(ShapeError, match="not a single number"):
        smooth(torch.tensor(1.0), 3)

"""The bandlimit of filters: against a dense projection, its algebra, its mask and its messages."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError, ShapeError
from longwave.ops import long_conv
from longwave.ops.long_conv.bandlimit import band_mask, bandlimit

taps = pytest.mark.parametrize("K", [1, 2, 3, 31, 64, 127], ids=lambda K: f"K{K}")
fractions = pytest.mark.parametrize("fraction", [0.01, 0.3, 0.5, 0.999, 1.0])


def projection(K: int, fraction: float) -> torch.Tensor:
    """Return the K x K matrix that keeps the cosines and sines of the low frequencies, from its formula."""
    kept = [m for m in range(K // 2 + 1) if fraction == 1 or 2 * m / K < fraction]
    lag = (torch.arange(K)[:, None] - torch.arange(K)).double()
    weights = [1 if m == 0 or 2 * m == K else 2 for m in kept]
    return sum(w * torch.cos(2 * math.pi * m * lag / K) / K for m, w in zip(kept, weights, strict=True))


@taps
@fractions
def test_bandlimit_equals_the_dense_projection(draw, tolerance, K, fraction):
    k = draw(3, K)
    expected = k @ projection(K, fraction)
    torch.testing.assert_close(bandlimit(k, fraction), expected, **tolerance(torch.float64))


@taps
@fractions
def test_gradient_is_limited_the_same_way(draw, tolerance, K, fraction):
    k, weight = draw(3, K), draw(3, K, requires_grad=False)
    (found,) = torch.autograd.grad((weight * bandlimit(k, fraction)).sum(), k)
    torch.testing.assert_close(found, weight @ projection(K, fraction), **tolerance(torch.float64))


@given(st.integers(1, 70), st.floats(1e-3, 1), st.integers(0, 2**31))
def test_limiting_twice_is_limiting_once(K, fraction, seed):
    k = torch.randn(2, K, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    once = bandlimit(k, fraction)
    torch.testing.assert_close(bandlimit(once, fraction), once, rtol=1e-12, atol=1e-12)


@given(st.integers(1, 70), st.floats(1e-3, 1), st.floats(1e-3, 1), st.integers(0, 2**31))
def test_the_narrower_of_two_limits_wins(K, first, second, seed):
    k = torch.randn(2, K, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    both = bandlimit(bandlimit(k, first), second)
    torch.testing.assert_close(both, bandlimit(k, min(first, second)), rtol=1e-12, atol=1e-12)


@taps
@fractions
def test_bandlimit_is_linear(draw, tolerance, K, fraction):
    a, b = draw(2, K), draw(2, K)
    parts = 3 * bandlimit(a, fraction) - bandlimit(b, fraction)
    torch.testing.assert_close(bandlimit(3 * a - b, fraction), parts, **tolerance(torch.float64))


@taps
def test_spectrum_is_kept_below_and_gone_above_the_limit(draw, K):
    k = draw(2, K)
    before, after = torch.fft.rfft(k), torch.fft.rfft(bandlimit(k, 0.4))
    low = torch.arange(K // 2 + 1) / K < 0.2
    torch.testing.assert_close(after, before * low, rtol=1e-12, atol=1e-12)


@taps
def test_whole_band_is_the_identity_to_the_last_bit(draw, K):
    k = draw(2, K, dtype=torch.float32)
    assert torch.equal(bandlimit(k, 1.0), k)


@pytest.mark.parametrize("K", [2, 8, 64])
def test_anything_below_the_whole_band_cuts_the_nyquist_frequency(K):
    k = (-1.0) ** torch.arange(K, dtype=torch.float64)
    assert bandlimit(k, 0.9999).abs().max() < 1e-12


@pytest.mark.parametrize(("K", "m"), [(10, 3), (12, 5), (15, 4), (99, 49)], ids=str)
def test_frequency_exactly_at_the_limit_is_cut(K, m):
    k = torch.cos(2 * math.pi * m * torch.arange(K, dtype=torch.float64) / K)
    assert bandlimit(k, 2 * m / K).abs().max() < 1e-12


def test_constant_filter_is_always_kept(tolerance):
    k = torch.ones(9, dtype=torch.float64)
    torch.testing.assert_close(bandlimit(k, 1e-9), k, **tolerance(torch.float64))


def test_each_filter_may_have_its_own_limit(draw, tolerance):
    k, limits = draw(3, 17), torch.tensor([0.2, 0.6, 1.0])
    expected = torch.stack([bandlimit(row, float(f)) for row, f in zip(k, limits, strict=True)])
    torch.testing.assert_close(bandlimit(k, limits), expected, **tolerance(torch.float64))


def test_limits_broadcast_over_directions(draw, tolerance):
    k, limits = draw(2, 3, 17), torch.tensor([0.2, 0.6, 0.8])
    expected = torch.stack([bandlimit(k[0], limits), bandlimit(k[1], limits)])
    torch.testing.assert_close(bandlimit(k, limits), expected, **tolerance(torch.float64))


def test_limited_filter_convolves_causally(draw, tolerance):
    u, k = draw(2, 3, 30), bandlimit(draw(3, 30), 0.5)
    changed = torch.cat([u[..., :12], draw(2, 3, 18)], dim=-1)
    found, expected = long_conv(changed, k)[..., :12], long_conv(u, k)[..., :12]
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


def test_what_leaves_at_the_front_wraps_to_the_last_taps():
    k = torch.zeros(16, dtype=torch.float64)
    k[0] = 1
    limited = bandlimit(k, 0.5)
    torch.testing.assert_close(limited[1:], limited[1:].flip(0), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_narrow_types_are_as_exact_as_their_output(draw, tolerance, dtype):
    k = draw(2, 65, dtype=dtype)
    found, expected = bandlimit(k, 0.5), bandlimit(k.double(), 0.5)
    assert found.dtype == dtype
    torch.testing.assert_close(found.double(), expected, **tolerance(dtype))


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 5)], ids=str)
def test_no_filters_or_no_taps_stay_none(shape):
    assert bandlimit(torch.zeros(shape), 0.5).shape == shape


def test_mask_takes_either_sign_and_excludes_the_limit():
    frequency = torch.tensor([0.0, 0.1, -0.1, 0.24, 0.25, -0.25, 0.5])
    assert band_mask(frequency, 0.5).tolist() == [True, True, True, True, False, False, False]


@pytest.mark.parametrize(("step", "kept"), [(0.5, 1), (0.05, 5)])
def test_mask_keeps_the_modes_of_a_state_space_kernel_that_s4nd_keeps(step, kept):
    modes = math.pi * torch.arange(32, dtype=torch.float64)  # S4D-Lin
    mask = band_mask(step * modes / (2 * math.pi), 0.21)
    assert mask.nonzero().flatten().tolist() == list(range(kept))


@pytest.mark.parametrize("fraction", [0.0, -0.5, 1.01, math.nan, torch.tensor([0.5, 2.0])], ids=str)
def test_fraction_outside_its_range_is_refused(fraction):
    with pytest.raises(ConfigError, match="give numbers above 0 and up to 1"):
        bandlimit(torch.zeros(2, 8), fraction)


@pytest.mark.parametrize("shape", [(3,), (2, 1), (1, 2, 1)], ids=str)
def test_fractions_must_fit_the_filters(shape):
    with pytest.raises(ShapeError, match=r"do not fit filters of shape \(2, 8\)"):
        bandlimit(torch.zeros(2, 8), torch.full(shape, 0.5))


@pytest.mark.parametrize("k", [torch.tensor(1.0), torch.ones(3).long(), torch.ones(3) + 0j], ids=str)
def test_filters_must_be_real_and_have_taps(k):
    with pytest.raises(ShapeError, match="needs real filters"):
        bandlimit(k, 0.5)

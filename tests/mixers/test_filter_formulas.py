"""Positional features, windows and norms one by one, against numpy written from their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.mixers import FilterConfig, Hyena, ImplicitFilter
from longwave.mixers.filters import decay_rates, position_features
from longwave.ops import long_conv

lengths = pytest.mark.parametrize("n", [1, 2, 7, 64, 101], ids=lambda n: f"L{n}")
widths = pytest.mark.parametrize("width", [3, 5, 33], ids=lambda n: f"E{n}")


def features(n: int, width: int) -> np.ndarray:
    """Write the table of features entry by entry."""
    bands = (width - 1) // 2
    table = np.zeros((n, width))
    for t in range(n):
        table[t, 0] = t / (n - 1) if n > 1 else 0.0
        for j in range(bands):
            f = 1e-4 + (bands - 1 - 1e-4) * j / (bands - 1) if bands > 1 else 1e-4
            table[t, 1 + j] = math.cos(f * 2 * math.pi * t / n)
            table[t, 1 + bands + j] = -math.sin(f * 2 * math.pi * t / n)
    return table


def small(normalize=None, **options) -> ImplicitFilter:
    config = FilterConfig(d_hidden=5, d_position=5, init="sine", normalize=normalize, **options)
    return ImplicitFilter(6, 17, config).double()


@lengths
@widths
def test_features_equal_their_formula(n, width):
    found = position_features(n, width).double().numpy()
    np.testing.assert_allclose(found, features(n, width), rtol=1e-6, atol=1e-6)


@lengths
@widths
def test_cosine_and_sine_of_a_band_lie_on_the_circle(n, width):
    bands = (width - 1) // 2
    _, cos, sin = position_features(n, width).split([1, bands, bands], dim=1)
    torch.testing.assert_close(cos**2 + sin**2, torch.ones(n, bands))


@given(
    st.integers(1, 50), st.floats(1e-6, 0.9), st.floats(0.05, 1.0), st.floats(1.0, 5.0), st.floats(0.0, 1.0)
)
def test_window_equals_its_formula(n, target, fast, slow, shift):
    config = FilterConfig(d_hidden=2, d_position=3, target=target, fast=fast, slow=slow, shift=shift)
    found = ImplicitFilter(n, 9, config).window(9).detach().numpy()
    alpha = np.linspace(-math.log(target) / slow, -math.log(target) / fast, n)
    expected = np.exp(-np.outer(alpha, np.arange(9) / 8)) + shift
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("time", "filter"), [("slow", 0), ("fast", -1)])
def test_window_reaches_the_target_at_its_time(time, filter):
    config = FilterConfig(target=0.03, fast=0.25, slow=0.75)
    window = ImplicitFilter(4, 101, config).window(101).detach()
    assert float(window[filter, round(100 * getattr(config, time))]) == pytest.approx(0.03, rel=1e-5)


def test_default_rates_are_those_of_the_reference():
    rates = decay_rates(768, FilterConfig())
    assert (float(rates[0]), float(rates[-1])) == pytest.approx((3.0701, 15.3506), abs=1e-4)


def test_single_filter_has_the_slow_window():
    assert float(decay_rates(1, FilterConfig())[0]) == pytest.approx(-math.log(1e-2) / 1.5)


@pytest.mark.parametrize("normalize", ["time", "channels"])
def test_norm_divides_by_the_sum_of_magnitudes(normalize):
    filter = small()
    plain = filter(17).detach().numpy()
    filter.config = FilterConfig(d_hidden=5, d_position=5, init="sine", normalize=normalize)
    axis = 1 if normalize == "time" else 0
    expected = plain / np.abs(plain).sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(filter(17).detach().numpy(), expected, rtol=1e-10)


def test_norm_over_channels_makes_every_tap_sum_to_one():
    sums = small("channels")(17).abs().sum(0)
    torch.testing.assert_close(sums, torch.ones(17, dtype=torch.float64))


def test_norm_over_time_bounds_the_convolution_by_its_input(draw):
    u = draw(3, 6, 17)
    y = long_conv(u, small("time")(17))
    assert (y.abs().amax(-1) <= u.abs().amax(-1) + 1e-12).all()


@pytest.mark.parametrize("n_inner", [0, 1, 2, 5])
def test_depth_counts_layers(n_inner):
    filter = small(n_inner=n_inner)
    assert [tuple(w.shape) for w in filter.hidden_weights] == [(5, 5)] * (n_inner + 1)


@settings(max_examples=20)
@given(st.integers(0, 17), st.sampled_from([None, "time", "channels"]))
def test_any_prefix_is_the_beginning_of_the_whole(n, normalize):
    torch.manual_seed(n)
    filter = small(normalize)
    torch.testing.assert_close(filter(n), filter(17)[:, :n], rtol=1e-12, atol=1e-14)


def test_reset_draws_again_as_the_constructor_does():
    config = FilterConfig(d_hidden=5, d_position=5, init="sine")
    torch.manual_seed(7)
    fresh = ImplicitFilter(6, 17, config)
    old = ImplicitFilter(6, 17, config)
    torch.manual_seed(7)
    old.reset_parameters()
    torch.testing.assert_close(old.state_dict(), fresh.state_dict(), rtol=0, atol=0)


def test_reference_draw_is_narrow_and_without_biases():
    filter = ImplicitFilter(400, 8, FilterConfig(init="reference"))
    assert float(filter.out_weight.detach().std()) == pytest.approx(0.02, rel=0.05)
    assert not any(bias.any() for bias in filter.hidden_biases)


@pytest.mark.parametrize(("order", "heads"), [(2, 1), (3, 1), (4, 1), (3, 2)], ids=lambda n: f"{n}")
def test_mixer_asks_for_the_filters_it_uses(order, heads):
    mixer = Hyena(4, 9, order=order, n_heads=heads)
    assert tuple(mixer.filters(9).shape) == (order - 1, 4 // heads, 9)
    assert mixer.filter.n_filters == (order - 1) * 4 // heads

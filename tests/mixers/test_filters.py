"""Implicit filters against their formulas, and every setting."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from longwave.errors import ConfigError, ShapeError
from longwave.mixers import FilterConfig, ImplicitFilter
from longwave.mixers.filters import position_features


def formula(filter: ImplicitFilter, L: int) -> np.ndarray:
    """Compute every tap in numpy as the formulas of the paper are written, position by position."""
    config, a = filter.config, filter.frequency.detach().double().numpy()
    layers = [
        (w.detach().double().numpy(), b.detach().double().numpy())
        for w, b in zip(filter.hidden_weights, filter.hidden_biases, strict=True)
    ]
    out = filter.out_weight.detach().double().numpy()
    slowest, fastest = (-math.log(config.target) / t for t in (config.slow, config.fast))
    alpha = np.linspace(slowest, fastest, filter.n_filters)
    bands = np.linspace(1e-4, (config.d_position - 1) / 2 - 1, (config.d_position - 1) // 2)
    taps = []
    for t in range(L):
        tau, omega = t / (filter.max_length - 1), 2 * math.pi * t / filter.max_length
        wave = np.exp(-1j * bands * omega)
        hidden = np.concatenate([[tau], wave.real, wave.imag])
        for weight, bias in layers:
            hidden = np.sin(a * (weight @ hidden + bias))
        taps.append((out @ hidden) * (np.exp(-tau * alpha) + config.shift))
    return np.stack(taps, axis=1)


@pytest.mark.parametrize(
    "config",
    [
        FilterConfig(),
        FilterConfig(d_position=3, frequency=1.0, n_inner=0, shift=0.05),
        FilterConfig(d_hidden=7, d_position=5, frequency=10.0, fast=0.2, slow=2.0, target=1e-3),
    ],
    ids=["language", "shallow-shifted", "synthetic"],
)
def test_taps_equal_the_formula(config):
    filter = ImplicitFilter(6, 50, config).double()
    np.testing.assert_allclose(filter(50).detach(), formula(filter, 50), atol=2e-5)  # positions are float32


@pytest.mark.parametrize("L", [0, 1, 2, 31, 64])
def test_shorter_filter_is_the_beginning_of_the_longer(L, tolerance):
    filter = ImplicitFilter(5, 64)
    torch.testing.assert_close(filter(L), filter(64)[:, :L], **tolerance(torch.float32))


def test_shorter_filter_is_the_beginning_also_when_normalised_over_time(tolerance):
    filter = ImplicitFilter(5, 64, FilterConfig(normalize="time"))
    torch.testing.assert_close(filter(20), filter(64)[:, :20], **tolerance(torch.float32))


def test_filter_of_length_one_is_finite():
    assert ImplicitFilter(3, 1)(1).isfinite().all()


def test_longer_filter_than_built_is_an_error():
    with pytest.raises(ShapeError, match=r"65 taps .* max_length=64"):
        ImplicitFilter(5, 64)(65)


def test_last_time_feature_is_exactly_one():
    assert position_features(100, 5)[-1, 0] == 1


def test_windows_at_the_end_have_the_documented_decay():
    window = ImplicitFilter(8, 1000).double().window(1000)[:, -1]
    assert window[0].item() == pytest.approx(1e-2 ** (1 / 1.5), rel=1e-5)  # 0.0464
    assert window[-1].item() == pytest.approx(1e-2 ** (1 / 0.3), rel=1e-5)  # 2.15e-7


def test_window_can_be_turned_off():
    config = FilterConfig(modulate=False)
    assert ImplicitFilter(4, 10, config).window(10) == 1


def test_shift_keeps_the_end_of_the_window_up():
    filter = ImplicitFilter(4, 100, FilterConfig(shift=0.5))
    assert filter.window(100)[:, -1].min() >= 0.5


def test_norm_over_time_bounds_every_filter():
    taps = ImplicitFilter(4, 30, FilterConfig(normalize="time"))(30)
    torch.testing.assert_close(taps.abs().sum(1), torch.ones(4))


def test_all_sines_share_one_trainable_frequency_vector():
    filter = ImplicitFilter(4, 30, FilterConfig(d_hidden=9, frequency=7.0))
    assert filter.frequency.tolist() == [7.0] * 9
    assert filter.frequency.requires_grad


def test_higher_frequency_gives_rougher_filters():
    def roughness(frequency: float) -> float:
        torch.manual_seed(0)
        taps = ImplicitFilter(16, 256, FilterConfig(frequency=frequency, modulate=False))(256)
        return (taps.diff().square().sum() / taps.square().sum()).item()

    assert roughness(1.0) < roughness(10.0) < roughness(30.0)


def test_dropout_drops_taps_in_training_only():
    filter = ImplicitFilter(8, 100, FilterConfig(dropout=0.5))
    dropped = (filter(100) == 0).float().mean()
    filter.eval()
    assert 0.4 < dropped < 0.6
    assert (filter(100) != 0).all()


def test_filters_stay_in_single_precision_under_autocast():
    filter = ImplicitFilter(8, 100)
    expected = filter(100)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(filter(100), expected)


def test_filters_of_half_precision_parameters_are_computed_in_single_precision():
    assert ImplicitFilter(4, 10).bfloat16()(10).dtype == torch.float32


@pytest.mark.parametrize(
    ("lr", "is_parameter"), [(0.0, False), (1e-5, True), (None, True)], ids=["fixed", "slow", "base"]
)
@pytest.mark.parametrize("name", ["positions", "decay"])
def test_a_learning_rate_of_zero_makes_a_buffer(name, lr, is_parameter):
    key = {"positions": "position_lr", "decay": "decay_lr"}[name]
    filter = ImplicitFilter(4, 10, FilterConfig(**{key: lr}))
    assert (name in dict(filter.named_parameters())) == is_parameter


def test_options_carry_the_learning_rates():
    options = ImplicitFilter(4, 10, FilterConfig(lr=2e-3, decay_lr=None)).parameter_options()
    assert options["frequency"] == {"weight_decay": 0.0, "lr": 2e-3}
    assert options["positions"] == {"weight_decay": 0.0, "lr": 1e-5}
    assert options["decay"] == {"weight_decay": 0.0}


def test_filter_weight_decay_concerns_matrices_only():
    options = ImplicitFilter(4, 10, FilterConfig(weight_decay=0.05)).parameter_options()
    decayed = {name for name, option in options.items() if option["weight_decay"]}
    assert decayed == {"hidden_weights.0", "hidden_weights.1", "hidden_weights.2", "out_weight"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("d_hidden", 0),
        ("d_position", 4),
        ("d_position", 1),
        ("n_inner", -1),
        ("target", 1.0),
        ("fast", 0.0),
        ("slow", -1.0),
        ("normalize", "length"),
        ("dropout", 1.0),
        ("init", "zeros"),
    ],
)
def test_settings_out_of_range_are_an_error(key, value):
    with pytest.raises(ConfigError, match=f'"{key}" of FilterConfig is {value!r}; it must be'):
        FilterConfig(**{key: value})

"""Filters stored tap by tap: their start, their order of operations, and starts that cannot learn."""

from __future__ import annotations

import logging
import math

import pytest
import torch

from longwave.errors import ConfigError, ShapeError
from longwave.mixers import ExplicitKernel, KernelConfig
from longwave.mixers.explicit_kernel import double_exponential_window
from longwave.ops import smooth, squash


def config(**options) -> KernelConfig:
    return KernelConfig(**{"dropout": 0.0} | options)


def window_by_loop(width: int, length: int) -> torch.Tensor:
    decay = [(width // 2) ** (i / width) for i in range(width)]
    rows = [[math.exp(-(j / length) * rate) for j in range(length)] for rate in decay]
    return torch.tensor(rows, dtype=torch.float64)


@pytest.mark.parametrize(("width", "length"), [(1, 1), (1, 5), (2, 3), (7, 11), (16, 32)], ids=str)
def test_window_equals_a_loop(width, length):
    torch.testing.assert_close(
        double_exponential_window(width, length), window_by_loop(width, length), rtol=1e-13, atol=0
    )


def test_window_of_the_first_channel_decays_once_over_the_length():
    torch.testing.assert_close(
        double_exponential_window(64, 20)[0], torch.exp(-torch.arange(20, dtype=torch.float64) / 20)
    )


def test_window_tends_to_half_the_width_as_its_rate():
    """One channel past the last, the rate would be ``width // 2``: rates form a geometric row."""
    rates = -double_exponential_window(65, 100)[:, 1].log() * 100
    assert (rates[-1] * rates[1] / rates[0]).item() == pytest.approx(32.0, rel=1e-9)


@pytest.mark.parametrize(("init", "std"), [("double_exp", 0.02), ("random", 0.002)])
def test_taps_start_with_the_papers_deviation(init, std):
    kernel = ExplicitKernel((2,), 64, 256, config(init=init, squash=0.0))
    taps = kernel.taps.detach().double()
    if init == "double_exp":
        taps = taps / double_exponential_window(64, 256)
    assert taps.std().item() == pytest.approx(std, rel=0.03)
    assert taps.mean().abs().item() < 0.03 * std


def test_smoothing_comes_before_the_threshold():
    kernel = ExplicitKernel((), 8, 50, config(smooth=5, smooth_frequency=3, squash=0.004)).double()
    expected = squash(smooth(smooth(kernel.taps, 5), 3, domain="frequency"), 0.004)
    torch.testing.assert_close(kernel(50), expected, rtol=0, atol=0)


@pytest.mark.parametrize("options", [{}, {"smooth": 7}, {"smooth_frequency": 3}], ids=str)
def test_a_shorter_filter_is_the_beginning_of_a_longer_one(options):
    kernel = ExplicitKernel((2,), 8, 50, config(**options))
    assert torch.equal(kernel(13), kernel(50)[..., :13])


def test_dropout_keeps_the_mean_and_drops_its_share():
    kernel = ExplicitKernel((), 64, 512, KernelConfig(dropout=0.2, squash=0.0))
    found, taps = kernel(512), kernel.taps
    kept = found != 0
    assert (~kept).float().mean().item() == pytest.approx(0.2, abs=0.01)
    torch.testing.assert_close(found[kept], taps[kept] / 0.8)


def test_dropout_is_off_in_evaluation():
    kernel = ExplicitKernel((), 8, 50, KernelConfig(dropout=0.5)).eval()
    assert torch.equal(kernel(50), kernel.without_dropout(50))


def test_squashed_taps_have_no_gradient():
    kernel = ExplicitKernel((), 8, 50, config(squash=0.01))
    kernel(50).sum().backward()
    assert torch.equal(kernel.taps.grad != 0, kernel.taps.detach().abs() > 0.01)


@pytest.mark.parametrize(("threshold", "share"), [(0.003, 0.139), (0.001, 0.63)])
def test_share_of_taps_above_the_threshold_is_that_of_the_normal_law(threshold, share):
    """From the small start: erfc(threshold / (0.002 sqrt 2)) is 13.4 % and 61.7 %."""
    kernel = ExplicitKernel((), 256, 256, config(init="random", squash=threshold))
    assert kernel.alive_share() == pytest.approx(math.erfc(threshold / 0.002 / math.sqrt(2)), abs=0.01)
    assert kernel.alive_share() == pytest.approx(share, abs=0.02)


def test_defect_default_threshold_of_the_reference_kills_every_tap():
    with pytest.raises(ConfigError, match=r"squash=0.1 leaves none of 4096 taps .*Lower"):
        ExplicitKernel((), 64, 64, config(init="random", squash=0.1))


def test_a_start_nearly_without_taps_is_logged(caplog):
    with caplog.at_level(logging.WARNING):
        kernel = ExplicitKernel((), 64, 64, config(init="random", squash=0.006))
    assert 0 < kernel.alive_share() < 0.01
    assert "of 4096 taps lie above squash=0.006" in caplog.text


def test_a_filter_of_few_taps_that_happen_to_be_small_is_logged_but_built(caplog):
    with caplog.at_level(logging.WARNING):
        assert ExplicitKernel((), 2, 3, config(squash=0.2)).alive_share() == 0
    assert "Only 0 % of 6 taps" in caplog.text


def test_a_usual_start_logs_nothing(caplog):
    ExplicitKernel((2,), 16, 40)
    assert caplog.text == ""


@pytest.mark.slow  # torch loads its decompositions for such a device
def test_filters_start_on_a_device_without_memory():
    with torch.device("meta"):
        assert ExplicitKernel((2,), 16, 40).taps.is_meta


def test_taps_are_computed_in_single_precision_or_wider():
    kernel = ExplicitKernel((), 4, 10, config())
    assert kernel.bfloat16()(10).dtype == torch.float32
    assert kernel.double()(10).dtype == torch.float64


def test_evaluation_keeps_the_filter_until_the_taps_change():
    kernel = ExplicitKernel((), 4, 10, config()).eval()
    with torch.no_grad():
        first = kernel(10)
        assert kernel(10) is first
        kernel.taps.add_(1.0)
        assert torch.equal(kernel(10), kernel.without_dropout(10))


@pytest.mark.parametrize(
    "change", [lambda k: k.train().eval(), lambda k: k.double()], ids=["train-and-eval", "cast"]
)
def test_evaluation_forgets_the_filter(change):
    kernel = ExplicitKernel((), 4, 10, config()).eval()
    with torch.no_grad():
        first = kernel(10)
        change(kernel)
        assert kernel(10) is not first


def test_a_filter_beyond_its_taps_is_an_error():
    with pytest.raises(ShapeError, match="11 taps was asked for but it was built with 10"):
        ExplicitKernel((), 4, 10, config())(11)


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
def test_a_wrong_threshold_is_an_error(value):
    with pytest.raises(ConfigError, match='"squash" of a long filter'):
        KernelConfig(squash=value)

"""Spectra of energy against sums over all wave numbers, and the distance of two of them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave.metrics import energy_spectrum, energy_spectrum_error


def by_sums(field):
    """Sum the energy of every wave number of one channel into its shell."""
    sizes = field.shape
    found: dict[int, float] = {}
    for place in itertools.product(*map(range, sizes)):
        k = [i if 2 * i <= n else i - n for i, n in zip(place, sizes, strict=True)]
        phase = sum(
            k_d * np.arange(n).reshape([-1 if d == axis else 1 for d in range(len(sizes))]) / n
            for axis, (k_d, n) in enumerate(zip(k, sizes, strict=True))
        )
        energy = 0.5 * abs((field * np.exp(-2j * np.pi * phase)).mean()) ** 2
        shell = math.floor(math.hypot(*k) + 0.5)
        found[shell] = found.get(shell, 0) + energy
    return np.array([found.get(shell, 0) for shell in range(max(found) + 1)])


@pytest.mark.parametrize("sizes", [(1,), (8,), (9,), (6, 6), (5, 8), (9, 4), (4, 5, 3)], ids=str)
def test_spectrum_equals_sums_over_wave_numbers(rng, sizes):
    fields = rng.normal(size=(2, 2, *sizes))
    found = energy_spectrum(fields)
    for sample, channel in itertools.product(range(2), range(2)):
        np.testing.assert_allclose(found[sample, channel], by_sums(fields[sample, channel]), atol=1e-13)


@settings(max_examples=20)
@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=3), seed=st.integers(0, 99))
def test_shells_add_up_to_half_the_mean_square(sizes, seed):
    fields = np.random.default_rng(seed).normal(size=(2, 1, *sizes))
    axes = tuple(range(2, fields.ndim))
    np.testing.assert_allclose(energy_spectrum(fields).sum(-1), (fields**2).mean(axes) / 2)


@pytest.mark.parametrize("n", [16, 17, 21])
def test_a_wave_lies_in_its_own_shell_on_any_grid(n):
    wave = np.cos(2 * np.pi * 5 * np.arange(n) / n)[None, None]
    expected = np.zeros(n // 2 + 1)
    expected[5] = 0.25
    np.testing.assert_allclose(energy_spectrum(wave)[0, 0], expected, atol=1e-15)


def test_error_is_the_mean_of_decades(rng):
    target = rng.normal(size=(3, 2, 12, 15))
    np.testing.assert_allclose(energy_spectrum_error(target, target), 0, atol=1e-12)
    np.testing.assert_allclose(energy_spectrum_error(10 * target, target), 2)
    np.testing.assert_allclose(energy_spectrum_error(target / 10, target), 2)


def test_error_sees_missing_fine_scales_that_the_norm_hardly_does():
    x = np.arange(64) / 64
    target = sum(np.cos(2 * np.pi * k * x) * 10.0**-k for k in (1, 2, 3))[None, None]
    coarse = np.cos(2 * np.pi * x)[None, None] * 0.1
    assert energy_spectrum_error(coarse, target)[0] > 2
    assert np.linalg.norm(coarse - target) < 0.11 * np.linalg.norm(target)


def test_scales_that_rounding_alone_fills_do_not_count():
    x = np.arange(32) / 32
    target = np.cos(2 * np.pi * x)[None, None]
    noisy = target.astype(np.float32).astype(np.float64)
    assert energy_spectrum_error(noisy, target)[0] < 1e-6


def test_error_of_a_target_without_energy():
    zero, one = np.zeros((1, 1, 4)), np.ones((1, 1, 4))
    assert energy_spectrum_error(zero, zero).tolist() == [0]
    assert energy_spectrum_error(one, zero).tolist() == [math.inf]
    assert 0 < energy_spectrum_error(zero, one)[0] < math.inf


def test_no_samples_have_no_values():
    assert energy_spectrum(np.zeros((0, 2, 4, 4))).shape[:2] == (0, 2)
    assert energy_spectrum_error(np.zeros((0, 2, 4, 4)), np.zeros((0, 2, 4, 4))).shape == (0,)

"""Fitting modal filters: poles found again, orders chosen, bounds that hold."""

from __future__ import annotations

import pytest
import torch

from longwave.errors import ConfigError, ShapeError
from longwave.generation import fit_modes, hankel_values, ho_kalman, modal_fit

L = 64
PAIR = torch.polar(torch.tensor(0.85, dtype=torch.float64), torch.tensor(0.6, dtype=torch.float64))
POLES = torch.stack([torch.tensor(0.95 + 0j, dtype=torch.complex128), PAIR, PAIR.conj()])


def order_three(length: int = L) -> torch.Tensor:
    """Return a filter of three poles and a first tap of its own, (1, length)."""
    t = torch.arange(length - 1, dtype=torch.float64)
    rest = 0.7 * 0.95**t + ((1 - 2j) * PAIR**t).real
    return torch.cat([torch.tensor([0.3], dtype=torch.float64), rest])[None]


def rough(seed: int, rows: int = 2, length: int = 129) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(rows, length, generator=generator, dtype=torch.float64)
    return noise * torch.exp(-torch.arange(length) / 20.0)


def by_angle(poles: torch.Tensor) -> torch.Tensor:
    return poles.flatten()[poles.flatten().angle().argsort()]


def test_ho_kalman_finds_the_poles_of_an_exact_filter():
    found = by_angle(ho_kalman(order_three(), 3))
    torch.testing.assert_close(found, by_angle(POLES), rtol=0, atol=1e-6)


def test_hankel_values_count_the_poles():
    values = hankel_values(order_three(), 5)[0]
    assert (values / values[0] > 1e-12).tolist() == [True, True, True, False, False]


def test_hankel_values_are_the_singular_values_of_the_matrix(seed):
    taps = rough(seed)
    n = (taps.shape[1] - 1) // 2
    matrix = torch.stack([taps[:, 1 + i : 1 + i + n] for i in range(n)], dim=1)
    torch.testing.assert_close(hankel_values(taps, 9), torch.linalg.svdvals(matrix)[:, :9])


def test_large_matrices_give_the_same_values_without_being_formed(seed, monkeypatch):
    taps = rough(seed)
    expected = hankel_values(taps, 4)
    monkeypatch.setattr(modal_fit, "DENSE_UP_TO", 8)
    torch.testing.assert_close(hankel_values(taps, 4), expected, rtol=2e-2, atol=0)


def test_an_exact_filter_is_fitted_exactly():
    fit = fit_modes(order_three(), steps=0)
    torch.testing.assert_close(fit.filter(L), order_three(), rtol=0, atol=1e-7)
    assert fit.orders.tolist() == [2]  # a real pole and a pair


def test_the_tolerance_chooses_the_smallest_order(seed):
    taps = rough(seed)
    fit = fit_modes(taps, tolerance=0.3, steps=0)
    values = hankel_values(taps, 40)
    poles = (values / values[:, :1] > 0.3).sum(1)
    assert bool((fit.hankel_tail <= 0.3).all())
    assert bool((fit.orders <= poles).all() and (2 * fit.orders >= poles).all())


def test_the_order_is_never_exceeded(seed):
    assert fit_modes(rough(seed), order=5, steps=0).orders.max() <= 5


def test_more_modes_fit_better(seed):
    errors = [fit_modes(rough(seed), order=order, steps=0).l2_error.mean() for order in (2, 6, 16)]
    assert errors[0] > errors[1] > errors[2]


def test_the_optimiser_never_makes_a_filter_worse(seed):
    first, refined = (fit_modes(rough(seed), order=3, steps=steps).l2_error for steps in (0, 60))
    assert bool((refined <= first).all())
    assert refined.sum() < first.sum()


def test_the_first_tap_is_kept(seed):
    taps = rough(seed)
    torch.testing.assert_close(fit_modes(taps, order=2, steps=5).filter.first.detach(), taps[:, 0])


def test_the_bound_on_outputs_holds(seed):
    taps, fit = rough(seed), fit_modes(rough(seed), order=3, steps=0)
    error = (taps - fit.filter(taps.shape[1])).detach()
    torch.testing.assert_close(fit.l1_error, error.abs().sum(1))
    signs = error.sign().flip(1)  # the input of size 1 that hurts most
    outputs = torch.stack([(error[:, : t + 1] * signs[:, -t - 1 :].flip(1)).sum(1) for t in range(129)])
    assert bool((outputs.abs().amax(0) <= fit.l1_error * (1 + 1e-12)).all())


@pytest.mark.parametrize("value", [0.0, 1.0], ids=["silence", "unit-impulse"])
def test_a_filter_without_a_tail_needs_no_poles(value):
    taps = torch.zeros(2, 16, dtype=torch.float64)
    taps[:, 0] = value
    fit = fit_modes(taps, steps=3)
    torch.testing.assert_close(fit.filter(16), taps)
    assert fit.l2_error.tolist() == [0.0, 0.0]


def test_a_growing_filter_gets_poles_inside_the_circle():
    taps = 1.1 ** torch.arange(20, dtype=torch.float64)
    assert ho_kalman(taps[None], 1).abs().max() <= 1


def test_progress_counts_the_steps():
    seen = []
    fit_modes(order_three(), steps=3, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    "options",
    [{"order": 0}, {"tolerance": 0.0}, {"tolerance": 1.0}, {"max_order": 0}, {"steps": -1}],
    ids=str,
)
def test_settings_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match=f'"{next(iter(options))}" is'):
        fit_modes(order_three(), **options)


@pytest.mark.parametrize("shape", [(1, 3), (0, 9), (9,)], ids=str)
def test_too_few_taps_are_refused(shape):
    with pytest.raises(ShapeError, match="at least 4 taps"):
        hankel_values(torch.zeros(shape), 1)

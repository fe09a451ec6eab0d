"""Discretisation against the dense formulas, and its limits."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck

from longwave.errors import ShapeError, UnknownName
from longwave.ops.ssm import discretize
from longwave.ops.ssm.naive import dense_discretize

rules = pytest.mark.parametrize("rule", ["zoh", "bilinear"])


def complex_column(*values: complex) -> torch.Tensor:
    return torch.tensor([list(values)], dtype=torch.complex128)


@rules
def test_modes_equal_the_dense_rule(draw_system, tolerance, rule):
    A, B, _, dt = draw_system(1, 5)
    dA, dB = discretize(A, B, dt, rule=rule)
    dense_A, dense_B = dense_discretize(torch.diag(A[0]), B[0], dt.item(), rule=rule)
    torch.testing.assert_close(torch.diag(dA[0]), dense_A, **tolerance(torch.float64))
    torch.testing.assert_close(dB[0], dense_B, **tolerance(torch.float64))


@rules
def test_gradients_pass_gradcheck(draw_system, rule):
    A, B, _, dt = draw_system(2, 3)
    assert gradcheck(lambda *system: discretize(*system, rule=rule), (A, B, dt))


@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-9, 1e-5, 0.0099, 0.0101, 1.0], ids=str)
def test_zoh_input_is_accurate_near_zero(size):
    A, B = complex_column(size * (-0.6 + 0.8j)), complex_column(1)
    _, dB = discretize(A, B, torch.ones(1).double())
    dense = dense_discretize(torch.diag(A[0]), B[0], 1.0, rule="zoh")[1]
    torch.testing.assert_close(dB[0], dense, rtol=1e-14, atol=0)


@pytest.mark.parametrize("size", [0.0, 1e-9, 1e-5, 0.0099, 0.0101], ids=str)
def test_zoh_input_has_the_derivative_of_its_series_near_zero(size):
    """``phi(z) = 1 + z/2 + z^2/6 + ...``: a plain quotient has no digit left at 1e-9."""
    z = torch.tensor(size, dtype=torch.float64).requires_grad_()
    _, dB = discretize(torch.complex(z, 0 * z)[None, None], complex_column(1), torch.ones(1).double())
    (slope,) = torch.autograd.grad(dB.real.sum(), z)
    expected = 1 / 2 + size / 3 + size**2 / 8 + size**3 / 30 + size**4 / 144
    assert slope.item() == pytest.approx(expected, rel=1e-11)


def test_single_precision_keeps_its_digits_near_zero():
    A = torch.tensor([[1e-6 + 1e-6j]], dtype=torch.complex64)
    _, dB = discretize(A, torch.ones_like(A), torch.ones(1))
    assert dB.item() == pytest.approx(1 + 5e-7 + 5e-7j, abs=1.2e-7)


@rules
def test_strong_damping_stays_finite(rule):
    A = complex_column(-1e6 + 1e6j).requires_grad_()
    dA, dB = discretize(A, complex_column(1), torch.ones(1).double(), rule=rule)
    (grad,) = torch.autograd.grad((dA.sum() + dB.sum()).real, A)
    assert grad.isfinite().all()
    assert dA.abs().item() <= 1


def test_bilinear_maps_stable_modes_into_the_unit_circle(draw_system):
    A, B, _, dt = draw_system(6, 8)
    assert (discretize(A, B, 100 * dt, rule="bilinear")[0].abs() < 1).all()


def test_constant_input_within_steps_is_integrated_exactly(draw_system, tolerance):
    """Two zero-order steps with one input are one step of twice the length."""
    A, B, _, dt = draw_system(2, 3)
    dA, dB = discretize(A, B, dt)
    twice_A, twice_B = discretize(A, B, 2 * dt)
    torch.testing.assert_close((dA * dA, dA * dB + dB), (twice_A, twice_B), **tolerance(torch.float64))


def test_unknown_rule_names_the_known_ones(draw_system):
    A, B, _, dt = draw_system(1, 1)
    with pytest.raises(UnknownName, match=r'"bilinaer".*"bilinear".*zoh'):
        discretize(A, B, dt, rule="bilinaer")


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 3), (2, 4), (2,)), r"which these are not .*A: \(2, 3\), B: \(2, 4\)"),
        (((2, 3), (2, 3), (3,)), r"dt: \(3,\)"),
        (((3,), (3,), (3,)), "Repeat shared modes"),
    ],
    ids=["B", "dt", "no-channels"],
)
def test_shapes_that_do_not_fit_are_an_error(shapes, message):
    A, B = (torch.zeros(shape, dtype=torch.complex64) for shape in shapes[:2])
    with pytest.raises(ShapeError, match=message):
        discretize(A, B, torch.ones(shapes[2]))


def test_real_modes_are_an_error():
    with pytest.raises(ShapeError, match=r"A and B are complex .* torch\.float32"):
        discretize(torch.zeros(1, 1), torch.zeros(1, 1), torch.ones(1))

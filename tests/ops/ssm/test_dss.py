"""The normalised kernel against the softmax it is."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck

from longwave.ops.ssm import dss_kernel


def softmax_formula(A, W, dt, L):
    """Softmax over time of ``t dt A``, the largest real part taken out first; no guard."""
    exponents = (dt[:, None] * A)[..., None] * torch.arange(L)
    exponents = exponents - exponents.real.amax(-1, keepdim=True)
    powers = torch.exp(exponents)
    return ((W / A)[..., None] * powers / powers.sum(-1, keepdim=True)).sum(1).real


@pytest.mark.parametrize("sign", [-1, 1], ids=["decaying", "growing"])
@pytest.mark.parametrize("L", [1, 2, 37], ids=lambda L: f"L{L}")
def test_kernel_equals_the_softmax(draw_system, L, sign):
    A, W, _, dt = draw_system(3, 4)
    A = torch.complex(sign * A.real.abs(), A.imag)
    found, expected = dss_kernel(A, W, dt, L), softmax_formula(A, W, dt, L)
    assert (
        found - expected
    ).norm() < 1e-4 * expected.norm()  # the guards cost that much where sums are small


def test_growing_and_decaying_modes_mix(draw_system):
    A, W, _, dt = draw_system(2, 4)
    A = torch.complex(A.real * torch.tensor([1, -1, 1, -1]), A.imag)
    found, expected = dss_kernel(A, W, dt, 19), softmax_formula(A, W, dt, 19)
    assert (found - expected).norm() < 1e-4 * expected.norm()


def test_fast_growth_does_not_overflow():
    A = torch.tensor([[50.0 + 1j]], dtype=torch.complex64)
    kernel = dss_kernel(A, A, torch.ones(1), 1000)
    torch.testing.assert_close(kernel[0, -1].item(), 1.0, rtol=1e-5, atol=0)
    assert kernel.isfinite().all()


@pytest.mark.parametrize("turns", [1, 3])
def test_modes_that_sum_to_nothing_stay_finite(turns):
    """``exp(L z) = 1``: the softmax has no denominator."""
    A = torch.tensor([[2j * torch.pi * turns / 8]], dtype=torch.complex128).requires_grad_()
    kernel = dss_kernel(A, torch.ones_like(A), torch.ones(1).double(), 8)
    (grad,) = torch.autograd.grad(kernel.sum(), A)
    assert kernel.isfinite().all()
    assert grad.isfinite().all()


def test_a_mode_of_zero_is_finite():
    A = torch.zeros(1, 1, dtype=torch.complex128).requires_grad_()
    (grad,) = torch.autograd.grad(dss_kernel(A, torch.ones_like(A), torch.ones(1).double(), 5).sum(), A)
    assert grad.isfinite().all()


def test_gradients_pass_gradcheck(draw_system):
    A, W, _, dt = draw_system(2, 3)
    assert gradcheck(lambda *system: dss_kernel(*system, 6), (A, W, dt))


def test_kernel_of_another_length_is_no_continuation(draw_system):
    A, W, _, dt = draw_system(2, 3)
    short, long = dss_kernel(A, W, dt, 8), dss_kernel(A, W, dt, 16)
    assert (long[:, :8] - short).norm() > 0.01 * short.norm()

"""Kernels of diagonal systems against the dense recurrence, values and gradients."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck, gradgradcheck
from torch.utils._python_dispatch import TorchDispatchMode

from longwave.errors import ConfigError, ShapeError, UnknownName
from longwave.ops.ssm import discretize, initial_modes, mode_power, mode_powers, ssm_kernel, vandermonde
from longwave.ops.ssm.naive import naive_ssm_kernel

rules = pytest.mark.parametrize("rule", ["zoh", "bilinear"])
SHAPES = [(2, 3, 1), (2, 3, 2), (1, 1, 3), (3, 4, 37), (2, 2, 64), (1, 5, 127), (2, 1, 0), (2, 0, 9)]
shapes = pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "H{}-N{}-L{}".format(*s))


def wide(*tensors):
    return [x.detach().to(torch.promote_types(x.dtype, torch.float64)) for x in tensors]


@rules
@shapes
def test_kernel_equals_the_dense_recurrence(draw_system, tolerance, shape, rule):
    H, N, L = shape
    system = draw_system(H, N)
    expected = naive_ssm_kernel(*system, L, rule=rule)
    torch.testing.assert_close(ssm_kernel(*system, L, rule=rule), expected, **tolerance(torch.float64))


@rules
@pytest.mark.parametrize("L", [1, 2, 37], ids=lambda L: f"L{L}")
def test_gradients_equal_those_of_the_dense_recurrence(draw, draw_system, tolerance, rule, L):
    system, weights = draw_system(2, 3), draw(2, L)
    A, B, C, dt = system
    found = torch.autograd.grad((weights * ssm_kernel(*system, L, rule=rule)).sum(), system)
    if rule == "zoh":
        written = torch.exp((dt[:, None] * A)[..., None] * torch.arange(L))
        into = torch.expm1(dt[:, None] * A) / A * B
    else:
        half = dt[:, None] * A / 2
        written = ((1 + half) / (1 - half))[..., None] ** torch.arange(L)
        into = dt[:, None] / (1 - half) * B
    formula = 2 * ((C * into)[..., None] * written).sum(1).real
    expected = torch.autograd.grad((weights * formula).sum(), system)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@rules
def test_gradients_pass_gradcheck_twice(draw_system, rule):
    system = tuple(draw_system(1, 2))
    assert gradcheck(lambda *s: ssm_kernel(*s, 7, rule=rule), system)
    assert gradgradcheck(lambda *s: ssm_kernel(*s, 3, rule=rule), system)


def test_parameters_stored_as_real_pairs_get_real_gradients(draw, draw_system):
    A, B, _, dt = draw_system(2, 3)
    C = draw(2, 3, 2)
    assert gradcheck(lambda C: ssm_kernel(A, B, torch.view_as_complex(C), dt, 5), C)


@rules
def test_long_single_precision_kernel_keeps_its_phase(generator, rule):
    """The recipe of a language model at 4096 steps: modes turn up to 2000 times."""
    H, N, L = 4, 32, 4096
    A = initial_modes("lin", 2 * N, n_copies=H).to(torch.complex64)
    C = torch.randn(H, N, generator=generator, dtype=torch.complex64)
    dt = torch.logspace(-3, -1, H)
    found = ssm_kernel(A, torch.ones_like(A), C, dt, L, rule=rule)
    expected = ssm_kernel(*wide(A, torch.ones_like(A), C, dt), L, rule=rule)
    assert found.dtype == torch.float32
    assert ((found - expected).norm(dim=-1) / expected.norm(dim=-1)).max() < 1e-6


def test_a_slow_mode_keeps_its_phase_for_a_million_steps():
    """Where ``t * dt * A`` in float32 is wrong by several per cent of a turn."""
    A, one = torch.tensor([[-1e-7 + 3j]], dtype=torch.complex64), torch.ones(1, 1, dtype=torch.complex64)
    dA, _ = discretize(*wide(A, one, torch.ones(1)))
    table = vandermonde(one, dA, 2**20)[0, -1]
    phase = math.fmod(A.imag.item() * (2**20 - 1), 2 * math.pi)
    expected = 2 * math.exp(A.real.item() * (2**20 - 1)) * math.cos(phase)
    assert table.item() == pytest.approx(expected, abs=2e-6)


def test_single_precision_gradients_are_near_those_of_double(draw, draw_system):
    system = draw_system(3, 4, torch.complex64)
    double = [x.requires_grad_() for x in wide(*system)]
    weights = draw(3, 500, dtype=torch.float32)
    found = torch.autograd.grad((weights * ssm_kernel(*system, 500)).sum(), system)
    expected = torch.autograd.grad((weights.double() * ssm_kernel(*double, 500)).sum(), double)
    assert max((a - b).norm() / b.norm() for a, b in zip(found, expected, strict=True)) < 1e-5


@pytest.mark.parametrize("lead", [(2,), (0,), (2, 3)], ids=str)
def test_several_read_outs_share_the_modes(draw_system, complex_draw, tolerance, lead):
    A, B, _, dt = draw_system(3, 4)
    C = complex_draw(*lead, 3, 4)
    found = ssm_kernel(A, B, C, dt, 11)
    alone = [ssm_kernel(A, B, c, dt, 11) for c in C.reshape(-1, 3, 4)]
    expected = torch.stack(alone).view(*lead, 3, 11) if alone else torch.zeros(*lead, 3, 11).double()
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@settings(max_examples=20)
@given(L=st.integers(0, 300), more=st.integers(0, 300), seed=st.integers(0, 2**31))
def test_a_kernel_is_the_beginning_of_a_longer_one(L, more, seed):
    generator = torch.Generator().manual_seed(seed)
    G, dA = (torch.randn(2, 3, generator=generator, dtype=torch.complex128) for _ in range(2))
    dA = dA / (0.1 + dA.abs())
    found = vandermonde(G, dA, L + more)[:, :L]
    torch.testing.assert_close(vandermonde(G, dA, L), found, rtol=1e-10, atol=1e-11)


def test_twice_the_rate_takes_every_second_sample_of_the_response(draw_system, tolerance):
    """Of the continuous system the kernel samples the held response, whose modes all scale alike."""
    A, B, C, dt = draw_system(2, 3)
    found = ssm_kernel(A, B, C, dt, 8, rate=2.0)
    torch.testing.assert_close(found, ssm_kernel(A, B, C, 2 * dt, 8), **tolerance(torch.float64))


def test_bandlimit_drops_modes_at_and_beyond_the_limit():
    """Frequencies 0.1, 0.25 and 0.3 of a cycle a step; a limit of 1/2 is at 0.25."""
    A = torch.complex(torch.full((1, 3), -0.5), 2 * torch.pi * torch.tensor([[0.1, 0.25, 0.3]])).to(
        torch.complex128
    )
    one, dt = torch.ones_like(A), torch.ones(1).double()
    found = ssm_kernel(A, one, one, dt, 16, bandlimit=0.5)
    torch.testing.assert_close(found, ssm_kernel(A[:, :1], one[:, :1], one[:, :1], dt, 16))


def test_bandlimit_does_not_move_with_the_rate():
    A = torch.tensor([[-0.5 + 1.5j]], dtype=torch.complex128)  # 0.24 cycles a step, 0.48 at rate 2
    one, dt = torch.ones_like(A), torch.ones(1).double()
    limited = ssm_kernel(A, one, one, dt, 16, rate=2.0, bandlimit=0.5)
    assert torch.equal(limited, ssm_kernel(A, one, one, dt, 16, rate=2.0))


def test_a_mode_of_zero_has_a_kernel_of_one_tap_and_its_gradient():
    dA = torch.zeros(1, 1, dtype=torch.complex128).requires_grad_()
    G = torch.full((1, 1), 0.5 + 0j, dtype=torch.complex128)
    kernel = vandermonde(G, dA, 5)
    assert kernel.tolist() == [[1, 0, 0, 0, 0]]
    (grad,) = torch.autograd.grad(kernel.sum(), dA)
    assert grad.item() == 1


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 64, 100])
def test_powers_are_powers(complex_draw, tolerance, count):
    dA = complex_draw(2, 3)
    expected = dA[:, None] ** torch.arange(count)[:, None]
    torch.testing.assert_close(mode_powers(dA, count), expected, **tolerance(torch.float64))


@pytest.mark.parametrize("exponent", [0, 1, 2, 7, 100])
def test_a_power_is_a_product(complex_draw, tolerance, exponent):
    dA = complex_draw(2, 3)
    expected = torch.stack([dA] * exponent).prod(0) if exponent else torch.ones_like(dA)
    torch.testing.assert_close(mode_power(dA, exponent), expected, **tolerance(torch.float64))


def test_kernel_is_wide_under_autocast(draw_system):
    system = draw_system(2, 3, torch.complex64)
    expected = ssm_kernel(*system, 40)
    with torch.autocast("cpu", torch.bfloat16):
        found = ssm_kernel(*system, 40)
    assert torch.equal(found, expected)


class _LargestTensor(TorchDispatchMode):
    """Remembers the size of the largest tensor made."""

    size = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.size = max(self.size, result.numel())
        return result


def test_no_tensor_is_larger_than_kernel_or_two_short_tables(draw_system):
    H, N, L = 2, 16, 2**12
    system = draw_system(H, N, torch.complex64)
    with _LargestTensor() as seen:
        ssm_kernel(*system, L).sum().backward()
    assert seen.size == max(H * L, H * 2 * N * 64)


def test_negative_length_is_an_error(draw_system):
    with pytest.raises(ConfigError, match="length of a kernel is -1"):
        ssm_kernel(*draw_system(1, 1), -1)


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan])
def test_rate_that_is_not_positive_is_an_error(draw_system, rate):
    with pytest.raises(ConfigError, match=r"rate is .* above 0"):
        ssm_kernel(*draw_system(1, 1), 4, rate=rate)


def test_unknown_rule_is_an_error(draw_system):
    with pytest.raises(UnknownName, match="discretisation rule"):
        ssm_kernel(*draw_system(1, 1), 4, rule="euler")


def test_weights_of_another_shape_are_an_error(draw_system, complex_draw):
    A = draw_system(2, 3).A
    with pytest.raises(ShapeError, match=r"G is \(\.\.\., H, N\).*dA: \(2, 3\)"):
        vandermonde(complex_draw(2, 4), A, 4)


def test_real_weights_are_an_error(draw_system, draw):
    with pytest.raises(ShapeError, match=r"G and dA are complex.*float64"):
        vandermonde(draw(2, 3), draw_system(2, 3).A, 4)

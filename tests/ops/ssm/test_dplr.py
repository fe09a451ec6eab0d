"""Diagonal plus rank one: dense forms, steps and the generating function against the dense system."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import gradcheck
from torch.utils._python_dispatch import TorchDispatchMode

from longwave.errors import ConfigError, ShapeError
from longwave.ops.ssm import (
    complex_state,
    dense_final_state,
    dense_kernel,
    dense_state_outputs,
    dplr_dense,
    dplr_discretize,
    dplr_kernel,
    dplr_step,
    hippo_legs,
    legs_modes,
    lengthen_readout,
    real_readout,
    real_state,
    squarings,
    truncate_readout,
)
from longwave.ops.ssm import dplr as module
from longwave.ops.ssm.naive import dense_discretize, dense_recurrence

H, N = 2, 3
lengths = pytest.mark.parametrize("L", [1, 2, 3, 4, 37, 64], ids=lambda L: f"L{L}")


@pytest.fixture
def system(draw_system, complex_draw):
    """Return A, P, B, C, dt of two channels."""
    A, B, C, dt = draw_system(H, N)
    return A, complex_draw(H, N), B, C, dt


def dense_pair(A, P, B, C, dt, channel):
    """Return the discrete system of one channel with both modes of each pair, from the formula."""
    a, p, b, c = (torch.cat([x[channel], x[channel].conj()]) for x in (A, P, B, C))
    dA, dB = dense_discretize(
        torch.diag(a) - torch.outer(p, p.conj()), b, dt[channel].item(), rule="bilinear"
    )
    return dA, dB, c


def recurrence(system, u, x0=None):
    """Return outputs (H, L) and last states (H, N) of the dense recurrences for one input a channel."""
    results = []
    for h in range(H):
        dA, dB, c = dense_pair(*system, h)
        start = None if x0 is None else torch.cat([x0[h], x0[h].conj()])
        y, x = dense_recurrence(dA, dB, c, u[h].to(dB.dtype), start)
        results.append((y.real, x[:N]))
    return tuple(torch.stack(parts) for parts in zip(*results, strict=True))


def impulse(L):
    u = torch.zeros(H, L, dtype=torch.float64)
    u[:, 0] = 1
    return u


@lengths
def test_dense_kernel_equals_the_recurrence(system, tolerance, L):
    A, P, B, C, dt = system
    dA, dB = dplr_dense(dplr_discretize(A, P, B, dt))
    found = dense_kernel(squarings(dA, L), dB, real_readout(C)[None], L)[0]
    torch.testing.assert_close(found, recurrence(system, impulse(L))[0], **tolerance(torch.float64))


@lengths
def test_generating_function_equals_the_recurrence(system, tolerance, L):
    A, P, B, C, dt = system
    dA, _ = dplr_dense(dplr_discretize(A, P, B, dt))
    truncated = truncate_readout(C[None], torch.matrix_power(dA, L))
    found = dplr_kernel(A, P, B, truncated, dt, L)[0]
    torch.testing.assert_close(found, recurrence(system, impulse(L))[0], **tolerance(torch.float64))


def test_steps_equal_the_recurrence(system, draw, complex_draw, tolerance):
    A, P, B, C, dt = system
    u, x0 = draw(H, 19), complex_draw(H, N)
    x, outputs, step = x0, [], dplr_discretize(A, P, B, dt)
    for u_t in u.unbind(-1):
        y, x = dplr_step(x, u_t, step, C)
        outputs.append(y)
    expected = recurrence(system, u, x0)
    torch.testing.assert_close((torch.stack(outputs, -1), x), expected, **tolerance(torch.float64))


@pytest.mark.parametrize("L", [0, 1, 2, 37, 64], ids=lambda L: f"L{L}")
def test_dense_final_state_and_outputs_equal_the_recurrence(system, draw, complex_draw, tolerance, L):
    A, P, B, C, dt = system
    u, x0 = draw(1, H, L), complex_draw(1, H, N)
    dA, dB = dplr_dense(dplr_discretize(A, P, B, dt))
    powers = squarings(dA, L)
    final = complex_state(dense_final_state(powers, u, dB, real_state(x0)))[0]
    kept = dense_state_outputs(powers, real_readout(C), L, real_state(x0))[0]
    _, expected = recurrence(system, u[0], x0[0])
    torch.testing.assert_close(final, expected, **tolerance(torch.float64))
    if L:
        silent, _ = recurrence(system, torch.zeros_like(u[0]), x0[0])
        torch.testing.assert_close(kept, silent, **tolerance(torch.float64))


def test_no_first_state_is_a_state_of_zero(system, draw, tolerance):
    A, P, B, _, dt = system
    dA, dB = dplr_dense(dplr_discretize(A, P, B, dt))
    u, powers = draw(2, H, 9), squarings(dA, 9)
    expected = dense_final_state(powers, u, dB, torch.zeros(2, H, 2 * N).double())
    torch.testing.assert_close(dense_final_state(powers, u, dB), expected, **tolerance(torch.float64))


def test_legs_in_low_rank_form_remembers_like_legs(tolerance):
    """Read by ``p``, which is known in both bases."""
    d_state, dt, L = 8, 0.1, 50
    A, B = hippo_legs(d_state)
    dA, dB = dense_discretize(A, B, dt, rule="bilinear")
    p = torch.sqrt(torch.arange(d_state).double() + 0.5)
    expected, _ = dense_recurrence(dA, dB, p, impulse(L)[0])
    modes, low_rank, entry = (x[None] for x in legs_modes(d_state))
    dense = dplr_dense(dplr_discretize(modes, low_rank, entry, torch.tensor([dt], dtype=torch.float64)))
    readout = real_readout(low_rank.conj())[None]  # p in the basis of the modes
    found = dense_kernel(squarings(dense[0], L), dense[1], readout, L)[0, 0]
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


def test_value_at_minus_one_is_half_a_step_of_the_readout(system, tolerance):
    """The alternating sum of an even kernel: the paper's own formula divides zero by zero there."""
    A, P, B, C, dt = system
    kernel = dplr_kernel(A, P, B, C[None], dt, 2)[0]
    expected = dt / 2 * 2 * (C * B).sum(-1).real
    torch.testing.assert_close(kernel[:, 0] - kernel[:, 1], expected, **tolerance(torch.float64))


@pytest.mark.parametrize("L", [1, 5, 32], ids=lambda L: f"L{L}")
def test_a_truncated_readout_grows_to_twice_the_length(system, tolerance, L):
    A, P, B, C, dt = system
    dA, _ = dplr_dense(dplr_discretize(A, P, B, dt))
    power = torch.matrix_power(dA, L)
    grown = lengthen_readout(truncate_readout(C[None], power), power)
    found = dplr_kernel(A, P, B, grown, dt, 2 * L)[0]
    torch.testing.assert_close(found, recurrence(system, impulse(2 * L))[0], **tolerance(torch.float64))


def test_several_readouts_share_the_system(system, complex_draw, tolerance):
    A, P, B, _, dt = system
    C = complex_draw(3, H, N)
    alone = torch.cat([dplr_kernel(A, P, B, c[None], dt, 9) for c in C])
    torch.testing.assert_close(dplr_kernel(A, P, B, C, dt, 9), alone, **tolerance(torch.float64))


@pytest.mark.parametrize("L", [4, 5], ids=lambda L: f"L{L}")
def test_gradients_of_the_generating_function_pass_gradcheck(system, L):
    A, P, B, C, dt = system
    assert gradcheck(lambda A, P, B, C, dt: dplr_kernel(A, P, B, C[None], dt, L), (A, P, B, C, dt))


def test_gradients_of_the_dense_kernel_pass_gradcheck(system):
    A, P, B, C, dt = system

    def kernel(A, P, B, C, dt):
        dA, dB = dplr_dense(dplr_discretize(A, P, B, dt))
        return dense_kernel(squarings(dA, 9), dB, real_readout(C)[None], 9)

    assert gradcheck(kernel, (A, P, B, C, dt), fast_mode=True)


def test_blocks_of_frequencies_give_the_same_kernel(system, monkeypatch, tolerance):
    A, P, B, C, dt = system
    expected = dplr_kernel(A, P, B, C[None], dt, 21)
    monkeypatch.setattr(module, "BLOCK", 3 * H * N)
    torch.testing.assert_close(dplr_kernel(A, P, B, C[None], dt, 21), expected, **tolerance(torch.float64))


class _LargestTensor(TorchDispatchMode):
    size = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor):
            self.size = max(self.size, result.numel())
        return result


def test_no_cauchy_matrix_is_larger_than_a_block(system, monkeypatch):
    A, P, B, C, dt = system
    monkeypatch.setattr(module, "BLOCK", 64 * H * N)
    with _LargestTensor() as seen:
        dplr_kernel(A, P, B, C[None], dt, 1000).sum().backward()
    assert seen.size <= max(64 * H * N, 2 * H * 1000)


def test_single_precision_gives_a_single_precision_kernel_near_double(system):
    narrow = [x.detach().to(torch.complex64 if x.is_complex() else torch.float32) for x in system]
    A, P, B, C, dt = narrow
    found = dplr_kernel(A, P, B, C[None], dt, 200)
    wide = [x.to(torch.complex128 if x.is_complex() else torch.float64) for x in narrow]
    expected = dplr_kernel(*wide[:3], wide[3][None], wide[4], 200)
    assert found.dtype == torch.float32
    assert (found - expected).norm() < 1e-6 * expected.norm()


def test_states_turn_real_and_back(complex_draw):
    x, C = complex_draw(2, 5), complex_draw(2, 5)
    assert torch.equal(complex_state(real_state(x)), x)
    torch.testing.assert_close((real_readout(C) * real_state(x)).sum(-1), 2 * (C * x).sum(-1).real)


def test_a_length_of_zero_has_an_empty_kernel(system):
    A, P, B, C, dt = system
    assert dplr_kernel(A, P, B, C[None], dt, 0).shape == (1, H, 0)


def test_negative_length_is_an_error(system):
    A, P, B, C, dt = system
    with pytest.raises(ConfigError, match="length of a kernel is -3"):
        dplr_kernel(A, P, B, C[None], dt, -3)


def test_readout_without_its_axis_is_an_error(system):
    A, P, B, C, dt = system
    with pytest.raises(ShapeError, match=r"shape \(R, 2, 3\).*Add an axis"):
        dplr_kernel(A, P, B, C, dt, 4)


def test_a_higher_rank_is_an_error(system, complex_draw):
    A, _, B, _, dt = system
    with pytest.raises(ShapeError, match=r"P is complex .*Only a rank of one"):
        dplr_discretize(A, complex_draw(2, H, N), B, dt)


def test_too_few_squarings_are_an_error(system):
    A, P, B, C, dt = system
    dA, dB = dplr_dense(dplr_discretize(A, P, B, dt))
    with pytest.raises(ShapeError, match=r"9 steps needs 4 squarings, not 3.*squarings\(dA, 9\)"):
        dense_kernel(squarings(dA, 4), dB, real_readout(C)[None], 9)

"""Recurrences against the dense system and against the convolution with the kernel."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from longwave.errors import ShapeError
from longwave.ops import long_conv, state_passing_conv
from longwave.ops.ssm import (
    discretize,
    ssm_final_state,
    ssm_kernel,
    ssm_state_outputs,
    ssm_states,
    ssm_step,
)
from longwave.ops.ssm.naive import dense_recurrence

LEADS = [(2,), (), (0,), (2, 3)]
leads = pytest.mark.parametrize("lead", LEADS, ids=str)
lengths = pytest.mark.parametrize("L", [0, 1, 2, 3, 37, 64], ids=lambda L: f"L{L}")
H, N = 3, 4


@pytest.fixture
def case(draw, draw_system, complex_draw):
    """Return a function that draws an input, a discrete system and a first state."""

    def of(lead, L, rule="zoh"):
        A, B, C, dt = draw_system(H, N)
        dA, dB = (x.detach().requires_grad_() for x in discretize(A, B, dt, rule=rule))
        return draw(*lead, H, L), dA, dB, C, complex_draw(*lead, H, N)

    return of


def run(u, dA, dB, C, x):
    """Step through time; return outputs, (..., H, L), and all states."""
    outputs, states = [], []
    for u_t in u.unbind(-1):
        y, x = ssm_step(x, u_t, dA, dB, C)
        outputs.append(y)
        states.append(x)
    return torch.stack(outputs, -1), torch.stack(states, -2)


def test_steps_equal_the_dense_recurrence(case, tolerance):
    u, dA, dB, C, x0 = case((), 9)
    y, states = run(u, dA, dB, C, x0)
    pair = [torch.cat([x[1], x[1].conj()]) for x in (dA, dB, C, x0)]
    expected, last = dense_recurrence(torch.diag(pair[0]), pair[1], pair[2], u[1].to(pair[0].dtype), pair[3])
    torch.testing.assert_close(y[1], expected.real, **tolerance(torch.float64))
    torch.testing.assert_close(states[1, -1], last[:N], **tolerance(torch.float64))


@lengths
@leads
def test_states_equal_those_of_the_steps(case, tolerance, lead, L):
    u, dA, dB, C, x0 = case(lead, L)
    found = ssm_states(u, dA, dB, x0)
    assert found.shape == (*lead, H, L, N)
    if L:
        torch.testing.assert_close(found, run(u, dA, dB, C, x0)[1], **tolerance(torch.float64))


@lengths
@leads
def test_final_state_is_the_last_of_all_states(case, tolerance, lead, L):
    u, dA, dB, _, x0 = case(lead, L)
    expected = ssm_states(u, dA, dB, x0)[..., -1, :] if L else x0
    torch.testing.assert_close(ssm_final_state(u, dA, dB, x0), expected, **tolerance(torch.float64))


@pytest.mark.parametrize("function", [ssm_states, ssm_final_state])
def test_no_first_state_is_a_state_of_zero(case, tolerance, function):
    u, dA, dB, _, x0 = case((2,), 13)
    expected = function(u, dA, dB, torch.zeros_like(x0))
    torch.testing.assert_close(function(u, dA, dB), expected, **tolerance(torch.float64))


@pytest.mark.parametrize("rule", ["zoh", "bilinear"])
@pytest.mark.parametrize("L", [1, 2, 37], ids=lambda L: f"L{L}")
def test_convolution_with_the_state_equals_the_steps(draw, draw_system, complex_draw, tolerance, L, rule):
    A, B, C, dt = draw_system(H, N)
    u, x0 = draw(2, H, L), complex_draw(2, H, N)
    dA, dB = discretize(A, B, dt, rule=rule)
    kernel = ssm_kernel(A, B, C, dt, L, rule=rule)
    found = long_conv(u, kernel, backend="naive") + ssm_state_outputs(C, dA, L, x0)
    torch.testing.assert_close(found, run(u, dA, dB, C, x0)[0], **tolerance(torch.float64))


@settings(max_examples=20)
@given(first=st.integers(0, 40), rest=st.integers(0, 40), seed=st.integers(0, 2**31))
def test_a_sequence_cut_anywhere_ends_in_the_same_state(first, rest, seed):
    generator = torch.Generator().manual_seed(seed)
    dA, dB = (torch.randn(H, N, generator=generator, dtype=torch.complex128) for _ in range(2))
    dA = dA / (0.05 + dA.abs())
    u = torch.randn(2, H, first + rest, generator=generator, dtype=torch.float64)
    halfway = ssm_final_state(u[..., :first], dA, dB)
    found = ssm_final_state(u[..., first:], dA, dB, halfway)
    torch.testing.assert_close(found, ssm_final_state(u, dA, dB), rtol=1e-10, atol=1e-11)


def test_state_outputs_take_single_states_and_batches_alike(case, tolerance):
    _, dA, _, C, x0 = case((2,), 1)
    together = ssm_state_outputs(C, dA, 9, x0)
    alone = torch.stack([ssm_state_outputs(C, dA, 9, x) for x in x0])
    torch.testing.assert_close(together, alone, **tolerance(torch.float64))


def test_state_passing_with_doubled_residues_is_the_same_system(case, tolerance):
    u, dA, dB, C, x0 = case((2,), 37)
    y, state = state_passing_conv(u, dA, 2 * C * dB, state=x0 / dB, chunk_size=8)
    expected, states = run(u, dA, dB, C, x0)
    torch.testing.assert_close(y, expected, **tolerance(torch.float64))
    torch.testing.assert_close(dB * state, states[..., -1, :], **tolerance(torch.float64))


@pytest.mark.parametrize("function", [ssm_states, ssm_final_state])
def test_gradients_pass_gradcheck(case, function):
    u, dA, dB, _, x0 = case((2,), 7)
    assert gradcheck(function, (u, dA, dB, x0), fast_mode=True)


def test_gradients_of_state_outputs_pass_gradcheck(case):
    _, dA, _, C, x0 = case((2,), 1)
    assert gradcheck(lambda C, dA, x0: ssm_state_outputs(C, dA, 6, x0), (C, dA, x0), fast_mode=True)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32], ids=str)
def test_state_of_narrow_inputs_is_complex64(case, dtype):
    u, dA, dB, _, _ = case((2,), 20)
    state = ssm_final_state(u.to(dtype), dA, dB)
    assert state.dtype == torch.complex64
    torch.testing.assert_close(
        state.to(dA.dtype), ssm_final_state(u.to(dtype).double(), dA, dB), rtol=1e-5, atol=1e-5
    )


def test_autocast_changes_nothing(case):
    u, dA, dB, C, x0 = (x.detach() for x in case((2,), 20))
    u, x0 = u.float(), x0.to(torch.complex64)
    expected = ssm_final_state(u, dA, dB, x0), ssm_state_outputs(C, dA, 5, x0)
    with torch.autocast("cpu", torch.bfloat16):
        found = ssm_final_state(u, dA, dB, x0), ssm_state_outputs(C, dA, 5, x0)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("shape", [(H + 1, 5), (5,)], ids=str)
def test_input_of_another_width_is_an_error(case, draw, shape):
    _, dA, dB, _, _ = case((), 1)
    with pytest.raises(ShapeError, match=r"3 channels is real and \(\.\.\., 3, L\).*Put time last"):
        ssm_final_state(draw(*shape), dA, dB)


def test_first_state_of_another_size_is_an_error(case, complex_draw):
    _, dA, _, C, _ = case((), 1)
    with pytest.raises(ShapeError, match=r"x0 is \(\.\.\., H, N\)"):
        ssm_state_outputs(C, dA, 5, complex_draw(2, H, 2 * N))

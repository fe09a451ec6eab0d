"""One step of a diagonal and of a shift state space against their formulas."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from longwave.ops.ssm import discretize, shift_step, ssm_step, steps_in_place

B, H, N = 2, 3, 4


@pytest.fixture
def step(draw, draw_system, complex_draw):
    """Return arguments of a step, all leaves: state, input, system, skip and gates."""
    A, entry, C, dt = draw_system(H, N)
    dA, dB = (z.detach().requires_grad_() for z in discretize(A, entry, dt))
    return complex_draw(B, H, N), draw(B, H), dA, dB, C, draw(H), draw(B, H), draw(B, H)


def gated(x, u, dA, dB, C, skip, gate_in, gate_out):
    return ssm_step(x, u, dA, dB, C, skip=skip, gate_in=gate_in, gate_out=gate_out)


def test_gates_and_skip_follow_the_formula(step, tolerance):
    x, u, dA, dB, C, skip, gate_in, gate_out = step
    v = gate_in * u
    new = dA * x + dB * v[..., None]
    expected = gate_out * (2 * (C * new).real.sum(-1) + skip * v)
    y, found = gated(*step)
    torch.testing.assert_close(y, expected, **tolerance(torch.float64))
    torch.testing.assert_close(found, new, **tolerance(torch.float64))


def test_steps_with_gates_have_the_right_gradients(step):
    assert gradcheck(gated, step)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_a_gated_output_has_the_type_of_its_gate_and_is_rounded_once(step, dtype):
    x, u, dA, dB, C, skip, gate_in, gate_out = (z.detach() for z in step)
    narrow = [z.to(dtype) for z in (u, gate_in, gate_out)]
    system = [z.to(torch.complex64) for z in (x, dA, dB, C)]
    y, new = gated(system[0], narrow[0], *system[1:], skip.float(), *narrow[1:])
    wide = [z.double() for z in narrow]
    expected, _ = gated(
        *(z.to(torch.complex128) for z in system[:1]),
        wide[0],
        *(z.to(torch.complex128) for z in system[1:]),
        skip.float().double(),
        *wide[1:],
    )
    assert (y.dtype, new.dtype) == (dtype, torch.complex64)
    torch.testing.assert_close(y.double(), expected, rtol=torch.finfo(dtype).eps, atol=1e-6)


def test_a_state_on_a_cpu_is_never_overwritten(step):
    x, u, dA, dB, C, *_ = (z.detach() for z in step)
    before = x.clone()
    ssm_step(x, u, dA, dB, C, in_place=True)
    assert torch.equal(x, before)
    assert not steps_in_place(x.to(torch.complex64))


@settings(max_examples=20)
@given(S=st.integers(1, 9), L=st.integers(1, 25), start=st.integers(0, 20), seed=st.integers(0, 2**31))
def test_shift_steps_are_a_convolution_from_any_position(S, L, start, seed):
    generator = torch.Generator().manual_seed(seed)
    k, taps, skip = (
        torch.randn(*n, generator=generator, dtype=torch.float64) for n in [(2, 3, L), (3, S), (3,)]
    )
    ring, slot = torch.zeros(2, 3, S, dtype=torch.float64), torch.full((2, 3), start % S, dtype=torch.int32)
    found = [shift_step(ring, slot, k[..., t], taps, skip, position=start + t) for t in range(L)]
    padded = torch.nn.functional.pad(k, (S - 1, 0)).unfold(-1, S, 1)  # (2, 3, L, S), oldest first
    expected = (padded * taps.flip(-1)[:, None]).sum(-1) + skip[:, None] * k
    torch.testing.assert_close(torch.stack(found, -1), expected, rtol=1e-12, atol=1e-12)
    assert (slot == (start + L) % S).all()


def test_a_ring_of_a_half_type_sums_in_single_precision(draw):
    ring, slot = torch.zeros(2, 3, 4, dtype=torch.bfloat16), torch.zeros(2, 3, dtype=torch.int32)
    k = draw(2, 3, dtype=torch.float32).detach().bfloat16()
    y = shift_step(ring, slot, k, torch.ones(3, 4), torch.zeros(3), position=0)
    assert y.dtype == torch.float32
    assert torch.equal(y, k.float())

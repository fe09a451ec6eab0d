"""What public references of state-space layers get wrong, one test each."""

from __future__ import annotations

import pytest
import torch

from longwave.mixers import S4, S4D
from longwave.ops.ssm import hippo_legs, legs_modes

D = 8
both = pytest.mark.parametrize("cls", [S4D, S4])


@both
def test_even_steps_are_spaced_in_their_logarithm(cls):
    """A reference stores the step where its logarithm is read: every step became about 1."""
    dt = cls(D, d_state=4, random_dt=False, dt_min=1e-3, dt_max=1e-1).log_dt.exp()
    torch.testing.assert_close(dt, torch.logspace(-3, -1, D), rtol=1e-5, atol=0)


@both
def test_drawn_steps_fill_their_range_log_uniformly(cls):
    log_dt = cls(2000, d_state=2, dt_min=1e-4, dt_max=1e-1).log_dt / torch.log(torch.tensor(10.0))
    assert (log_dt >= -4).all()
    assert (log_dt <= -1).all()
    assert log_dt.mean().item() == pytest.approx(-2.5, abs=0.06)


@both
def test_channels_take_copies_in_turn(cls):
    """Channel ``c + r n_ssm`` has copy ``c``, as published weights have it; not ``c`` repeated."""
    mixer = cls(D, d_state=4, n_ssm=2, dt_min=0.1, dt_max=0.1).double()
    with torch.no_grad():
        mixer.log_A_real[1] += 3.0
        mixer.C.copy_(mixer.C[:, :1].clone())
    kernel = mixer.kernel(6)[0]
    assert torch.equal(kernel[0::2], kernel[:1].expand(4, -1))
    assert torch.equal(kernel[1::2], kernel[1:2].expand(4, -1))
    assert not torch.allclose(kernel[0], kernel[1])


@both
def test_every_channel_has_a_step_of_its_own_with_shared_modes(cls):
    assert cls(D, d_state=4).log_dt.unique().numel() == D


def test_input_weights_of_s4d_start_at_one():
    B = torch.view_as_complex(S4D(D, d_state=4, init="legs", n_ssm=2).B)
    assert torch.equal(B, torch.ones_like(B))


def test_s4_starts_as_legs_with_its_own_input():
    """``-P P*`` and ``V* B``, not the diagonal part or an input of ones."""
    mixer = S4(D, d_state=6).double()
    _, low_rank, entry = legs_modes(6)
    torch.testing.assert_close(torch.view_as_complex(mixer.P)[0], low_rank, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(torch.view_as_complex(mixer.B)[0], entry, rtol=1e-6, atol=1e-6)
    assert 2 * entry.abs().square().sum().item() == pytest.approx(hippo_legs(6)[1].square().sum().item())


@both
def test_conjugate_pairs_count_twice_in_the_step_and_in_the_convolution(cls):
    mixer, x = cls(D, d_state=4).double(), torch.ones(1, 1, D, dtype=torch.float64)
    y, _ = mixer.step(x[:, 0], mixer.init_state(1))
    torch.testing.assert_close(y, mixer(x)[:, 0], rtol=1e-12, atol=1e-13)


@both
def test_switching_between_modes_leaves_the_layer_as_it_was(draw, cls):
    """References that cache a discrete system for one mode answer differently in the other afterwards."""
    mixer, x = cls(D, d_state=4).double().eval(), draw(1, 7, D)
    before, parameters = mixer(x), copy_of(mixer)
    for _ in range(2):
        state = mixer.init_state(1)
        mixer.prefill(x[:, :3], state)
        mixer.step(x[:, 3], state)
        mixer.forward_from(x)
        mixer(x, rate=2.0)
    assert torch.equal(mixer(x), before)
    torch.testing.assert_close(copy_of(mixer), parameters, rtol=0, atol=0)


@both
def test_a_training_step_reaches_both_modes(draw, cls):
    """A discrete system that is set up once goes stale when the parameters move."""
    mixer, x = cls(D, d_state=4).double().eval(), draw(1, 7, D)
    mixer.prefill(x, mixer.init_state(1))
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.mul_(1.1)
    y, _ = mixer.prefill(x, mixer.init_state(1))
    torch.testing.assert_close(y, mixer(x), rtol=1e-10, atol=1e-11)


@both
def test_a_longer_sequence_does_not_change_the_kernel_of_a_shorter_one(draw, cls):
    """S4's reference rewrites its read-out when a longer sequence comes by."""
    mixer, x = cls(D, d_state=4).double(), draw(1, 64, D)
    before = mixer(x[:, :9])
    mixer(x)
    assert torch.equal(mixer(x[:, :9]), before)


def copy_of(mixer):
    return {name: value.clone() for name, value in mixer.state_dict().items()}

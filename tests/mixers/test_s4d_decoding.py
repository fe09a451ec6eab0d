"""State-space layers piece by piece: long sequences, gradients through states, types and memory."""

from __future__ import annotations

import copy
import sys

import pytest
import torch

from longwave.errors import ConfigError, ShapeError
from longwave.mixers import S4, S4D

D = 4
VARIANTS = {
    "s4d": lambda **options: S4D(D, d_state=8, **options),
    "s4d-bilinear": lambda **options: S4D(D, d_state=8, rule="bilinear", init="inv", n_ssm=D, **options),
    "s4": lambda **options: S4(D, d_state=8, **options),
}
variants = pytest.mark.parametrize("build", VARIANTS.values(), ids=VARIANTS)


def steps(mixer, x, state):
    outputs = []
    for x_t in x.unbind(1):
        y_t, state = mixer.step(x_t, state)
        outputs.append(y_t)
    return torch.stack(outputs, 1)


@variants
def test_steps_chunks_and_convolution_agree_to_1e_11(draw, build):
    mixer, x = build().double().eval(), draw(2, 301, D)
    state = mixer.init_state(2)
    head, state = mixer.prefill(x[:, :101], state)
    middle = steps(mixer, x[:, 101:150], state)
    tail, state = mixer.prefill(x[:, 150:], state)
    assert (torch.cat([head, middle, tail], 1) - mixer(x)).abs().max() < 1e-11


@variants
def test_single_precision_steps_stay_near_the_convolution_for_4096_steps(draw, build):
    mixer, x = build().eval(), draw(1, 4096, D, dtype=torch.float32)
    expected = mixer(x)
    head, state = mixer.prefill(x[:, :3500], mixer.init_state(1))
    found = torch.cat([head, steps(mixer, x[:, 3500:], state)], 1)
    assert (found - expected).norm() < 1e-4 * expected.norm()
    assert (found[:, 3500:] - expected[:, 3500:]).norm() < 1e-4 * expected[:, 3500:].norm()


@variants
@pytest.mark.parametrize("cut", [0, 1, 6, 11])
def test_going_on_from_a_state_equals_the_whole_with_gradients(draw, tolerance, build, cut):
    mixer, x, weights = build().double(), draw(2, 11, D).requires_grad_(), draw(2, 11, D)
    leaves = [x, *mixer.parameters()]
    head, halfway = mixer.forward_from(x[:, :cut])
    tail, _ = mixer.forward_from(x[:, cut:], halfway)
    y = torch.cat([head, tail], dim=1)
    torch.testing.assert_close(y, mixer(x), **tolerance(torch.float64))
    found = torch.autograd.grad((weights * y).sum(), leaves)
    expected = torch.autograd.grad((weights * mixer(x)).sum(), leaves)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10)


@variants
def test_final_state_is_that_of_decoding(draw, tolerance, build):
    mixer, x = build().double(), draw(2, 9, D)
    _, state = mixer.prefill(x, mixer.init_state(2))
    torch.testing.assert_close(mixer.forward_from(x)[1], state.modes, **tolerance(torch.float64))


@variants
def test_a_state_has_one_number_for_each_stored_mode(build):
    state = build().init_state(3)
    assert (state.modes.shape, state.modes.dtype) == ((3, D, 4), torch.complex64)


@variants
def test_without_max_length_any_length_decodes(draw, build):
    mixer = build().double()
    state = mixer.init_state(1)
    assert mixer.max_length is None
    assert state.max_length == sys.maxsize
    assert mixer(draw(1, 3000, D)).shape == (1, 3000, D)


@variants
def test_memory_of_a_state_does_not_grow_with_its_length(draw, build):
    mixer = build()
    state = mixer.init_state(2)
    before = state.nbytes
    mixer.prefill(draw(2, 500, D, dtype=torch.float32), state)
    assert state.nbytes == before


@variants
def test_system_of_a_state_does_not_follow_later_training(draw, tolerance, build):
    mixer, x = build().double(), draw(1, 9, D)
    expected, state = mixer(x), mixer.init_state(1)
    with torch.no_grad():
        mixer.log_dt.add_(1.0)
    torch.testing.assert_close(steps(mixer, x, state), expected, **tolerance(torch.float64))


@variants
def test_a_rate_decodes_like_its_forward(draw, tolerance, build):
    mixer, x = build().double(), draw(1, 9, D)
    state = mixer.init_state(1, rate=0.5)
    torch.testing.assert_close(steps(mixer, x, state), mixer(x, rate=0.5), **tolerance(torch.float64))


@variants
def test_kernels_and_states_stay_wide_under_autocast(draw, build):
    mixer, x = build().eval(), draw(2, 20, D, dtype=torch.float32)
    expected, state = mixer.kernel(20), mixer.init_state(2)
    with torch.autocast("cpu", torch.bfloat16):
        kernel = mixer.kernel(20)
        mixer.prefill(x[:, :7], state)
        mixer.step(x[:, 7], state)
    assert torch.equal(kernel, expected)
    assert state.modes.dtype == torch.complex64


@variants
def test_half_precision_parameters_have_wide_kernels_and_states(draw, build):
    mixer = build().bfloat16()
    y, state = mixer.prefill(draw(1, 5, D, dtype=torch.bfloat16), mixer.init_state(1))
    assert (y.dtype, state.modes.dtype) == (torch.bfloat16, torch.complex64)
    assert mixer.kernel(5).dtype == torch.float32


@variants
def test_double_precision_stays_double(draw, build):
    mixer = build().double()
    y, state = mixer.prefill(draw(1, 5, D), mixer.init_state(1))
    assert (y.dtype, state.modes.dtype, mixer.kernel(5).dtype) == (
        torch.float64,
        torch.complex128,
        torch.float64,
    )


@variants
def test_evaluation_keeps_the_kernel_until_a_parameter_changes(build):
    mixer = build().double().eval()
    with torch.no_grad():
        kept = mixer._present_kernel(9, 1.0)
        assert mixer._present_kernel(9, 1.0) is kept
        mixer.C.mul_(2)
        torch.testing.assert_close(mixer._present_kernel(9, 1.0), 2 * kept)


@variants
def test_a_kept_kernel_does_not_serve_another_rate(draw, tolerance, build):
    mixer, x = build().double().eval(), draw(1, 9, D)
    with torch.no_grad():
        mixer(x)
        found, expected = mixer(x, rate=2.0), copy.deepcopy(mixer)(x, rate=2.0)
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@pytest.mark.parametrize("cls", [S4D, S4])
def test_a_layer_that_looks_ahead_does_not_decode(draw, cls):
    mixer = cls(D, d_state=4, bidirectional=True).double()
    with pytest.raises(ConfigError, match="looks ahead"):
        mixer.init_state(1)
    with pytest.raises(ConfigError, match="looks ahead"):
        mixer.forward_from(draw(1, 3, D))


@pytest.mark.parametrize("shape", [(2, D, 8), (1, D, 4), (2, D)], ids=str)
def test_an_initial_state_of_another_shape_is_an_error(draw, shape):
    """A state of ``d_state`` numbers instead of half of them is the mistake the references invite."""
    mixer = VARIANTS["s4d"]().double()
    with pytest.raises(ShapeError, match=r"shape \(2, 4, 4\), one number for each stored mode"):
        mixer.forward_from(draw(2, 3, D), torch.zeros(shape, dtype=torch.complex128))


def test_a_real_initial_state_is_an_error(draw):
    with pytest.raises(ShapeError, match="must be complex"):
        VARIANTS["s4d"]().double().forward_from(draw(2, 3, D), draw(2, D, 4))

"""One contract over every registered mixer."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from longwave import registry
from longwave.errors import ConfigError, ShapeError
from longwave.mixers import Mixer, build_mixer

D, MAX_LENGTH = 16, 40
MIXERS = sorted(registry.entries("mixers"))
every_mixer = pytest.mark.parametrize("name", MIXERS)
lengths = pytest.mark.parametrize("L", [1, 2, 3, 37, MAX_LENGTH], ids=lambda L: f"L{L}")


@pytest.fixture(autouse=True)
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def build(name: str, d_model: int = D, max_length: int = MAX_LENGTH) -> Mixer:
    return build_mixer(name, d_model=d_model, max_length=max_length).double().eval()


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64)


def decode(mixer: Mixer, x: torch.Tensor, chunks: list[int]) -> torch.Tensor:
    """Feed chunks by ``prefill`` and the rest of the sequence by ``step``."""
    state = mixer.init_state(x.shape[0])
    outputs, start = [], 0
    for size in chunks:
        y, state = mixer.prefill(x[:, start : start + size], state)
        outputs.append(y)
        start += size
    for t in range(start, x.shape[1]):
        y, state = mixer.step(x[:, t], state)
        outputs.append(y[:, None])
    assert state.position == x.shape[1]
    return torch.cat(outputs, dim=1)


@every_mixer
def test_build_mixer_returns_a_mixer_of_the_asked_size(name):
    mixer = build(name)
    assert isinstance(mixer, Mixer)
    assert (mixer.d_model, mixer.max_length, mixer.is_causal) == (D, MAX_LENGTH, True)


@every_mixer
@lengths
def test_output_has_the_shape_of_the_input(name, L):
    assert build(name)(draw(2, L, D)).shape == (2, L, D)


@every_mixer
@pytest.mark.parametrize("shape", [(0, 5, D), (2, 0, D), (0, 0, D)], ids=str)
def test_empty_input_gives_empty_output_and_gradients(name, shape):
    mixer, x = build(name), draw(*shape).requires_grad_()
    y = mixer(x)
    y.sum().backward()
    assert y.shape == x.grad.shape == shape


@every_mixer
@pytest.mark.parametrize("t", [0, 11, 35])
def test_output_has_no_gradient_from_the_future(name, t):
    mixer, x = build(name), draw(2, 37, D).requires_grad_()
    (grad,) = torch.autograd.grad(mixer(x)[:, t].square().sum(), x)
    assert grad[:, t + 1 :].abs().max() < 1e-14 * max(1, grad.abs().max())
    assert grad[:, : t + 1].abs().amax(-1).min() > 0


@every_mixer
@lengths
def test_output_of_a_prefix_is_the_prefix_of_the_output(name, L, tolerance):
    mixer, x = build(name), draw(2, MAX_LENGTH, D)
    torch.testing.assert_close(mixer(x[:, :L]), mixer(x)[:, :L], **tolerance(torch.float64))


@every_mixer
def test_output_does_not_depend_on_batch_neighbours(name, tolerance):
    mixer, x = build(name), draw(3, 19, D)
    alone = torch.cat([mixer(x[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(mixer(x), alone, **tolerance(torch.float64))


@every_mixer
@lengths
def test_steps_equal_forward(name, L, tolerance):
    mixer, x = build(name), draw(2, L, D)
    torch.testing.assert_close(decode(mixer, x, []), mixer(x), **tolerance(torch.float64))


@every_mixer
@settings(max_examples=15)
@given(
    chunks=st.lists(st.integers(0, 13), max_size=3), rest=st.integers(0, 1), seed=st.integers(0, 2**32 - 1)
)
def test_prefill_in_any_chunks_equals_forward(name, chunks, rest, seed):
    torch.manual_seed(seed)
    mixer, x = build(name), draw(2, sum(chunks) + rest, D)
    if x.shape[1]:
        torch.testing.assert_close(decode(mixer, x, chunks), mixer(x), rtol=1e-10, atol=1e-11)


@every_mixer
def test_prefill_of_nothing_changes_nothing(name):
    mixer = build(name)
    state = mixer.init_state(2)
    y, state = mixer.prefill(draw(2, 0, D), state)
    assert y.shape == (2, 0, D)
    assert state.position == 0


@every_mixer
def test_decoding_an_empty_batch_gives_empty_output(name):
    mixer = build(name)
    y, state = mixer.prefill(draw(0, 3, D), mixer.init_state(0))
    y_t, _ = mixer.step(draw(0, D), state)
    assert (y.shape, y_t.shape) == ((0, 3, D), (0, D))


@every_mixer
def test_state_shorter_than_the_mixer_decodes_exactly(name, tolerance):
    mixer, x = build(name), draw(2, 9, D)
    state = mixer.init_state(2, max_length=9)
    head, state = mixer.prefill(x[:, :8], state)
    last, _ = mixer.step(x[:, 8], state)
    found = torch.cat([head, last[:, None]], dim=1)
    torch.testing.assert_close(found, mixer(x), **tolerance(torch.float64))


@every_mixer
def test_decoding_records_no_gradients(name):
    mixer = build(name)
    y, state = mixer.prefill(draw(1, 4, D).requires_grad_(), mixer.init_state(1))
    y_t, _ = mixer.step(draw(1, D).requires_grad_(), state)
    assert not y.requires_grad
    assert not y_t.requires_grad


@every_mixer
def test_gradients_pass_gradcheck(name):
    mixer = build(name, max_length=5)
    x = draw(1, 5, D).requires_grad_()
    assert torch.autograd.gradcheck(mixer, x, fast_mode=True)


@every_mixer
def test_every_parameter_gets_a_gradient(name):
    mixer = build(name)
    mixer(draw(2, MAX_LENGTH, D)).square().sum().backward()
    assert [n for n, p in mixer.named_parameters() if p.grad is None] == []


@every_mixer
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_autocast_gives_the_narrow_type_and_nearly_the_same_values(name, dtype):
    mixer, x = build(name).float(), draw(2, 33, D).float()
    expected = mixer(x)
    with torch.autocast("cpu", dtype):
        y = mixer(x)
    y.float().sum().backward()
    assert y.dtype == dtype
    assert (y.float() - expected).norm() < 0.03 * expected.norm()


@every_mixer
def test_autocast_decoding_agrees_with_autocast_forward(name):
    mixer, x = build(name).float(), draw(2, 12, D).float()
    with torch.autocast("cpu", torch.bfloat16):
        expected, found = mixer(x), decode(mixer, x, [7])
    assert found.dtype == torch.bfloat16
    assert (found - expected).float().norm() < 0.03 * expected.float().norm()


@every_mixer
def test_half_precision_parameters_run(name):
    mixer = build(name).bfloat16()
    y = mixer(draw(2, 7, D).bfloat16())
    assert y.dtype == torch.bfloat16
    assert y.isfinite().all()


@every_mixer
def test_state_dict_round_trip_keeps_the_function(name):
    first, second, x = build(name), build(name), draw(2, 11, D)
    second.load_state_dict(first.state_dict())
    assert torch.equal(first(x), second(x))


@every_mixer
def test_same_input_gives_the_same_bits(name):
    mixer, x = build(name).float().train(), draw(2, 33, D).float()
    runs = []
    for _ in range(2):
        torch.manual_seed(0)  # of what drops taps in training
        mixer.zero_grad()
        y = mixer(x)
        y.square().sum().backward()
        runs.append([y.detach(), *(p.grad.clone() for p in mixer.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))


@every_mixer
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_compiled_mixer_equals_the_plain_one(name):
    mixer, x = build(name), draw(2, 33, D).requires_grad_()
    expected = torch.autograd.grad(mixer(x).square().sum(), [x, *mixer.parameters()])
    compiled = torch.compile(mixer, backend="aot_eager")
    found = torch.autograd.grad(compiled(x).square().sum(), [x, *mixer.parameters()])
    torch.testing.assert_close(found, expected)


@every_mixer
def test_optimiser_exceptions_name_existing_parameters_and_options(name):
    mixer = build(name)
    options = mixer.parameter_options()
    assert set(options) <= {n for n, _ in mixer.named_parameters()}
    assert {key for option in options.values() for key in option} <= {"lr", "max_lr", "weight_decay"}


@every_mixer
def test_weight_decay_spares_every_vector(name):
    mixer = build(name)
    options = mixer.parameter_options()
    vectors = [n for n, p in mixer.named_parameters() if p.dim() == 1]
    assert all(options[n]["weight_decay"] == 0 for n in vectors)


@every_mixer
def test_operations_per_step_do_not_fall_with_length(name):
    counts = [build(name).flops(L) for L in (1, 2, 1024, 65536)]
    assert counts == sorted(counts)
    assert counts[0] > 0


@every_mixer
def test_sequence_beyond_max_length_is_an_error(name):
    with pytest.raises(ShapeError, match=f"{MAX_LENGTH + 1} steps.*max_length={MAX_LENGTH}"):
        build(name)(draw(1, MAX_LENGTH + 1, D))


@every_mixer
@pytest.mark.parametrize("shape", [(2, 5, D + 1), (5, D), (1, 2, 5, D)], ids=str)
def test_input_of_another_shape_is_an_error(name, shape):
    with pytest.raises(ShapeError, match=rf"\(B, L, {D}\)"):
        build(name)(draw(*shape))


@every_mixer
def test_a_step_beyond_the_state_is_an_error(name):
    mixer = build(name)
    _, state = mixer.prefill(draw(1, 3, D), mixer.init_state(1, max_length=3))
    with pytest.raises(ShapeError, match="room for 3 steps; 3 are taken"):
        mixer.step(draw(1, D), state)


@every_mixer
def test_a_chunk_beyond_the_state_is_an_error_and_changes_nothing(name):
    mixer = build(name)
    state = mixer.init_state(1, max_length=3)
    with pytest.raises(ShapeError, match="max_length=4"):
        mixer.prefill(draw(1, 4, D), state)
    assert state.position == 0


@every_mixer
def test_another_batch_than_the_states_is_an_error(name):
    mixer = build(name)
    with pytest.raises(ShapeError, match=r"3 sequences .* made for 2"):
        mixer.prefill(draw(3, 1, D), mixer.init_state(2))


@every_mixer
@pytest.mark.parametrize("length", [0, -1])
def test_a_state_without_room_is_an_error(name, length):
    with pytest.raises(ShapeError, match="at least 1"):
        build(name).init_state(1, max_length=length)


@every_mixer
def test_a_state_beyond_max_length_is_an_error(name):
    with pytest.raises(ShapeError, match=f"A state of {MAX_LENGTH + 1} steps"):
        build(name).init_state(1, max_length=MAX_LENGTH + 1)


@every_mixer
def test_unknown_option_is_an_error(name):
    with pytest.raises(ConfigError, match='"num_blocks"'):
        build_mixer(name, d_model=D, max_length=MAX_LENGTH, options={"num_blocks": 2})


@every_mixer
@pytest.mark.parametrize(("d_model", "max_length"), [(0, 4), (D, 0)], ids=["no-width", "no-length"])
def test_sizes_below_one_are_an_error(name, d_model, max_length):
    with pytest.raises(ConfigError, match="at least 1"):
        build_mixer(name, d_model=d_model, max_length=max_length)


@every_mixer
def test_a_shift_of_the_batch_shifts_the_output(name):
    mixer, x = build(name), draw(4, MAX_LENGTH, D)
    torch.testing.assert_close(mixer(x.roll(1, 0)), mixer(x).roll(1, 0), rtol=1e-12, atol=1e-13)


@every_mixer
def test_gradients_of_a_batch_are_the_sum_over_its_sequences(name):
    mixer, x = build(name), draw(3, MAX_LENGTH, D)
    whole = torch.autograd.grad(mixer(x).square().sum(), list(mixer.parameters()))
    parts = [torch.autograd.grad(mixer(one[None]).square().sum(), list(mixer.parameters())) for one in x]
    summed = [sum(grads) for grads in zip(*parts, strict=True)]
    torch.testing.assert_close(list(whole), summed, rtol=1e-8, atol=1e-10)


@every_mixer
def test_a_copy_decodes_like_its_original(name):
    mixer, x = build(name), draw(2, MAX_LENGTH, D)
    copied = copy.deepcopy(mixer)
    torch.testing.assert_close(decode(copied, x, [3]), decode(mixer, x, [3]), rtol=0, atol=0)

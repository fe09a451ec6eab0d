"""One contract over the decoding states of every registered mixer: padding, beams, going back, memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from longwave import registry
from longwave.mixers import Mixer, State, build_mixer

D, MAX_LENGTH = 16, 40
every_mixer = pytest.mark.parametrize("name", sorted(registry.entries("mixers")))


@pytest.fixture(autouse=True)
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def build(name: str) -> Mixer:
    return build_mixer(name, d_model=D, max_length=MAX_LENGTH).double().eval()


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.float64)


def advance(mixer: Mixer, x: torch.Tensor, state: State) -> torch.Tensor:
    """Feed half of a sequence by ``prefill`` and the rest by ``step``."""
    y, state = mixer.prefill(x[:, : x.shape[1] // 2], state)
    outputs = [y]
    for x_t in x[:, x.shape[1] // 2 :].unbind(1):
        y_t, state = mixer.step(x_t, state)
        outputs.append(y_t[:, None])
    return torch.cat(outputs, dim=1)


@every_mixer
@pytest.mark.parametrize("mode", ["recurrent", "lazy", "epoched", "relaxed"])
def test_every_decode_mode_equals_forward(name, mode, tolerance):
    mixer, x = build(name), draw(2, MAX_LENGTH, D)
    if mode not in mixer.decode_modes:
        pytest.skip(f"{name} has no {mode} mode")
    options = {"mode": mode} if len(mixer.decode_modes) > 1 else {}
    found = advance(mixer, x, mixer.init_state(2, **options))
    torch.testing.assert_close(found, mixer(x), **tolerance(torch.float64))


@every_mixer
@pytest.mark.parametrize("first", [0, 1, 4, 15, 23], ids=lambda first: f"chunk{first}")
def test_padded_sequences_decode_like_unpadded_ones(name, first, tolerance):
    mixer, padding = build(name), torch.tensor([0, 3, 20, 7])
    x = draw(4, 23, D)
    state = mixer.init_state(4)
    state.pad(padding)
    y, state = mixer.prefill(x[:, :first], state)
    found = torch.cat([y, advance(mixer, x[:, first:], state)], dim=1)
    for row, pad in enumerate(padding.tolist()):
        expected = mixer(x[row : row + 1, pad:])[0]
        torch.testing.assert_close(found[row, pad:], expected, **tolerance(torch.float64))
    assert found.isfinite().all()


@every_mixer
def test_a_sequence_that_is_all_padding_stays_finite(name):
    mixer, x = build(name), draw(2, 9, D)
    state = mixer.init_state(2)
    state.pad(torch.tensor([9, 0]))
    assert advance(mixer, x, state).isfinite().all()


@every_mixer
def test_reorder_is_decoding_the_chosen_sequences(name, tolerance):
    mixer, x, index = build(name), draw(3, 31, D), torch.tensor([2, 0, 0, 1, 2])
    state = mixer.init_state(3)
    advance(mixer, x[:, :17], state)
    state.reorder(index)
    found = advance(mixer, x[index, 17:], state)
    torch.testing.assert_close(found, mixer(x)[index, 17:], **tolerance(torch.float64))


@every_mixer
def test_reorder_keeps_the_padding_with_its_sequence(name, tolerance):
    mixer, x = build(name), draw(2, 23, D)
    state = mixer.init_state(2)
    state.pad(torch.tensor([0, 13]))
    advance(mixer, x[:, :5], state)  # still inside the padding
    state.reorder([1, 1])
    found = advance(mixer, x[[1, 1], 5:], state)[:, 8:]
    torch.testing.assert_close(found, mixer(x[[1, 1], 13:]), **tolerance(torch.float64))


@every_mixer
@pytest.mark.parametrize("position", [0, 1, 6, 19], ids=lambda position: f"to{position}")
def test_going_back_to_a_mark_and_on_is_decoding_another_sequence(name, position, tolerance):
    mixer, first, second = build(name), draw(2, MAX_LENGTH, D), draw(2, MAX_LENGTH, D)
    state = mixer.init_state(2)
    advance(mixer, first[:, :position], state)
    assert state.mark() == position
    advance(mixer, first[:, position:], state)
    state.truncate(position)
    found = advance(mixer, second[:, position:], state)
    expected = mixer(torch.cat([first[:, :position], second[:, position:]], dim=1))[:, position:]
    assert state.position == MAX_LENGTH
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@every_mixer
def test_a_copied_state_goes_its_own_way(name, tolerance):
    mixer, x, other = build(name), draw(2, 30, D), draw(2, 30, D)
    state = mixer.init_state(2)
    advance(mixer, x[:, :13], state)
    copied = state.copy()
    advance(mixer, other[:, 13:], copied)
    found = advance(mixer, x[:, 13:], state)
    torch.testing.assert_close(found, mixer(x)[:, 13:], **tolerance(torch.float64))


@every_mixer
def test_memory_of_a_state_doubles_with_its_batch_up_to_what_is_shared(name):
    mixer = build(name).float()
    sizes = []
    for batch in (1, 2, 4):
        state = mixer.init_state(batch)
        advance(mixer, draw(batch, 4, D).float(), state)
        sizes.append(state.nbytes)
    one, two, four = sizes
    assert four - two == 2 * (two - one) > 0


@every_mixer
def test_a_state_moves_to_a_device_and_decodes_on(name, tolerance):
    mixer, x = build(name), draw(2, 11, D)
    state = mixer.init_state(2)
    advance(mixer, x[:, :5], state)
    found = advance(mixer, x[:, 5:], state.to("cpu"))
    torch.testing.assert_close(found, mixer(x)[:, 5:], **tolerance(torch.float64))


@every_mixer
@pytest.mark.gpu
def test_a_state_moves_to_a_gpu_and_decodes_on(name):
    mixer, x = build(name), draw(2, 11, D)
    expected, state = mixer(x)[:, 5:], mixer.init_state(2)
    advance(mixer, x[:, :5], state)
    found = advance(mixer.cuda(), x[:, 5:].cuda(), state.to("cuda"))
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-8, atol=1e-8)

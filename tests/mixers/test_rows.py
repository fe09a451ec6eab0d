"""Sequences that join and leave a state: moved to another position, put in place of others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from longwave import registry
from longwave.errors import ShapeError
from longwave.mixers import Mixer, State, build_mixer

D, MAX_LENGTH = 16, 96
OPTIONS: dict[str, tuple[str, dict[str, object]]] = {
    **{name: (name, {}) for name in sorted(registry.entries("mixers"))},
    "attention-part-rotary": ("attention", {"rotary_dim": 2}),
    "attention-unordered": ("attention", {"rotary": False}),
    "h3-heads": ("h3", {"head_dim": 2}),
    "h3-long": ("h3", {"kernel": "long_conv"}),
    "hyena-modal": ("hyena", {"filter": {"kind": "modal", "order": 3}}),
    "hyena-real-poles": ("hyena", {"filter": {"kind": "modal", "order": 3, "poles": "real"}}),
    "hyena-explicit": ("hyena", {"filter": {"kind": "explicit", "n_taps": 5}}),
    "hyena-order3": ("hyena", {"order": 3}),
    "hyena-outer": ("hyena", {"outer_head_dim": 4}),
}
MODES = ("lazy", "epoched", "relaxed")


@pytest.fixture(autouse=True)
def _seeded(seed: int) -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _cases() -> Iterator[object]:
    for label, (name, options) in OPTIONS.items():
        mixer = build_mixer(name, d_model=D, max_length=MAX_LENGTH, options=options)
        online = [mode for mode in MODES if mode in mixer.decode_modes and len(mixer.decode_modes) > 1]
        for mode in ["auto", *online]:
            yield pytest.param(label, mode, id=f"{label}-{mode}")


every_state = pytest.mark.parametrize(("label", "mode"), list(_cases()))


def build(label: str) -> Mixer[State]:
    name, options = OPTIONS[label]
    return build_mixer(name, d_model=D, max_length=MAX_LENGTH, options=options).double().eval()


def empty(mixer: Mixer[State], mode: str, batch: int = 1, room: int = MAX_LENGTH) -> State:
    state = mixer.init_state(batch, **({} if mode == "auto" else {"mode": mode}))
    state.realign(0, room)
    return state


def draw(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


@torch.no_grad()
def steps(mixer: Mixer[State], x: Tensor, state: State) -> Tensor:
    """Take every step of (B, P, D) by itself."""
    return torch.stack([mixer.step(x_t, state)[0] for x_t in x.unbind(1)], dim=1)


@every_state
@pytest.mark.parametrize(("prompts", "room"), [((5, 3), 20), ((3, 40, 1), 60), ((33, 32, 64), 96)], ids=str)
@torch.no_grad()
def test_sequences_of_different_lengths_go_on_together(label, mode, prompts, room, tolerance):
    mixer, more = build(label), 11
    x = [draw(1, length + more, D) for length in prompts]
    alone = []
    for row, length in zip(x, prompts, strict=True):
        alone.append(empty(mixer, mode, room=max(length, 2)))
        mixer.prefill(row[:, :length], alone[-1])
    state = alone[0].copy()
    state.realign(max(prompts), room)
    state.reorder([0] * len(prompts))
    for row in range(1, len(prompts)):
        state.put(row, alone[row])
    found = steps(mixer, torch.cat([row[:, -more:] for row in x]), state)
    expected = torch.cat([mixer(row)[:, -more:] for row in x])
    torch.testing.assert_close(found, expected, **tolerance(torch.float64))


@dataclass
class Sequence:
    """One sequence of a batch and how far it has come."""

    number: int
    done: int


@pytest.mark.parametrize(
    ("label", "mode"),
    [
        ("hyena", "relaxed"),
        ("hyena", "epoched"),
        ("hyena", "lazy"),
        ("h3", "auto"),
        ("attention", "auto"),
        ("s4d", "auto"),
        ("hyena-modal", "auto"),
        ("hyena-explicit", "auto"),
    ],
)
@settings(max_examples=10)
@given(data=st.data())
@torch.no_grad()
def test_any_order_of_joining_stepping_and_realigning_is_exact(label, mode, data, tolerance):
    torch.manual_seed(0)
    mixer = build(label)
    x = draw(12, MAX_LENGTH, D)
    expected, next_row = mixer(x), 1

    def read(number: int, length: int) -> State:
        state = empty(mixer, mode, room=length)
        mixer.prefill(x[number : number + 1, :length], state)
        return state

    first = data.draw(st.integers(1, 40), label="first")
    state, rows = read(0, first), [Sequence(0, first)]
    state.realign(first, 48)
    for _ in range(data.draw(st.integers(1, 6), label="actions")):
        if next_row < 10 and data.draw(st.booleans(), label="join"):
            length = data.draw(st.integers(1, state.position), label="length")
            if len(rows) < 3:
                state.reorder([*range(len(rows)), 0])
                rows.append(rows[0])
            place = data.draw(st.integers(0, len(rows) - 1), label="place")
            state.put(place, read(next_row, length))
            rows[place] = Sequence(next_row, length)
            next_row += 1
        longest = max(row.done for row in rows)
        if longest == MAX_LENGTH:
            return
        if state.position == state.max_length or data.draw(st.booleans(), label="realign"):
            position = data.draw(st.integers(longest, min(MAX_LENGTH - 1, longest + 9)), label="position")
            state.realign(position, data.draw(st.integers(position + 1, MAX_LENGTH), label="room"))
        for _ in range(data.draw(st.integers(0, 40), label="steps")):
            if state.position == state.max_length or max(row.done for row in rows) == MAX_LENGTH:
                break
            y, state = mixer.step(torch.stack([x[row.number, row.done] for row in rows]), state)
            wanted = torch.stack([expected[row.number, row.done] for row in rows])
            torch.testing.assert_close(y, wanted, **tolerance(torch.float64))
            rows = [Sequence(row.number, row.done + 1) for row in rows]


@every_state
@torch.no_grad()
def test_a_sequence_leaves_no_trace_in_its_place_not_even_nan(label, mode):
    mixer, x = build(label), draw(1, 7, D)
    poisoned = empty(mixer, mode, batch=2)
    mixer.prefill(torch.full((2, 30, D), torch.nan, dtype=torch.float64), poisoned)
    alone = empty(mixer, mode)
    mixer.prefill(x, alone)
    for row in range(2):
        poisoned.put(row, alone)
    assert steps(mixer, draw(2, 5, D), poisoned).isfinite().all()


@torch.no_grad()
def test_what_is_put_is_left_as_it_was(tolerance):
    mixer, x = build("hyena"), draw(1, 20, D)
    alone, state = empty(mixer, "relaxed"), empty(mixer, "relaxed")
    mixer.prefill(x[:, :9], alone)
    mixer.prefill(draw(1, 12, D), state)
    state.put(0, alone)
    torch.testing.assert_close(steps(mixer, x[:, 9:], alone), mixer(x)[:, 9:], **tolerance(torch.float64))


@torch.no_grad()
def test_a_place_is_filled_where_it_is():
    mixer = build("attention")
    state, alone = empty(mixer, "auto", batch=2), empty(mixer, "auto")
    mixer.prefill(draw(2, 12, D), state)
    mixer.prefill(draw(1, 9, D), alone)
    keys = state.keys
    state.put(1, alone)
    padding = state.padding
    state.put(0, alone)
    assert state.keys is keys  # a captured step goes on
    assert state.padding is padding
    assert padding.tolist() == [3, 3]


@torch.no_grad()
def test_going_down_beyond_common_padding_is_refused():
    mixer, state = build("s4d"), build("s4d").init_state(2)
    mixer.prefill(draw(2, 6, D), state)
    state.realign(8, 20)
    state.realign(6, 20)
    with pytest.raises(ShapeError, match="0 steps of common padding cannot end at position 5"):
        state.realign(5, 20)


@torch.no_grad()
def test_more_room_than_the_filters_have_is_refused():
    mixer = build("hyena")
    state = mixer.init_state(1, 30)
    mixer.prefill(draw(1, 6, D), state)
    with pytest.raises(ShapeError, match="max_length up to 30"):
        state.realign(6, 31)


@torch.no_grad()
def test_a_longer_state_is_not_put():
    mixer = build("h3")
    state, longer = empty(mixer, "auto"), empty(mixer, "auto")
    mixer.prefill(draw(1, 6, D), state)
    mixer.prefill(draw(1, 7, D), longer)
    with pytest.raises(ShapeError, match="realign this state first"):
        state.put(0, longer)
    with pytest.raises(ShapeError, match="sequence 1 of 1"):
        longer.put(1, state)


@dataclass
class _Unmoved(State):
    """A state of a mixer from elsewhere, which says nothing of moving."""

    seen: Tensor


def test_a_state_that_does_not_say_so_is_not_realigned():
    state = _Unmoved(position=3, max_length=9, batch=1, seen=torch.zeros(1, 2))
    assert not state.can_realign
    with pytest.raises(ShapeError, match="parts of your own need realign and put"):
        state.realign(4, 9)


@pytest.mark.parametrize("label", ["hyena", "hyena-modal", "h3", "attention", "s4d"])
@torch.no_grad()
def test_what_joins_in_inference_mode_goes_on_outside(label, tolerance):
    mixer, x = build(label), draw(2, 30, D)
    with torch.inference_mode():
        state, alone = empty(mixer, "auto"), empty(mixer, "auto")
        mixer.prefill(x[:1, :9], state)
        steps(mixer, x[:1, 9:12], state)
        mixer.prefill(x[1:, :12], alone)
        state.reorder([0, 0])
    state.realign(14, 40)
    state.put(1, alone)
    state.realign(12, 90)
    torch.testing.assert_close(steps(mixer, x[:, 12:], state), mixer(x)[:, 12:], **tolerance(torch.float64))


@torch.no_grad()
def test_marks_are_forgotten_where_sequences_join():
    mixer = build("s4d")
    state, alone = empty(mixer, "auto"), empty(mixer, "auto")
    mixer.prefill(draw(1, 6, D), state)
    mixer.prefill(draw(1, 3, D), alone)
    state.mark()
    steps(mixer, draw(1, 2, D), state)
    state.put(0, alone)
    assert not state.can_truncate(6)

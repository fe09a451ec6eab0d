"""The state of a whole model: one object for all layers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from longwave.errors import ConfigError, ShapeError
from longwave.models import LanguageModel, LanguageModelState

Lively = Callable[..., LanguageModel]
MODES = ["auto", "lazy", "epoched", "relaxed"]


@torch.no_grad()
def read(model: LanguageModel, ids: Tensor, state: LanguageModelState) -> Tensor:
    """Read half of the ids at once and the rest token by token; return all logits."""
    half = ids.shape[1] // 2
    head, _ = model.prefill(ids[:, :half], state)
    rest = [model.step(new, state)[0] for new in ids[:, half:].unbind(1)]
    return torch.cat([head, torch.stack(rest, 1)], 1)


@pytest.mark.parametrize("mode", MODES)
@torch.no_grad()
def test_every_mode_gives_the_logits_of_the_forward_pass(kind: str, lively: Lively, ids: Tensor, mode: str):
    model = lively(kind, torch.float64)
    assert (read(model, ids, model.init_state(3, mode=mode)) - model(ids)).abs().max() <= 1e-9


@pytest.mark.parametrize("mode", MODES[1:])
@torch.no_grad()
def test_every_mode_gives_the_greedy_tokens_of_the_forward_pass(lively: Lively, ids: Tensor, mode: str):
    model = lively("hybrid", gain=3.0)
    expected = ids[:, :9]
    for _ in range(70):
        expected = torch.cat([expected, model(expected)[:, -1].argmax(-1, keepdim=True)], dim=1)
    assert torch.equal(model.generate(ids[:, :9], max_new_tokens=70, temperature=0.0, mode=mode), expected)


@torch.no_grad()
def test_reorder_is_reading_the_chosen_rows(kind: str, lively: Lively, ids: Tensor):
    model, index = lively(kind, torch.float64), [2, 0, 0, 1]
    state = model.init_state(3)
    read(model, ids[:, :20], state)
    state.reorder(index)
    found = read(model, ids[index, 20:], state)
    assert (found - model(ids)[index, 20:]).abs().max() <= 1e-9


@torch.no_grad()
def test_going_back_over_drafted_tokens_is_not_having_read_them(kind: str, lively: Lively, ids: Tensor):
    model = lively(kind, torch.float64)
    state = model.init_state(3)
    read(model, ids[:, :20], state)
    read(model, ids.flip(1)[:, :8], state)  # a draft that is refused
    state.truncate(20)
    assert (read(model, ids[:, 20:], state) - model(ids)[:, 20:]).abs().max() <= 1e-9


@torch.no_grad()
def test_going_back_to_a_mark_far_behind(kind: str, lively: Lively, seed: int):
    model = lively(kind, torch.float64)
    ids = torch.randint(37, (2, 96), generator=torch.Generator().manual_seed(seed))
    state = model.init_state(2)
    read(model, ids[:, :6], state)
    state.mark()
    read(model, ids[:, :80], state)
    state.truncate(6)
    assert (read(model, ids[:, 6:40], state) - model(ids[:, :40])[:, 6:]).abs().max() <= 1e-9


def test_a_position_that_one_layer_cannot_reach_is_refused_by_all(lively: Lively, seed: int):
    model = lively("hybrid")
    state = model.init_state(1)
    read(model, torch.zeros(1, 90, dtype=torch.int64), state)
    with pytest.raises(ShapeError, match="cannot go back to 3"):
        state.truncate(3)
    assert {layer.position for layer in state.layers} == {90}


@torch.no_grad()
def test_a_copy_reads_on_by_itself(kind: str, lively: Lively, ids: Tensor):
    model = lively(kind, torch.float64)
    state = model.init_state(3)
    read(model, ids[:, :15], state)
    copied = state.copy()
    read(model, ids.flip(1)[:, :16], copied)
    assert (read(model, ids[:, 15:], state) - model(ids)[:, 15:]).abs().max() <= 1e-9


def test_memory_is_that_of_all_layers(kind: str, lively: Lively, ids: Tensor):
    model = lively(kind)
    state = model.init_state(3)
    read(model, ids, state)
    assert state.nbytes == sum(layer.nbytes for layer in state.layers) > 0


def test_padding_reaches_every_layer(lively: Lively):
    state = lively("hybrid").init_state(2)
    state.pad(torch.tensor([0, 4]))
    assert [layer.padding.tolist() for layer in state.layers] == [[0, 4], [0, 4]]


def test_an_unknown_mode_lists_the_known_ones(lively: Lively):
    with pytest.raises(ConfigError, match=r'no decode mode "eager".*auto, recurrent, lazy, epoched, relaxed'):
        lively("hyena").init_state(1, mode="eager")


def test_recurrent_decoding_names_the_layers_without_it(lively: Lively):
    with pytest.raises(ConfigError, match=r"layers \[0, 1\] \(Attention, Hyena\).*distill"):
        lively("hybrid").init_state(1, mode="recurrent")


def test_modal_filters_decode_recurrently(lively: Lively, ids: Tensor):
    options = {"filter": {"kind": "modal", "order": 3}}
    model = lively("hyena", torch.float64, mixer_options=options)
    found = read(model, ids, model.init_state(3, mode="recurrent"))
    assert (found - model(ids)).abs().max() <= 1e-9


def test_a_chunk_beyond_the_states_room_is_refused_before_anything_is_read(lively: Lively):
    model = lively("hyena")
    state = model.init_state(1, 10)
    with pytest.raises(ShapeError, match=r"room for 10 tokens; 0 are taken and 11 more"):
        model.prefill(torch.zeros(1, 11, dtype=torch.int64), state)
    assert state.position == 0


def test_a_step_beyond_the_states_room_is_refused(lively: Lively):
    model = lively("hyena")
    _, state = model.prefill(torch.zeros(1, 10, dtype=torch.int64), model.init_state(1, 10))
    with pytest.raises(ShapeError, match=r"room for 10 tokens; 10 are taken and 1 more"):
        model.step(torch.zeros(1, dtype=torch.int64), state)


def test_another_batch_than_the_states_is_refused(lively: Lively):
    model = lively("hyena")
    state = model.init_state(3)
    with pytest.raises(ShapeError, match="ids have 2 rows but the state was made for 3"):
        model.step(torch.zeros(2, dtype=torch.int64), state)


def test_the_default_chunk_shrinks_with_the_batch(lively: Lively):
    model = lively("hyena")
    assert model.prefill_length(1) > model.prefill_length(1000) >= 256

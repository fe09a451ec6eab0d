"""Cached decoding equals the full forward pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from longwave.errors import ShapeError
from longwave.generation import SamplingConfig, generate_ids
from longwave.models import LanguageModel, LanguageModelConfig

Lively = Callable[..., LanguageModel]


def decode(model: LanguageModel, ids: Tensor, chunks: tuple[int, ...]) -> Tensor:
    """Read ids in chunks, the rest step by step; return the logits of every position."""
    state = model.init_state(len(ids))
    logits, done = [], 0
    for chunk in chunks:
        out, state = model.prefill(ids[:, done : done + chunk], state)
        logits.append(out)
        done += chunk
    for new in ids[:, done:].unbind(1):
        out, state = model.step(new, state)
        logits.append(out.unsqueeze(1))
    return torch.cat(logits, dim=1)


def greedy_by_forward(model: LanguageModel, ids: Tensor, new: int) -> Tensor:
    for _ in range(new):
        ids = torch.cat([ids, model(ids)[:, -1].argmax(-1, keepdim=True)], dim=1)
    return ids


@pytest.mark.parametrize("chunks", [(31,), (), (1,), (7, 0, 13), (0,), (30, 1)], ids=str)
@torch.no_grad()
def test_decoding_gives_the_logits_of_the_forward_pass(
    kind: str, lively: Lively, ids: Tensor, chunks: tuple[int, ...]
) -> None:
    model = lively(kind, torch.float64)
    assert (decode(model, ids, chunks) - model(ids)).abs().max() <= 1e-9


@pytest.mark.parametrize("order", [2, 3], ids=lambda n: f"order{n}")
@torch.no_grad()
def test_decoding_is_exact_up_to_the_last_position(lively: Lively, order: int, seed: int) -> None:
    model = lively("hyena", torch.float64, mixer_options={"order": order})
    ids = torch.randint(37, (1, 96), generator=torch.Generator().manual_seed(seed))
    assert (decode(model, ids, (20,)) - model(ids)).abs().max() <= 1e-9


@torch.no_grad()
def test_greedy_decoding_equals_the_forward_pass_token_for_token(
    kind: str, lively: Lively, ids: Tensor
) -> None:
    model = lively(kind, gain=3.0)
    expected = greedy_by_forward(model, ids[:, :9], 80)
    decoded = model.generate(ids[:, :9], max_new_tokens=80, temperature=0.0)
    assert torch.equal(decoded, expected)
    assert len(expected[:, 9:].unique()) > 8  # not degenerate


@torch.no_grad()
def test_rows_decode_alike_alone_and_together(kind: str, lively: Lively, ids: Tensor) -> None:
    model = lively(kind)
    together = model.generate(ids, max_new_tokens=20, temperature=0.0)
    alone = torch.cat([model.generate(row.unsqueeze(0), max_new_tokens=20, temperature=0.0) for row in ids])
    assert torch.equal(together, alone)


@torch.no_grad()
def test_the_last_position_alone_has_the_same_logits(kind: str, lively: Lively, ids: Tensor) -> None:
    model = lively(kind)
    last, _ = model.prefill(ids, model.init_state(3), last_only=True)
    every, _ = model.prefill(ids, model.init_state(3))
    torch.testing.assert_close(last, every[:, -1:])


def test_decoding_keeps_no_graph(lively: Lively, ids: Tensor) -> None:
    model = lively("hybrid").train()
    logits, state = model.prefill(ids, model.init_state(3))
    assert not logits.requires_grad
    assert not model.step(ids[:, 0], state)[0].requires_grad


def test_a_state_counts_what_was_read(lively: Lively, ids: Tensor) -> None:
    model = lively("hybrid")
    with torch.no_grad():
        _, state = model.prefill(ids, model.init_state(3))
        _, state = model.step(ids[:, 0], state)
    assert state.position == 32


def test_generate_is_the_function_of_the_generation_package(lively: Lively, ids: Tensor) -> None:
    model = lively("hyena")
    sampling = SamplingConfig(temperature=0.9, top_k=9, top_p=0.8, seed=5)
    expected = generate_ids(model, ids, max_new_tokens=12, sampling=sampling, stop_ids=(1, 2))
    settings = {"temperature": 0.9, "top_k": 9, "top_p": 0.8, "seed": 5, "stop_ids": (1, 2)}
    assert torch.equal(model.generate(ids, max_new_tokens=12, **settings), expected)


def test_generate_ignores_dropout_and_restores_training(
    tiny: Callable[..., LanguageModelConfig], ids: Tensor
) -> None:
    model = LanguageModel(tiny(dropout=0.5)).train()
    first, second = (model.generate(ids, max_new_tokens=9, temperature=0.0) for _ in range(2))
    assert torch.equal(first, second)
    assert all(module.training for module in model.modules())


def test_a_state_larger_than_the_model_is_refused(lively: Lively) -> None:
    with pytest.raises(ShapeError, match="state for 97 tokens was asked for, but the model reads at most 96"):
        lively("hyena").init_state(1, 97)


def test_prefill_beyond_the_model_is_refused(lively: Lively) -> None:
    model = lively("hyena")
    _, state = model.prefill(torch.zeros(1, 90, dtype=torch.int64), model.init_state(1))
    with pytest.raises(ShapeError, match="sequence of 97 tokens"):
        model.prefill(torch.zeros(1, 7, dtype=torch.int64), state)


def test_a_step_beyond_the_model_is_refused(lively: Lively) -> None:
    model = lively("hyena")
    _, state = model.prefill(torch.zeros(1, 96, dtype=torch.int64), model.init_state(1))
    with pytest.raises(ShapeError, match="sequence of 97 tokens"):
        model.step(torch.zeros(1, dtype=torch.int64), state)


def test_a_step_takes_one_token_a_row(lively: Lively) -> None:
    model = lively("hyena")
    with pytest.raises(ShapeError, match=r"takes integers of shape \(batch,\)"):
        model.step(torch.zeros(1, 1, dtype=torch.int64), model.init_state(1))

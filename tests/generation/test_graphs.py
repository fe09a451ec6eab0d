"""Captured steps are the steps: on a CPU nothing is captured, on a GPU results and states stay the same."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import nn

from longwave.errors import BackendUnavailable
from longwave.generation import (
    DecodingConfig,
    SamplingConfig,
    StepGraphs,
    StepPart,
    generate_ids,
    run_parts,
)
from longwave.models import LanguageModel, LanguageModelConfig

GREEDY = SamplingConfig(temperature=0.0)
HEADS = {"n_heads": 2}
KINDS = {
    "h3": {"mixer": "h3"},
    "h3-heads": {"mixer": "h3", "mixer_options": {"head_dim": 2}},
    "hybrid": {"mixer": "h3", "attention_layers": (1,), "attention_options": HEADS},
    "attention": {"mixer": "attention", "mixer_options": HEADS},
    "s4d": {"mixer": "s4d"},
    "hyena": {"mixer": "hyena"},
    "modal": {"mixer": "hyena", "mixer_options": {"filter": {"kind": "modal", "order": 4}}},
}
WHOLE = {"h3": 1, "h3-heads": 1, "hybrid": 1, "attention": 1, "s4d": 1, "hyena": 4, "modal": 4}
kinds = pytest.mark.parametrize("kind", KINDS)
needs_gpu = pytest.mark.gpu


class Counter:
    position = 0


def adder(module, amount, state=None):
    """Return a part that adds a number and counts."""

    def run(given):
        if state is not None:
            state.position += 1
        return (given[0] + amount,)

    return StepPart(run, module, state=state)


@pytest.fixture
def model():
    """Return a function that makes a small model whose layers outweigh its embedding."""

    def of(kind, device="cuda", dtype=torch.float32):
        made = LanguageModel(
            LanguageModelConfig(vocab_size=37, d_model=32, n_layers=3, max_length=96, **KINDS[kind]), seed=1
        )
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for linear in (m for m in made.blocks.modules() if isinstance(m, nn.Linear)):
                linear.weight.normal_(0, 1.5 * linear.in_features**-0.5, generator=generator)
        return made.to(device, dtype).eval()

    return of


@pytest.fixture
def ids(generator):
    return torch.randint(37, (3, 13), generator=generator)


def decode(model, state, token, steps, graphs):
    """Add greedy tokens; return the logits of each step and the next token."""
    logits = []
    for _ in range(steps):
        out, state = model.step(token, state, graphs=graphs)
        logits.append(out)
        token = out.argmax(-1)
    return torch.stack(logits), token


def start(model, ids, graphs, steps=4):
    """Read a prompt and take steps, after which graphs are captured."""
    logits, state = model.prefill(ids.to(model.device), model.init_state(len(ids)), last_only=True)
    _, token = decode(model, state, logits[:, -1].argmax(-1), steps, graphs)
    return state, token


def test_parts_run_one_after_the_other():
    parts = [adder(nn.Identity(), 1.0), adder(nn.Identity(), 10.0)]
    assert run_parts(parts, (torch.zeros(1),))[0].item() == 11.0


def test_nothing_is_captured_on_a_cpu():
    state, graphs, parts = Counter(), StepGraphs(), []
    parts.append(adder(nn.Identity(), 1.0, state))
    for _ in range(4):
        (y,) = graphs.run(state, lambda: parts, (torch.zeros(1),))
    assert (y.item(), state.position, graphs.captured) == (1.0, 4, 0)


def test_a_state_is_asked_for_its_parts_once():
    asked, graphs, first, second = [], StepGraphs(), Counter(), Counter()

    def parts(state):
        asked.append(state)
        return [adder(nn.Identity(), 1.0, state)]

    for state in (first, first, second, second):
        graphs.run(state, lambda state=state: parts(state), (torch.zeros(1),))
    assert asked == [first, second]


@kinds
def test_steps_on_a_cpu_do_not_depend_on_graphs(model, ids, kind):
    made = model(kind, "cpu")
    found, expected = (
        decode(made, *start(made, ids, graphs), 3, graphs)[0] for graphs in (StepGraphs(), None)
    )
    assert torch.equal(found, expected)


def test_mixers_on_a_cpu_offer_nothing_to_capture(model):
    made = model("hybrid", "cpu")
    state = made.init_state(1)
    offered = [
        block.mixer.step_tensors(layer) for block, layer in zip(made.blocks, state.layers, strict=True)
    ]
    assert offered == [None, None, None]


@needs_gpu
@kinds
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_captured_steps_give_the_same_logits(model, ids, kind, dtype):
    made, graphs = model(kind, dtype=dtype), StepGraphs()
    found, expected = (decode(made, *start(made, ids, g), 9, g)[0] for g in (graphs, None))
    assert torch.equal(found, expected)
    assert graphs.captured == WHOLE[kind]


@needs_gpu
@kinds
def test_steps_on_a_gpu_give_the_logits_of_the_forward_pass(model, ids, kind):
    made, graphs = model(kind), StepGraphs()
    state = made.init_state(3)
    with torch.no_grad():
        expected = made(ids.cuda())
        found = [made.prefill(ids[:, :2].cuda(), state)[0][:, -1]]
        found += [made.step(new, state, graphs=graphs)[0] for new in ids[:, 2:].cuda().unbind(1)]
    torch.testing.assert_close(torch.stack(found, 1), expected[:, 1:], rtol=1e-3, atol=1e-3)


CHANGES = {
    "truncate": lambda state, _: state.truncate(13),
    "reorder": lambda state, _: state.reorder([2, 0, 0, 1]),
    "prefill": lambda state, model: model.prefill(
        torch.ones(state.batch, 5, dtype=torch.int64).cuda(), state
    ),
    "there-and-back": lambda state, _: state.to("cpu").to("cuda"),
}


@needs_gpu
@kinds
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_state_goes_on_as_it_would_without_graphs(model, ids, kind, change):
    made, results = model(kind), []
    for graphs in (StepGraphs(), None):
        logits, state = made.prefill(ids.cuda(), made.init_state(3), last_only=True)
        state.mark()
        decode(made, state, logits[:, -1].argmax(-1), 5, graphs)
        change(state, made)
        token = torch.arange(state.batch, device="cuda")
        results.append(decode(made, state, token, 5, graphs)[0])
    assert torch.equal(*results)


@needs_gpu
def test_a_copy_of_a_state_is_left_alone_by_graphs_of_the_other(model, ids):
    made, graphs = model("hybrid"), StepGraphs()
    state, token = start(made, ids, graphs)
    branch = state.copy()
    decode(made, state, token, 5, graphs)
    expected, _ = decode(made, start(made, ids, None)[0], token, 5, None)
    assert torch.equal(decode(made, branch, token, 5, None)[0], expected)


@needs_gpu
def test_weights_that_change_in_place_are_seen(model, ids):
    made, graphs = model("hybrid"), StepGraphs()
    state, token = start(made, ids, graphs)
    branch = state.copy()
    with torch.no_grad():
        made.norm.weight.mul_(2)
    found, expected = (decode(made, s, token, 1, g)[0] for s, g in ((state, graphs), (branch, None)))
    assert torch.equal(found, expected)


@needs_gpu
def test_returned_logits_are_not_overwritten_by_the_next_step(model, ids):
    made, graphs = model("h3"), StepGraphs()
    state, token = start(made, ids, graphs)
    logits, _ = made.step(token, state, graphs=graphs)
    kept = logits.clone()
    made.step(logits.argmax(-1), state, graphs=graphs)
    assert torch.equal(logits, kept)


@needs_gpu
@kinds
def test_generation_does_not_depend_on_graphs(model, ids, kind):
    made, padding = model(kind), torch.tensor([0, 3, 7]).cuda()
    found, expected = (
        generate_ids(
            made,
            ids.cuda(),
            max_new_tokens=30,
            sampling=GREEDY,
            padding=padding,
            decoding=DecodingConfig(graphs=are_on),
        )
        for are_on in (True, False)
    )
    assert torch.equal(found, expected)


@needs_gpu
def test_a_capture_that_fails_is_logged_and_the_step_taken_without_it(caplog):
    state, graphs, module = Counter(), StepGraphs(), nn.Identity()

    def waits_for_the_device(given):
        state.position += 1
        return (given[0] + given[0].sum().item(),)

    parts = [adder(module, 1.0), StepPart(waits_for_the_device, module, state=state)]
    with caplog.at_level(logging.WARNING), torch.no_grad():
        found = [
            graphs.run(state, lambda: parts, (torch.ones(1, device="cuda"),))[0].item() for _ in range(4)
        ]
    assert found == [4.0] * 4
    assert (state.position, graphs.captured) == (4, 0)
    assert "not captured" in caplog.text
    assert torch.rand(1, device="cuda").item() < 1  # the device and its generator go on


@needs_gpu
def test_a_part_that_replaces_what_it_said_it_keeps_is_refused():
    held, graphs, state = [torch.zeros(1, device="cuda")], StepGraphs(), Counter()

    def replaces(given):
        held[0] = held[0] + 1
        return (given[0] + held[0],)

    parts = [StepPart(replaces, nn.Identity(), held=lambda: (held[0],), state=state)]
    zero = (torch.zeros(1, device="cuda"),)
    with torch.no_grad():
        graphs.run(state, lambda: parts, zero)
        with pytest.raises(BackendUnavailable, match="replaced tensors that it said it changes in place"):
            graphs.run(state, lambda: parts, zero)

"""Prompts of different lengths in one batch: each row as if it were alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from longwave.errors import ConfigError, ShapeError
from longwave.generation import DecodingConfig, generate_ids, pad_left
from longwave.generation.sampling import SamplingConfig
from longwave.models import LanguageModel

Lively = Callable[..., LanguageModel]
GREEDY = SamplingConfig(temperature=0.0)
LENGTHS = (31, 1, 17, 30)


@pytest.fixture
def prompts(generator: torch.Generator) -> list[list[int]]:
    """Return prompts of different lengths."""
    return [torch.randint(37, (length,), generator=generator).tolist() for length in LENGTHS]


@pytest.mark.parametrize("chunk", [None, 1, 7, 20], ids=lambda chunk: f"chunk{chunk}")
def test_padded_prompts_continue_as_each_alone(kind: str, lively: Lively, prompts: list, chunk: int | None):
    model = lively(kind, gain=3.0)
    ids, padding = pad_left(prompts, pad_id=5)
    together = generate_ids(
        model,
        ids,
        max_new_tokens=12,
        sampling=GREEDY,
        padding=padding,
        decoding=DecodingConfig(prefill_chunk=chunk),
    )
    alone = [model.generate(torch.tensor([prompt]), max_new_tokens=12, temperature=0.0) for prompt in prompts]
    assert torch.equal(together[:, 31:], torch.cat([row[:, -12:] for row in alone]))


@torch.no_grad()
def test_padded_logits_are_those_of_each_alone(kind: str, lively: Lively, prompts: list):
    model = lively(kind, torch.float64)
    ids, padding = pad_left(prompts)
    state = model.init_state(4)
    state.pad(padding)
    logits, _ = model.prefill(ids, state)
    worst = max(
        float((logits[row, pad:] - model(torch.tensor([prompt]))[0]).abs().max())
        for row, (pad, prompt) in enumerate(zip(padding.tolist(), prompts, strict=True))
    )
    assert worst <= 1e-10


def test_what_stands_in_the_padding_does_not_matter(kind: str, lively: Lively, prompts: list):
    model = lively(kind)
    outputs = []
    for pad_id in (0, 36):
        ids, padding = pad_left(prompts, pad_id=pad_id)
        outputs.append(model.generate(ids, max_new_tokens=9, temperature=0.0, padding=padding)[:, 31:])
    assert torch.equal(*outputs)


def test_the_prompt_chunk_does_not_change_the_text(kind: str, lively: Lively, ids: Tensor):
    model = lively(kind)
    texts = [
        model.generate(ids, max_new_tokens=9, temperature=0.0, prefill_chunk=chunk) for chunk in (None, 1, 13)
    ]
    assert torch.equal(texts[0], texts[1])
    assert torch.equal(texts[0], texts[2])


def test_progress_tells_every_chunk(lively: Lively, ids: Tensor):
    seen: list[tuple[int, int]] = []
    generate_ids(
        lively("hyena"),
        ids,
        max_new_tokens=2,
        decoding=DecodingConfig(prefill_chunk=13),
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(13, 31), (26, 31), (31, 31)]


def test_pad_left_of_nothing_is_an_empty_batch():
    ids, padding = pad_left([])
    assert (ids.shape, padding.shape) == ((0, 0), (0,))


@pytest.mark.parametrize(
    ("padding", "message"),
    [
        (torch.tensor([0]), r"padding has shape \(1,\)"),
        (torch.tensor([0.0, 0.0, 1.0]), "float32"),
        (torch.tensor([0, 0, 31]), r"from 0 to 31; a prompt of 31 tokens has from 0 to 30"),
        (torch.tensor([0, -1, 0]), "from -1 to 0"),
    ],
    ids=["too-few", "floats", "nothing-left", "negative"],
)
def test_padding_that_fits_no_prompt_is_refused(lively: Lively, ids: Tensor, padding: Tensor, message: str):
    with pytest.raises(ShapeError, match=message):
        lively("hyena").generate(ids, max_new_tokens=1, padding=padding)


def test_a_chunk_of_nothing_is_refused():
    with pytest.raises(ConfigError, match='"prefill_chunk" is 0'):
        DecodingConfig(prefill_chunk=0)

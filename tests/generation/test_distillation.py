"""A distilled model: nearly the same function, decoded from a state of fixed size, saved and loaded."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from longwave.errors import ConfigError, ShapeError
from longwave.generation import DistillReport, distill, generate_ids, perplexity
from longwave.generation.sampling import SamplingConfig
from longwave.models import LanguageModel, LanguageModelConfig

L, V = 48, 19
OPTIONS = {"order": 3, "n_heads": 2}


def make(**changes: object) -> LanguageModel:
    sizes = {"vocab_size": V, "d_model": 8, "n_layers": 2, "max_length": L, "mixer_options": OPTIONS}
    return LanguageModel(LanguageModelConfig(**(sizes | changes))).double().eval()


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return make()


@pytest.fixture(scope="module")
def distilled(model: LanguageModel) -> tuple[LanguageModel, DistillReport]:
    return distill(model, order=4, steps=2)


@pytest.fixture
def ids(generator: torch.Generator) -> torch.Tensor:
    return torch.randint(V, (2, L), generator=generator)


@torch.no_grad()
def test_enough_modes_give_the_same_logits(model, ids):
    same, _ = distill(model, order=23, steps=0)
    torch.testing.assert_close(same(ids), model(ids), rtol=0, atol=1e-4)


@torch.no_grad()
def test_filters_are_off_by_what_the_report_says(model, distilled):
    found, report = distilled
    for layer in (0, 1):
        error = model.blocks[layer].mixer.filter(L) - found.blocks[layer].mixer.filter(L)
        told = torch.tensor([row.l1_error for row in report.filters if row.layer == layer])
        torch.testing.assert_close(error.abs().sum(1), told.double(), rtol=1e-4, atol=1e-7)


@torch.no_grad()
def test_recurrent_decoding_is_the_convolution_with_the_modal_filters(distilled, ids):
    found, _ = distilled
    state = found.init_state(2, mode="recurrent")
    head, state = found.prefill(ids[:, :17], state)
    rest = [found.step(new, state)[0] for new in ids[:, 17:].unbind(1)]
    assert (torch.cat([head, torch.stack(rest, 1)], 1) - found(ids)).abs().max() <= 1e-9


def test_everything_but_the_filters_is_kept(model, distilled):
    old, new = model.state_dict(), distilled[0].state_dict()
    same = [name for name in old if ".filter." not in name]
    assert all(torch.equal(old[name], new[name]) for name in same)
    assert {name for name in new if ".filter." not in name} == set(same)


def test_the_model_is_left_as_it_is(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    distill(model, order=2, steps=1)
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)


@torch.no_grad()
def test_a_distilled_model_is_saved_and_loaded(distilled, ids, tmp_path: Path):
    distilled[0].save_pretrained(tmp_path)
    assert torch.equal(LanguageModel.from_pretrained(tmp_path)(ids), distilled[0](ids))


def test_a_half_precision_model_keeps_its_types_in_the_file(tmp_path: Path):
    found, _ = distill(make().float(), order=2, steps=0)
    found.bfloat16().save_pretrained(tmp_path)
    loaded = LanguageModel.from_pretrained(tmp_path)
    assert loaded.embedding.weight.dtype == torch.bfloat16
    assert loaded.blocks[0].mixer.filter.decay.dtype == torch.float32


def test_the_report_counts_filters_and_state(distilled):
    report = distilled[1]
    assert (report.order, len(report.filters)) == (4, 2 * 2 * 4)  # layers, convolutions, filters of 2 heads
    assert report.state_numbers == 2 * 4 * 8 * 2 * 2  # complex, modes, width, convolutions, layers


def test_filters_of_lower_order_share_a_model_with_others():
    found, report = distill(make(), tolerance=0.3, steps=0)
    assert max(row.order for row in report.filters) == report.order
    assert found.blocks[0].mixer.filter.config.order == report.order


def test_a_hybrid_model_keeps_its_attention(ids):
    hybrid = make(attention_layers=(1,), attention_options={"n_heads": 2})
    found, report = distill(hybrid, order=23, steps=0)
    assert {row.layer for row in report.filters} == {0}
    with torch.no_grad():
        torch.testing.assert_close(found(ids), hybrid(ids), rtol=0, atol=1e-4)


def test_a_model_without_hyena_is_refused():
    with pytest.raises(ConfigError, match=r'no Hyena layer \(mixer "attention"\)'):
        distill(make(mixer="attention", mixer_options={"n_heads": 2}))


@pytest.mark.parametrize("kind", ["explicit", "decaying", "modal"])
def test_filters_of_a_fixed_memory_are_refused(kind: str) -> None:
    with pytest.raises(ConfigError, match="memory of fixed size already"):
        distill(make(mixer_options={"filter": {"kind": kind}}))


def test_the_state_of_outer_products_is_counted() -> None:
    single, outer = (make(mixer_options={"outer_head_dim": width}) for width in (1, 4))
    numbers = [distill(each, order=2, steps=0)[1].state_numbers for each in (single, outer)]
    assert numbers == [64, 256]


def test_a_model_that_reads_too_little_is_refused():
    with pytest.raises(ShapeError, match="at least 4 taps"):
        distill(make(max_length=3))


def test_progress_runs_over_all_layers(model):
    seen = []
    distill(model, order=1, steps=2, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_distilled_model_generates(distilled, ids):
    new = generate_ids(distilled[0], ids[:, :9], max_new_tokens=5, sampling=SamplingConfig(temperature=0))
    assert new.shape == (2, 14)


@pytest.mark.parametrize("seq_len", [None, 1, 7, 100], ids=str)
def test_perplexity_is_the_exponential_of_the_mean_loss(model, generator, seq_len):
    ids = torch.randint(V, (30,), generator=generator)
    size = seq_len or L
    losses = []
    for start in range(0, 29, size):
        window = ids[start : start + size + 1]
        with torch.no_grad():
            losses.append(F.cross_entropy(model(window[None, :-1])[0], window[1:], reduction="none"))
    expected = math.exp(float(torch.cat(losses).mean()))
    assert perplexity(model, ids, seq_len=seq_len) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("shape", [(1,), (0,), (1, 9)], ids=str)
def test_perplexity_of_too_little_is_refused(model, shape):
    with pytest.raises(ShapeError, match="at least 2 ids"):
        perplexity(model, torch.zeros(shape, dtype=torch.int64))

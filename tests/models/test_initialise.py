from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from longwave import registry
from longwave.mixers import ImplicitFilter
from longwave.models import LanguageModel, LanguageModelConfig

Tiny = Callable[..., LanguageModelConfig]


@pytest.fixture
def model(kind: str, tiny: Tiny) -> LanguageModel:
    return LanguageModel(tiny(kind, d_model=64, n_layers=3, vocab_size=200), seed=3)


def outputs(model: LanguageModel) -> list[nn.Linear]:
    return [linear for block in model.blocks for linear in (block.mixer.out_proj, block.mlp.down)]


def inner(model: LanguageModel) -> list[nn.Linear]:
    """Return the linear layers that do not write into the residual stream."""
    apart = {id(linear) for linear in outputs(model)}
    return [m for m in model.modules() if isinstance(m, nn.Linear) and id(m) not in apart]


def test_layers_that_write_into_the_residual_start_smaller(model: LanguageModel) -> None:
    stds = [linear.weight.std().item() for linear in outputs(model)]
    assert stds == pytest.approx([0.02 / math.sqrt(6)] * 6, rel=0.05)


def test_other_layers_start_from_the_usual_deviation(model: LanguageModel) -> None:
    stds = [linear.weight.std().item() for linear in [*inner(model), model.embedding]]
    assert stds == pytest.approx([0.02] * len(stds), rel=0.05)


def test_biases_start_from_zero(model: LanguageModel) -> None:
    biases = [linear.bias for linear in [*inner(model), *outputs(model)] if linear.bias is not None]
    assert not any(bias.any() for bias in biases)
    assert len(biases) >= 6


def test_norms_start_as_the_identity(model: LanguageModel) -> None:
    norms = [m for m in model.modules() if isinstance(m, nn.LayerNorm)]
    assert all((norm.weight == 1).all() and (norm.bias == 0).all() for norm in norms)
    assert len(norms) == 7


@pytest.mark.parametrize(("start", "is_small"), [("sine", False), ("reference", True)])
def test_filters_keep_the_start_they_were_asked_for(tiny: Tiny, start: str, is_small: bool) -> None:
    model = LanguageModel(tiny("hyena", d_model=64, mixer_options={"filter": {"init": start}}))
    filters = [m for m in model.modules() if isinstance(m, ImplicitFilter)]
    stds = [w.std().item() for found in filters for w in [*found.hidden_weights, found.out_weight]]
    assert [std < 0.03 for std in stds] == [is_small] * 8  # 2 layers with 4 matrices each


def test_equal_seeds_give_equal_weights(tiny: Tiny) -> None:
    first, second = (LanguageModel(tiny(), seed=5).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_other_seeds_give_other_weights(tiny: Tiny) -> None:
    first, second = (LanguageModel(tiny(), seed=seed) for seed in (5, 6))
    assert not torch.equal(first.blocks[0].mlp.up.weight, second.blocks[0].mlp.up.weight)


def test_building_leaves_the_global_random_state_alone(tiny: Tiny) -> None:
    before = torch.random.get_rng_state()
    LanguageModel(tiny())
    assert torch.equal(torch.random.get_rng_state(), before)


GATED = {"long-conv", "s4", "s4d"}  # whose last layer is a gated linear unit, which writes less by itself


@pytest.mark.parametrize("name", registry.entries("mixers"))
def test_the_output_layer_of_every_built_in_mixer_is_known(tiny: Tiny, name: str) -> None:
    options = {"n_heads": 2} if name == "attention" else {}
    config = tiny(mixer=name, mixer_options=options, attention_layers=(), d_model=64, n_layers=2)
    mixer = LanguageModel(config).blocks[0].mixer
    stds = [linear.weight.std().item() for linear in mixer.modules() if isinstance(linear, nn.Linear)]
    expected = 0.02 if name in GATED else 0.02 / 2  # over the root of 2 n_layers
    assert min(stds) == pytest.approx(expected, rel=0.05)

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch

from longwave.errors import ConfigError, UnknownName
from longwave.models import (
    PRESETS,
    LanguageModel,
    LanguageModelConfig,
    count_flops,
    count_parameters,
    match_parameters,
    preset,
)

Tiny = Callable[..., LanguageModelConfig]


def test_counting_needs_no_weights(kind: str, tiny: Tiny) -> None:
    config = tiny(kind)
    assert count_parameters(config) == sum(p.numel() for p in LanguageModel(config).parameters())


def test_counting_leaves_the_random_state_alone(tiny: Tiny) -> None:
    before = torch.random.get_rng_state()
    count_parameters(tiny())
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("name", "millions", "precision"),
    [("hyena-153m", 153.7, 0.05), ("gpt-125m", 123.7, 0.05), ("gpt-355m", 353.8, 0.05)],
)
def test_presets_have_the_published_sizes(name: str, millions: float, precision: float) -> None:
    assert count_parameters(preset(name)) / 1e6 == pytest.approx(millions, abs=precision)


@pytest.mark.parametrize(
    ("name", "millions", "precision"), [("hyena-355m", 354.0, 0.5), ("hyena-1.3b", 1310.0, 5.0)]
)
def test_the_larger_sizes_are_published_without_their_filters(
    name: str, millions: float, precision: float
) -> None:
    with torch.device("meta"):
        model = LanguageModel(preset(name))
    outside = sum(p.numel() for name, p in model.named_parameters() if ".filter." not in name)
    assert outside / 1e6 == pytest.approx(millions, abs=precision)


@pytest.mark.parametrize(
    ("name", "published"),
    [("gpt-125m", 1.80e19), ("hyena-153m", 1.76e19), ("gpt-355m", 4.56e19), ("hyena-355m", 3.67e19)],
)
def test_flops_follow_the_formula_of_the_paper(name: str, published: float) -> None:
    training = 3 * count_flops(preset(name), 2048) * 15e9  # forward and backward at 15 billion tokens
    assert training == pytest.approx(published, abs=0.005e19)


def test_flops_of_a_model_are_those_of_its_configuration(kind: str, tiny: Tiny) -> None:
    config = tiny(kind)
    assert LanguageModel(config).flops(64) == count_flops(config, 64)


def test_flops_of_attention_grow_with_the_length(tiny: Tiny) -> None:
    config = tiny("attention")
    assert count_flops(config, 96) > count_flops(config, 48)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_read_at_least_1024_tokens_of_gpt2(name: str) -> None:
    assert (PRESETS[name].vocab_size, PRESETS[name].max_length >= 1024) == (50257, True)


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r'Unknown preset "hyena-155m".*"hyena-153m"'):
        preset("hyena-155m")


@pytest.mark.parametrize("multiple_of", [1, 8], ids=lambda n: f"multiple{n}")
def test_twins_agree_as_closely_as_the_width_allows(tiny: Tiny, multiple_of: int) -> None:
    hyena, attention = tiny("hyena", d_model=32), tiny("attention", d_model=32)
    twin = match_parameters(attention, hyena, multiple_of=multiple_of)
    wanted = count_parameters(hyena)

    def miss(width: int) -> int:
        return abs(count_parameters(dataclasses.replace(attention, d_mlp=width)) - wanted)

    assert twin.d_mlp is not None
    assert twin.d_mlp % multiple_of == 0
    assert miss(twin.d_mlp) <= min(miss(twin.d_mlp - multiple_of), miss(twin.d_mlp + multiple_of))


def test_a_twin_differs_in_its_mlps_only(tiny: Tiny) -> None:
    attention = tiny("attention")
    twin = match_parameters(attention, tiny("hyena"))
    assert dataclasses.replace(twin, d_mlp=None) == attention


def test_a_model_is_its_own_twin(kind: str, tiny: Tiny) -> None:
    assert match_parameters(tiny(kind, d_mlp=5), tiny(kind, d_mlp=77)).d_mlp == 77


def test_a_target_too_small_is_refused(tiny: Tiny) -> None:
    with pytest.raises(ConfigError, match=r"The target has \d+ parameters, but the model has \d+ with MLPs"):
        match_parameters(tiny("hyena", n_layers=8), tiny("hyena", n_layers=1))

"""The published sizes: counts and FLOPs as printed."""

from __future__ import annotations

import pytest
import torch

from longwave.models import PRESETS, LanguageModel, count_flops, count_parameters, preset

H3 = [name for name in PRESETS if name.startswith("h3-")]


def test_the_released_125m_model_of_h3_has_the_printed_number_of_parameters() -> None:
    assert count_parameters(preset("h3-125m-released")) == 126_387_456


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("h3-125m", 125),
        ("h3-355m", 355),
        ("h3-1.3b", 1300),
        ("h3-2.7b", 2700),
        ("h3-355m-released", 355),
        ("h3-1.3b-released", 1300),
        ("h3-2.7b-released", 2700),
        ("h3-125m-pure", 125),
    ],
)
def test_parameters_of_h3_are_those_of_the_name(name: str, millions: float) -> None:
    assert count_parameters(preset(name)) / 1e6 == pytest.approx(millions, rel=0.03)


@pytest.mark.parametrize("released", [name for name in H3 if name.endswith("-released")])
def test_released_models_differ_in_the_places_of_attention_only(released: str) -> None:
    one, other = preset(released), preset(released.removesuffix("-released"))
    sizes = [(c.n_layers, c.d_model, c.mlp_width, c.mixer_options, c.attention_options) for c in (one, other)]
    assert sizes[0] == sizes[1]
    assert one.attention_layers != other.attention_layers


@pytest.mark.parametrize("name", H3)
def test_attention_of_h3_knows_no_positions(name: str) -> None:
    assert preset(name).attention_options["rotary"] is False


@pytest.mark.parametrize("name", H3)
def test_embedding_and_attention_are_dropped_in_training(name: str) -> None:
    config = preset(name)
    assert (config.dropout, config.first_dropout, config.attention_options["dropout"]) == (0.0, 0.1, 0.1)


def test_filters_of_h3_conv_come_on_top() -> None:
    with torch.device("meta"):
        parameters = dict(LanguageModel(preset("h3-conv-125m")).named_parameters())
    taps = sum(p.numel() for name, p in parameters.items() if "kernel" in name)
    assert taps == 2 * 2048 * 768 * 10  # filters, taps, channels, layers that are not attention


@pytest.mark.parametrize(
    ("name", "published"),
    [("gpt-125m", 1.88e19), ("hyena-153m", 1.87e19), ("gpt-355m", 4.77e19), ("hyena-355m", 3.93e19)],
)
def test_flops_agree_with_the_published_within_eight_percent(name: str, published: float) -> None:
    training = 3 * count_flops(preset(name), 2048) * 15e9  # forward and backward at 15 billion tokens
    assert training == pytest.approx(published, rel=0.08)


def test_a_fifth_of_the_work_is_saved_at_355m() -> None:
    ratio = count_flops(preset("hyena-355m"), 2048) / count_flops(preset("gpt-355m"), 2048)
    assert ratio == pytest.approx(0.82, abs=0.03)  # published; the formula says 0.80


@pytest.mark.parametrize("name", PRESETS)
def test_counting_allocates_nothing(name: str) -> None:
    with torch.device("meta"):
        assert all(p.is_meta for p in LanguageModel(preset(name)).parameters())

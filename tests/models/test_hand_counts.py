"""Parameters and FLOPs, counted by hand from the formulas."""

from __future__ import annotations

import math

import pytest

from longwave.models import LanguageModelConfig, count_flops, count_parameters

SIZES = pytest.mark.parametrize(
    ("vocab", "width", "layers", "mlp", "length"),
    [(257, 16, 1, 64, 32), (37, 8, 3, 5, 17), (1, 4, 2, 1, 1), (50257, 768, 12, 3072, 1024)],
    ids=["byte", "odd", "least", "gpt2"],
)


def make(vocab: int, width: int, layers: int, mlp: int, length: int, **keys: object) -> LanguageModelConfig:
    return LanguageModelConfig(
        vocab_size=vocab, d_model=width, n_layers=layers, d_mlp=mlp, max_length=length, **keys
    )


def frame(vocab: int, width: int, layers: int, mlp: int) -> int:
    """Return the embedding, padded to eights, all norms, and the MLPs with their biases."""
    embedding = math.ceil(vocab / 8) * 8 * width
    norms = (2 * layers + 1) * 2 * width
    return embedding + norms + layers * (2 * width * mlp + mlp + width)


def attention(width: int) -> int:
    return (3 * width * width + 3 * width) + (width * width + width)


def hyena(width: int, length: int, *, order: int = 2, heads: int = 1, hidden: int = 64) -> int:
    """Return projections, short filters of 3 taps, skips, and a filter network of 33 features."""
    projections = (order + 1) * (width * width + width) + width * width + width
    short = (order + 1) * width * (3 + 1)
    network = (33 * hidden + hidden) + 2 * (hidden * hidden + hidden) + hidden  # layers, and the frequency
    outputs = width // heads * (order - 1) * hidden
    positions = length * 33
    return projections + short + (order - 1) * width + network + outputs + positions


@SIZES
def test_attention_has_the_parameters_of_its_matrices(
    vocab: int, width: int, layers: int, mlp: int, length: int
) -> None:
    config = make(vocab, width, layers, mlp, length, mixer="attention", mixer_options={"n_heads": 2})
    assert count_parameters(config) == frame(vocab, width, layers, mlp) + layers * attention(width)


@SIZES
@pytest.mark.parametrize("options", [{}, {"order": 3}, {"n_heads": 2}], ids=["order2", "order3", "heads2"])
def test_hyena_has_the_parameters_of_its_matrices(
    options: dict[str, int], vocab: int, width: int, layers: int, mlp: int, length: int
) -> None:
    config = make(vocab, width, layers, mlp, length, mixer_options=options)
    mixer = hyena(width, length, order=options.get("order", 2), heads=options.get("n_heads", 1))
    assert count_parameters(config) == frame(vocab, width, layers, mlp) + layers * mixer


def test_a_hybrid_has_the_parameters_of_both_mixers() -> None:
    config = make(37, 8, 3, 5, 17, attention_layers=(0, 2), attention_options={"n_heads": 2})
    assert count_parameters(config) == frame(37, 8, 3, 5) + 2 * attention(8) + hyena(8, 17)


@pytest.mark.parametrize("hidden", [1, 8, 128], ids=lambda n: f"hidden{n}")
def test_the_width_of_the_filter_network_counts(hidden: int) -> None:
    config = make(37, 8, 1, 5, 17, mixer_options={"filter": {"d_hidden": hidden}})
    assert count_parameters(config) == frame(37, 8, 1, 5) + hyena(8, 17, hidden=hidden)


@SIZES
def test_attention_costs_what_its_products_cost(
    vocab: int, width: int, layers: int, mlp: int, length: int
) -> None:
    config = make(vocab, width, layers, mlp, length, mixer="attention", mixer_options={"n_heads": 2})
    layer = 2 * (4 * width**2 + 2 * width * mlp + 2 * length * width) + 3 * 2 * length
    assert count_flops(config, length) == pytest.approx(4 * vocab * width + layers * layer, rel=1e-12)


@SIZES
@pytest.mark.parametrize("order", [2, 3], ids=lambda n: f"order{n}")
def test_hyena_costs_what_the_paper_counts(
    order: int, vocab: int, width: int, layers: int, mlp: int, length: int
) -> None:
    config = make(vocab, width, layers, mlp, length, mixer_options={"order": order})
    products = (order + 2) * width**2 + 2 * width * mlp
    convolutions = 3 * (order + 1) * width + 5 * (order - 1) * width * math.log2(length)
    expected = 4 * vocab * width + layers * 2 * (products + convolutions)
    assert count_flops(config, length) == pytest.approx(expected, rel=1e-12)


def test_a_hybrid_costs_what_its_layers_cost() -> None:
    both = make(37, 8, 2, 5, 17, attention_layers=(1,), attention_options={"n_heads": 2})
    hyenas = make(37, 8, 2, 5, 17)
    attentions = make(37, 8, 2, 5, 17, mixer="attention", mixer_options={"n_heads": 2})
    assert 2 * count_flops(both, 17) == pytest.approx(count_flops(hyenas, 17) + count_flops(attentions, 17))

"""Numbers of arXiv 2212.14052 and its public training configurations."""

from __future__ import annotations

import pytest

from longwave.models import preset
from longwave.recipes import h3_openwebtext, h3_pile, h3_wikitext103

SIZES = ("125m", "355m", "1.3b", "2.7b")
EVERY = pytest.mark.parametrize("size", SIZES)


@pytest.mark.parametrize(("size", "lr"), [("125m", 6e-4), ("355m", 3e-4), ("1.3b", 2e-4), ("2.7b", 1.6e-4)])
def test_peak_learning_rates(size: str, lr: float) -> None:
    assert h3_pile(size).optim.lr == lr


@EVERY
def test_optimiser(size: str) -> None:
    optim = h3_pile(size).optim
    assert (optim.betas, optim.weight_decay, optim.clip) == ((0.9, 0.999), 0.1, 1.0)


@pytest.mark.parametrize(("size", "batch"), [("125m", 256), ("355m", 256), ("1.3b", 512), ("2.7b", 512)])
def test_batches_of_windows_of_2048_tokens(size: str, batch: int) -> None:
    config = h3_pile(size)
    assert (config.batch_size, config.tokens_per_step) == (batch, batch * 2048)


@EVERY
def test_a_whole_run_is_419_billion_tokens(size: str) -> None:
    config = h3_pile(size)
    assert config.steps * config.tokens_per_step / 1e9 == pytest.approx(419, abs=0.5)


@pytest.mark.parametrize(
    ("size", "decay", "warmup"),
    [("125m", 600_000, 8000), ("355m", 600_000, 8000), ("1.3b", 300_000, 4000), ("2.7b", 300_000, 4000)],
)
def test_the_rate_has_fallen_at_three_quarters_and_stays(size: str, decay: int, warmup: int) -> None:
    config = h3_pile(size)
    assert (config.schedule_steps, config.optim.final_lr_fraction) == (decay, 0.1)
    assert round(config.optim.warmup_fraction * config.schedule_steps) == warmup


def test_the_short_run_has_a_schedule_of_its_own_length() -> None:
    config = h3_pile("125m", steps=100_000)
    assert (config.steps, config.schedule_steps, config.optim.warmup_fraction) == (100_000, 100_000, 0.01)


@EVERY
def test_precision_and_dropout(size: str) -> None:
    config = h3_pile(size)
    dropouts = (config.model.dropout, config.model.first_dropout, config.model.attention_options["dropout"])
    assert (config.precision, *dropouts) == ("bfloat16", 0.0, 0.1, 0.1)


@pytest.mark.parametrize(
    ("size", "trained", "released"),
    [
        ("125m", (1, 8), (6,)),
        ("355m", (1, 13), (8, 16)),
        ("1.3b", (1, 13), (8, 16)),
        ("2.7b", (10, 21), (8, 16, 24)),
    ],
)
def test_attention_is_where_the_sources_have_it(
    size: str, trained: tuple[int, ...], released: tuple[int, ...]
) -> None:
    found = [h3_pile(size, attention=place).model.attention_layers for place in ("trained", "released")]
    assert found == [trained, released]


@pytest.mark.parametrize("name", ["h3-125m-pure", "h3-125m", "s4d-125m", "gpt-125m"])
def test_openwebtext_is_read_in_windows_of_1024_for_50_billion_tokens(name: str) -> None:
    config = h3_openwebtext(name)
    assert (config.batch_size, config.model.max_length, config.optim.lr) == (512, 1024, 6e-4)
    assert config.steps * config.tokens_per_step / 1e9 == pytest.approx(50, rel=0.01)


def test_the_models_of_the_comparison_are_of_one_size() -> None:
    shapes = {
        (preset(name).n_layers, preset(name).d_model, preset(name).mlp_width)
        for name in ("h3-125m-pure", "h3-125m", "s4d-125m", "gpt-125m")
    }
    assert shapes == {(12, 768, 3072)}


def test_wikitext103_is_100_epochs() -> None:
    config = h3_wikitext103()
    assert (config.batch_size, config.model.max_length, config.optim.lr) == (512, 1024, 6e-4)
    assert config.steps * config.tokens_per_step / 118e6 == pytest.approx(100, rel=0.01)

"""Numbers of arXiv 2302.10866: table A.4, appendix A.2 and section 4.2."""

from __future__ import annotations

import pytest

from longwave.models import count_parameters
from longwave.recipes import hyena_pile, load_recipe

SIZES = ("153m", "355m", "1.3b")
EVERY = pytest.mark.parametrize("size", SIZES)


@pytest.mark.parametrize(("size", "lr"), [("153m", 6e-4), ("355m", 4e-4), ("1.3b", 2.2e-4)])
def test_peak_learning_rates(size: str, lr: float) -> None:
    assert hyena_pile(size).optim.lr == lr


@EVERY
def test_optimiser(size: str) -> None:
    optim = hyena_pile(size).optim
    assert (optim.betas, optim.weight_decay, optim.clip) == ((0.9, 0.98), 0.1, 1.0)


@EVERY
def test_schedule(size: str) -> None:
    optim = hyena_pile(size).optim
    assert (optim.warmup_fraction, optim.final_lr_fraction, optim.schedule_steps) == (0.01, 0.1, None)


@EVERY
def test_batches_of_256_windows_of_2048_tokens(size: str) -> None:
    config = hyena_pile(size)
    assert (config.batch_size, config.model.max_length, config.tokens_per_step) == (256, 2048, 256 * 2048)


@pytest.mark.parametrize(("steps", "billions"), [(10_000, 5), (20_000, 10), (30_000, 15)])
def test_steps_of_the_published_token_counts(steps: int, billions: int) -> None:
    config = hyena_pile("153m", steps=steps)
    assert config.steps * config.tokens_per_step / 1e9 == pytest.approx(billions, rel=0.05)


def test_the_default_is_15_billion_tokens() -> None:
    assert hyena_pile("355m").steps == 30_000


@EVERY
def test_precision_and_dropout(size: str) -> None:
    config = hyena_pile(size)
    assert (config.precision, config.model.dropout) == ("bfloat16", 0.0)


@pytest.mark.parametrize(
    ("size", "n_layers", "d_model", "d_mlp"),
    [("153m", 18, 864, 1728), ("355m", 36, 1024, 2048), ("1.3b", 36, 2048, 4096)],
)
def test_depth_and_widths(size: str, n_layers: int, d_model: int, d_mlp: int) -> None:
    model = hyena_pile(size).model
    assert (model.mixer, model.n_layers, model.d_model, model.d_mlp) == ("hyena", n_layers, d_model, d_mlp)


@pytest.mark.parametrize(("size", "millions"), [("153m", 153), ("355m", 355), ("1.3b", 1300)])
def test_parameters_are_those_of_the_name(size: str, millions: float) -> None:
    # the larger names leave the filters out, which are 1 to 3 % of the parameters
    assert count_parameters(hyena_pile(size).model) / 1e6 == pytest.approx(millions, rel=0.03)


def test_the_released_model_has_read_150_billion_tokens() -> None:
    config = load_recipe("hyena-pile-153m-150b")
    assert (config.steps, config.schedule_steps) == (300_000, 300_000)
    assert config.steps * config.tokens_per_step / 1e9 == pytest.approx(150, rel=0.05)

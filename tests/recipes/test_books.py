"""The models must differ in nothing but the mixer; the numbers themselves are free to be tuned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial

import pytest

from longwave.models import count_flops, count_parameters
from longwave.recipes import books_models, quickstart_twins
from longwave.training import TrainConfig

Models = Callable[..., dict[str, TrainConfig]]

TOUR, SMALL, LARGE = cache(quickstart_twins), cache(partial(books_models, "9m")), cache(books_models)
ALL = pytest.mark.parametrize("models", [TOUR, SMALL, LARGE], ids=["quickstart", "9m", "43m"])
BOOKS = pytest.mark.parametrize("models", [SMALL, LARGE], ids=["9m", "43m"])


@ALL
def test_models_have_equal_depth_width_and_context(models: Models) -> None:
    shapes = {
        (config.model.n_layers, config.model.d_model, config.model.max_length, config.model.vocab_size)
        for config in models().values()
    }
    assert len(shapes) == 1


@ALL
def test_models_share_data_schedule_and_tokens(models: Models) -> None:
    hyena, *others = models().values()
    assert [replace(other, model=hyena.model) for other in others] == [hyena] * len(others)


@ALL
def test_attention_has_the_parameters_of_hyena_within_three_in_a_thousand(models: Models) -> None:
    hyena, attention = (count_parameters(models()[name].model) for name in ("hyena", "attention"))
    assert attention == pytest.approx(hyena, rel=0.003)


@BOOKS
def test_the_h3_hybrid_has_the_parameters_of_hyena_within_three_in_a_thousand(models: Models) -> None:
    hyena, hybrid = (count_parameters(models()[name].model) for name in ("hyena", "h3-hybrid"))
    assert hybrid == pytest.approx(hyena, rel=0.003)


@BOOKS
def test_long_filters_change_the_hybrid_in_nothing_else(models: Models) -> None:
    ssm, conv = (models()[name].model for name in ("h3-hybrid", "h3-conv-hybrid"))
    assert replace(conv, mixer_options={}) == ssm


@BOOKS
def test_hybrids_attend_in_the_second_layer_and_half_the_depth_later(models: Models) -> None:
    model = models()["h3-hybrid"].model
    assert model.attention_layers == (1, 1 + model.n_layers // 2)


@BOOKS
def test_hyena_takes_the_fewest_operations(models: Models) -> None:
    flops = {name: count_flops(config.model, 2048) for name, config in models().items()}
    assert min(flops, key=flops.__getitem__) == "hyena"


@ALL
def test_the_seed_is_handed_on(models: Models) -> None:
    assert {config.seed for config in models(seed=3).values()} == {3}


def test_the_tour_is_as_small_as_promised() -> None:
    sizes = [count_parameters(config.model) for config in quickstart_twins().values()]
    assert [1e6 <= size <= 2e6 for size in sizes] == [True, True]


def test_the_tour_reads_a_context_of_512_or_more() -> None:
    assert min(config.model.max_length for config in quickstart_twins().values()) >= 512


def test_the_tour_needs_nothing_but_the_package_and_a_cpu() -> None:
    places = {(config.data.path, config.device) for config in quickstart_twins().values()}
    assert places == {("sample:books", "cpu")}


def test_the_models_of_books_are_as_large_as_their_names() -> None:
    sizes = [count_parameters(models()["hyena"].model) / 1e6 for models in (SMALL, LARGE)]
    assert sizes == pytest.approx([9, 43], rel=0.03)

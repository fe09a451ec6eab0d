"""The twins must differ in nothing but the mixer; the numbers themselves are free to be tuned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from longwave.models import count_parameters
from longwave.recipes import books_twins, quickstart_twins
from longwave.training import TrainConfig

Twins = Callable[..., dict[str, TrainConfig]]

BOTH = pytest.mark.parametrize("twins", [quickstart_twins, books_twins], ids=["quickstart", "books"])


@BOTH
def test_twins_are_named_after_their_mixers(twins: Twins) -> None:
    assert {name: config.model.mixer for name, config in twins().items()} == {
        "hyena": "hyena",
        "attention": "attention",
    }


@BOTH
def test_twins_have_equal_depth_width_and_context(twins: Twins) -> None:
    shapes = {
        (config.model.n_layers, config.model.d_model, config.model.max_length, config.model.vocab_size)
        for config in twins().values()
    }
    assert len(shapes) == 1


@BOTH
def test_twins_share_data_schedule_and_tokens(twins: Twins) -> None:
    hyena, attention = twins().values()
    assert replace(attention, model=hyena.model) == hyena


@BOTH
def test_twins_agree_in_parameters_within_three_in_a_thousand(twins: Twins) -> None:
    hyena, attention = (count_parameters(config.model) for config in twins().values())
    assert attention == pytest.approx(hyena, rel=0.003)


@BOTH
def test_the_seed_is_handed_on(twins: Twins) -> None:
    assert {config.seed for config in twins(seed=3).values()} == {3}


def test_the_tour_is_as_small_as_promised() -> None:
    sizes = [count_parameters(config.model) for config in quickstart_twins().values()]
    assert [1e6 <= size <= 2e6 for size in sizes] == [True, True]


def test_the_tour_reads_a_context_of_512_or_more() -> None:
    assert min(config.model.max_length for config in quickstart_twins().values()) >= 512


def test_the_tour_needs_nothing_but_the_package_and_a_cpu() -> None:
    places = {(config.data.path, config.device) for config in quickstart_twins().values()}
    assert places == {("sample:books", "cpu")}


def test_the_gpu_twins_are_as_large_as_promised() -> None:
    sizes = [count_parameters(config.model) for config in books_twins().values()]
    assert [25e6 <= size <= 50e6 for size in sizes] == [True, True]


def test_the_gpu_twins_read_a_context_of_2048_or_more() -> None:
    assert min(config.model.max_length for config in books_twins().values()) >= 2048

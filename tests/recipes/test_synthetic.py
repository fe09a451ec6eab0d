"""The papers' settings of the reasoning tasks, number by number, and models that fit their tasks."""

from __future__ import annotations

import pytest

from longwave import registry
from longwave.data import TaskDataConfig
from longwave.models import count_parameters
from longwave.recipes import addition, induction, load_recipe, lra, recall_131k, recall_h3, recall_paper
from longwave.recipes.synthetic import FILTERS, MIXERS
from longwave.training import TrainConfig

RECIPES = [name for name, entry in registry.entries("recipes").items() if "recipes.synthetic" in entry.target]


def test_table_a1() -> None:
    config = recall_paper(vocab_size=30)
    assert (config.model.n_layers, config.model.d_model, config.model.dropout) == (2, 64, 0.0)
    assert (config.optim.lr, config.optim.betas, config.optim.weight_decay) == (5e-4, (0.9, 0.98), 0.1)
    assert (config.batch_size, config.steps, config.task.n_train) == (32, 200 * 2000 // 32, 2000)
    assert (config.optim.schedule, config.optim.warmup_fraction) == ("cosine", 0.05)
    assert (config.model.vocab_size, config.model.max_length) == (30, 2050)


def test_the_public_configuration_at_131k() -> None:
    config = recall_131k()
    assert (config.task.n_train, config.steps) == (4000, 50_000)
    assert (config.optim.schedule, config.optim.warmup_fraction) == ("linear", 0.1)
    assert (config.model.embedding_dropout, config.model.mlp_width) == (0.1, 256)
    assert config.model.max_length == 131_074
    assert config.model.mixer_options["filter"] == {
        "d_hidden": 64,
        "d_position": 5,
        "frequency": 10.0,
        "position_lr": 0.0,
    }


@pytest.mark.parametrize(
    ("config", "steps", "schedule", "final"),
    [(recall_h3(), 31_250, "linear", 0.0), (induction(), 62_500, "cosine", 0.1)],
    ids=["recall", "induction"],
)
def test_the_public_recipe_of_h3(config: TrainConfig, steps: int, schedule: str, final: float) -> None:
    assert (config.steps, config.optim.schedule, config.optim.final_lr_fraction) == (steps, schedule, final)
    assert (config.model.d_model, config.model.mlp_width, config.model.embedding_dropout) == (32, 128, 0.1)
    assert (config.task.n_train, config.task.n_test, config.optim.warmup_fraction) == (5000, 500, 0.1)


@pytest.mark.parametrize("name", RECIPES)
def test_the_model_of_a_recipe_fits_its_task(name: str) -> None:
    config = load_recipe(name)
    task = config.task.build()
    assert (config.model.vocab_size, config.model.max_length) == (task.vocab_size, task.seq_len)


@pytest.mark.parametrize("name", [name for name in RECIPES if name not in ("listops", "pathfinder")])
def test_the_model_of_a_recipe_can_be_built(name: str) -> None:
    assert count_parameters(load_recipe(name).model) > 0


@pytest.mark.parametrize("mixer", MIXERS)
def test_a_seed_is_that_of_data_and_weights(mixer: str) -> None:
    config = recall_paper(mixer, seed=3)
    assert (config.seed, config.task.seed, config.model.mixer) == (3, 3, mixer)


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_of_the_study_makes_a_hyena(name: str) -> None:
    config = recall_paper("hyena", length=100, mixer_options=FILTERS[name])
    assert count_parameters(config.model) > 0


def test_addition_has_no_room_to_spare() -> None:
    assert addition(8, n_layers=3).model.max_length == 24


def test_path_x_is_pathfinder_with_more_pixels() -> None:
    config = lra("pathfinder", size=128)
    assert isinstance(config.data, TaskDataConfig)
    assert config.model.max_length == 16_384

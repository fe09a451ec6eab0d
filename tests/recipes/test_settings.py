"""Settings of a run on a task: short spelling, and a model that follows."""

from __future__ import annotations

import pytest

from longwave.errors import ConfigError
from longwave.recipes import apply_settings, load_recipe
from longwave.training import TrainConfig


@pytest.fixture
def recall() -> TrainConfig:
    return load_recipe("recall-hyena")


@pytest.mark.parametrize("key", ["data.vocab_size=20", "data.options.vocab_size=20"], ids=["short", "full"])
def test_the_vocabulary_of_the_model_follows_that_of_the_task(key: str, recall: TrainConfig) -> None:
    config = apply_settings(recall, [key])
    assert (config.task.options["vocab_size"], config.model.vocab_size) == (20, 20)


def test_the_length_of_the_model_follows_that_of_the_task(recall: TrainConfig) -> None:
    assert apply_settings(recall, ["data.length=200"]).model.max_length == 202


def test_what_is_set_does_not_follow(recall: TrainConfig) -> None:
    config = apply_settings(recall, ["model.max_length=500", "data.length=200", "model.vocab_size=64"])
    assert (config.model.max_length, config.model.vocab_size) == (500, 64)


def test_without_a_change_of_data_the_model_stays_as_it_was(recall: TrainConfig) -> None:
    longer = apply_settings(recall, ["model.max_length=500"])
    assert apply_settings(longer, ["steps=5"]).model.max_length == 500


def test_another_task_starts_from_its_own_defaults(recall: TrainConfig) -> None:
    config = apply_settings(recall, ["data.task=addition", "data.n_digits=5"])
    assert (config.task.options, config.model.max_length) == ({"n_digits": 5}, 15)


@pytest.mark.parametrize("name", ["n_train", "n_test", "seed"])
def test_settings_of_the_set_are_no_options_of_the_task(name: str, recall: TrainConfig) -> None:
    config = apply_settings(recall, [f"data.{name}=7"])
    assert (getattr(config.task, name), name in config.task.options) == (7, False)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("data.vocabsize=20", 'Did you mean "vocab_size"'),
        ("data.vocab_size=many", "vocab_size"),
        ("data.n_train=many", r'"data\.n_train"'),
        ("data.task=nope", "nope"),
        ("data", "is not a setting"),
    ],
    ids=["unknown", "option-type", "type", "task", "no-value"],
)
def test_a_mistake_is_told_with_its_key(entry: str, told: str, recall: TrainConfig) -> None:
    with pytest.raises(ConfigError, match=told):
        apply_settings(recall, [entry])


def test_runs_on_text_take_settings_as_they_are() -> None:
    config = apply_settings(load_recipe("quickstart-hyena"), ["data.vocab_size=300"])
    assert (config.text.vocab_size, config.model.vocab_size) == (300, 1024)

"""Wrong settings are refused with their name and value."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from longwave.config import apply_overrides, load_config, to_dict
from longwave.errors import ConfigError
from longwave.training import TrainConfig

Change = Callable[..., TrainConfig]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("steps", 0),
        ("batch_size", 0),
        ("accumulation", 0),
        ("log_every", 0),
        ("eval_every", -1),
        ("validation_windows", 0),
        ("checkpoint_every", 0),
        ("keep_checkpoints", 1),
        ("seed", -1),
        ("optim_lr", 0.0),
        ("optim_betas", (0.9, 1.0)),
        ("optim_eps", 0.0),
        ("optim_weight_decay", -0.1),
        ("optim_clip", -1.0),
        ("optim_warmup_fraction", 1.1),
        ("optim_final_lr_fraction", -0.1),
        ("optim_schedule_steps", 0),
    ],
    ids=lambda value: str(value),
)
def test_a_value_out_of_range_is_named(key: str, value: object, change: Change) -> None:
    name = key.removeprefix("optim_")
    with pytest.raises(ConfigError, match=f'"{name}" is .*; accepted is'):
        change(**{key: value})


def test_micro_batches_must_divide_the_batch(change: Change) -> None:
    with pytest.raises(ConfigError, match="batch_size is 4, which accumulation 3 does not divide"):
        change(accumulation=3)


def test_a_configuration_survives_json(config: TrainConfig) -> None:
    assert load_config(TrainConfig, to_dict(config)) == config


def test_an_unknown_key_names_the_nearest(config: TrainConfig) -> None:
    with pytest.raises(ConfigError, match=r'Unknown key "learning_rate" in OptimConfig'):
        apply_overrides(config, ["optim.learning_rate=1"])


def test_an_override_reaches_inside(config: TrainConfig) -> None:
    assert apply_overrides(config, ["optim.lr=1e-2"]).optim.lr == 0.01


def test_the_schedule_is_as_long_as_the_run_unless_said(change: Change) -> None:
    assert (change().schedule_steps, change(optim_schedule_steps=50).schedule_steps) == (8, 50)

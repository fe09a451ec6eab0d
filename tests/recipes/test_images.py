"""Steps are divided into stages, and a model follows its images."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwave.errors import ConfigError
from longwave.models.images import ImageClassifierConfig, ViTConfig
from longwave.recipes import (
    fit_to_images,
    s4nd_mnist_progressive,
    s4nd_moving_digits,
    s4nd_tiny,
    set_image_steps,
)
from longwave.recipes.images import epochs_in, stages_in, steps_for
from longwave.training import ImageDataConfig
from longwave.training.image_sources import ImageShape

SHAPE = ImageShape(n_channels=3, n_classes=5, sizes=(40, 40), n_frames=None, n_train=120)


@given(steps=st.integers(3, 500), shares=st.lists(st.integers(1, 50), min_size=1, max_size=3))
def test_stages_share_all_steps_about_in_proportion(steps: int, shares: list[int]) -> None:
    lengths = [stage.steps for stage in stages_in(steps, [1.0] * len(shares), shares)]
    assert sum(lengths) == steps
    assert min(lengths) >= 1
    for length, share in zip(lengths, shares, strict=True):
        assert abs(length - steps * share / sum(shares)) <= len(shares)


def test_whole_shares_are_met_exactly() -> None:
    assert [stage.steps for stage in stages_in(80, (4.0, 2.0, 1.0), (50, 25, 25))] == [40, 20, 20]


def test_limits_and_restarts_go_to_their_stages() -> None:
    first, last = stages_in(4, (2.0, 1.0), (1, 1), bandlimits=(0.5, None), restart=True)
    assert (first.bandlimit, last.bandlimit, last.restart) == (0.5, "none", True)
    assert stages_in(1, (2.0,), (1,))[0].bandlimit == "model"


def test_fewer_steps_than_stages_are_refused() -> None:
    with pytest.raises(ConfigError, match="2 steps cannot go through 3 stages"):
        stages_in(2, (4.0, 2.0, 1.0), (1, 1, 1))


def test_stages_keep_their_shares_of_other_steps() -> None:
    config = set_image_steps(s4nd_mnist_progressive(), 100)
    assert [stage.steps for stage in config.images.stages] == [50, 25, 25]
    assert (config.steps, config.eval_every, config.checkpoint_every, config.log_every) == (100, 5, 10, 1)


@pytest.mark.parametrize(("epochs", "steps"), [(1, 3), (1.3, 4), (0.001, 1), (2, 5)])
def test_epochs_are_whole_updates(epochs: float, steps: int) -> None:
    assert steps_for(epochs, 50, SHAPE) == steps


def test_epochs_count_training_samples() -> None:
    assert epochs_in(replace(s4nd_tiny(), batch_size=60), SHAPE) == 480 * 60 / 120


def test_a_model_follows_channels_classes_and_size() -> None:
    model = fit_to_images(s4nd_tiny(), SHAPE).image_model
    assert (model.in_channels, model.n_classes) == (3, 5)
    vit = replace(s4nd_tiny(), model=ImageClassifierConfig(trunk=ViTConfig(patch=16)))
    assert fit_to_images(vit, SHAPE).image_model.trunk.image_size == 32


def test_the_data_are_read_where_their_shape_is_not_given() -> None:
    config = replace(s4nd_tiny(), data=ImageDataConfig(source="omniglot", options={"task": "character"}))
    assert fit_to_images(config).image_model.n_classes == 242


def test_images_do_not_fit_a_model_of_clips() -> None:
    with pytest.raises(ConfigError, match="Use a recipe for images, such as s4nd"):
        fit_to_images(s4nd_moving_digits(), SHAPE)
    with pytest.raises(ConfigError, match="Use a recipe for clips, such as s4nd-moving-digits"):
        fit_to_images(s4nd_tiny(), replace(SHAPE, n_frames=4))

"""The settings of arXiv 2210.06583's public code, and those of runs on bundled images, number by number."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from longwave import registry
from longwave.config import load_config, to_dict
from longwave.models.images import ConvNeXtConfig, ViTConfig
from longwave.recipes import (
    conv2d_cifar_progressive,
    conv2d_mnist,
    conv2d_mnist_progressive,
    conv2d_mnist_zero_shot,
    conv2d_omniglot,
    conv3d_moving_digits,
    s4nd_cifar,
    s4nd_cifar_progressive,
    s4nd_cifar_zero_shot,
    s4nd_imagenet_convnext,
    s4nd_imagenet_vit,
    s4nd_mnist,
    s4nd_mnist_progressive,
    s4nd_mnist_sequence,
    s4nd_mnist_zero_shot,
    s4nd_moving_digits,
    s4nd_omniglot,
    s4nd_tiny,
)
from longwave.training import ImageStage, TrainConfig, build_model
from longwave.training.models import check_model

Recipe = Callable[..., TrainConfig]
OURS = [
    name
    for name, entry in registry.entries("recipes").items()
    if entry.target.startswith("longwave.recipes.s4nd:")
]


def parameters(recipe: Recipe) -> int:
    with torch.device("meta"):
        return sum(weight.numel() for weight in build_model(recipe().model).parameters())


@pytest.mark.parametrize("name", OURS)
def test_every_recipe_is_a_run_that_can_be_built_and_written(name: str) -> None:
    recipe = registry.load("recipes", name)
    config = recipe(seed=3)
    assert (config.seed, name) == (3, recipe.__name__.replace("_", "-"))
    assert load_config(TrainConfig, to_dict(config)) == config
    check_model(config.image_model)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (s4nd_mnist, conv2d_mnist),
        (s4nd_mnist, s4nd_mnist_sequence),
        (s4nd_mnist_zero_shot, conv2d_mnist_zero_shot),
        (s4nd_mnist_progressive, conv2d_mnist_progressive),
        (s4nd_omniglot, conv2d_omniglot),
        (s4nd_moving_digits, conv3d_moving_digits),
    ],
    ids=lambda recipe: recipe.__name__,
)
def test_twins_have_as_many_parameters(one: Recipe, other: Recipe) -> None:
    assert parameters(other) == pytest.approx(parameters(one), rel=0.05)
    assert one().optim == other().optim
    assert (one().steps, one().batch_size) == (other().steps, other().batch_size)


def test_cifar_has_a_hundred_epochs_of_900_updates_and_one_to_warm_up() -> None:
    config = s4nd_cifar()
    assert (config.steps, config.batch_size, config.images.validation_fraction) == (90_000, 50, 0.1)
    assert round(config.optim.warmup_fraction * config.steps) == 900
    assert (config.optim.lr, config.optim.weight_decay) == (0.01, 0.05)
    trunk = config.image_model.trunk
    assert (trunk.d_model, trunk.n_layers, trunk.s4nd.dt, trunk.dropout) == (512, 6, (0.1, 1.0), 0.1)


def test_cifar_at_half_resolution_keeps_a_fifth_of_the_frequencies() -> None:
    config = s4nd_cifar_zero_shot()
    trunk = config.image_model.trunk
    assert (config.images.rate, trunk.s4nd.bandlimit, trunk.s4nd.kernel) == (2.0, 0.2, "s4d-lin")
    assert (trunk.d_model, config.optim.weight_decay) == (256, 0.03)


@pytest.mark.parametrize("recipe", [s4nd_cifar_progressive, conv2d_cifar_progressive])
def test_progressive_resizing_has_50_25_and_25_epochs(recipe: Recipe) -> None:
    stages = recipe().images.stages
    assert [(stage.rate, stage.steps) for stage in stages] == [(4.0, 45_000), (2.0, 22_500), (1.0, 22_500)]


def test_the_convolutions_that_grow_are_five_wide() -> None:
    assert conv2d_cifar_progressive().image_model.trunk.kernel_size == 5


def test_imagenet() -> None:
    vit, convnext = s4nd_imagenet_vit(), s4nd_imagenet_convnext()
    assert isinstance(vit.image_model.trunk, ViTConfig)
    assert isinstance(convnext.image_model.trunk, ConvNeXtConfig)
    assert (vit.optim.lr, vit.optim.weight_decay, vit.batch_size) == (1e-3, 0.03, 1024)
    assert (convnext.optim.lr, convnext.optim.weight_decay) == (4e-3, 0.05)
    for config, warmup in ((vit, 10), (convnext, 20)):
        per_epoch = 1_281_167 / config.batch_size
        assert config.steps == round(310 * per_epoch)
        assert config.schedule_steps == round(300 * per_epoch)
        assert config.optim.warmup_fraction * 300 == pytest.approx(warmup)
        assert config.images.label_smoothing == 0.1


def test_kernels_for_a_coarse_grid_have_the_published_steps_of_that_grid() -> None:
    kernels = s4nd_mnist_zero_shot().image_model.trunk.s4nd
    assert kernels.bandlimit == 0.25  # what 7 x 7 points show of 28 x 28
    assert [step * 4 for step in kernels.dt] == [0.1, 1.0]
    kernels = s4nd_omniglot().image_model.trunk.s4nd
    assert [step * 7 for step in kernels.dt] == pytest.approx([0.1, 1.0])
    assert kernels.bandlimit == 1 / 7


def test_time_of_clips_has_no_bandlimit() -> None:
    kernels = s4nd_moving_digits().image_model.trunk.s4nd
    assert kernels.bandlimit == (None, 0.5, 0.5)
    assert kernels.dt == ((0.1, 1.0), (0.05, 0.5), (0.05, 0.5))


def test_the_tiny_run_is_small() -> None:
    config = s4nd_tiny()
    assert (config.images.rate, config.steps * config.batch_size) == (4.0, 24_000)
    assert parameters(s4nd_tiny) < 15_000


def test_stages_of_mnist_end_without_a_limit() -> None:
    stages = s4nd_mnist_progressive().images.stages
    assert stages[0] == ImageStage(rate=4.0, steps=1200, bandlimit=0.25)
    assert (stages[-1].bandlimit, sum(stage.steps for stage in stages)) == ("none", 2400)

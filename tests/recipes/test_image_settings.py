"""Short settings of runs on images: another source, epochs, stages; the model follows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from longwave.errors import ConfigError, MissingFile
from longwave.recipes import apply_settings, load_recipe
from longwave.training import TrainConfig


def changed(recipe: str, *settings: str) -> TrainConfig:
    return apply_settings(load_recipe(recipe), settings)


@pytest.fixture
def source(tmp_path: Path) -> str:
    """Return a file of 40 training and 10 test images in colours, of 6 classes."""
    rng = np.random.default_rng(0)
    arrays = {
        f"{name}_{kind}": rng.integers(0, high, shape).astype(np.uint8)
        for name, n in (("train", 40), ("test", 10))
        for kind, high, shape in (("x", 256, (n, 8, 8, 3)), ("y", 6, (n,)))
    }
    arrays["test_y"][0] = 5
    np.savez(tmp_path / "images.npz", **arrays)
    return str(tmp_path / "images.npz")


def test_nothing_is_read_where_nothing_depends_on_it() -> None:
    config = changed("s4nd-cifar", "optim.lr=1e-3", "steps=100", "seed=4")
    assert (config.optim.lr, config.steps, config.seed, config.images.source) == (
        1e-3, 100, 4, "cifar-10-batches-bin",
    )  # fmt: skip


@pytest.mark.parametrize("key", ["data", "data.source"])
def test_another_source_keeps_rate_and_epochs_and_the_model_follows(key: str, source: str) -> None:
    config = changed("s4nd-tiny", f"{key}={source}")
    assert (config.images.source, config.images.rate) == (source, 4.0)
    assert (config.image_model.in_channels, config.image_model.n_classes) == (3, 6)
    assert config.steps == 5  # 6 epochs of 40 images


def test_a_recipe_for_files_elsewhere_takes_other_files(source: str) -> None:
    config = changed("s4nd-cifar", f"data={source}")
    assert (config.steps, config.image_model.n_classes) == (90_000, 6)


def test_a_source_that_is_not_there_is_named() -> None:
    with pytest.raises(MissingFile, match="no/where"):
        changed("s4nd", "data=no/where")


def test_options_of_a_source_need_no_full_name() -> None:
    config = changed("s4nd", "data=omniglot", "data.task=character", "epochs=1")
    assert config.images.options == {"task": "character"}
    assert (config.image_model.n_classes, config.steps) == (242, 78)


def test_epochs_follow_samples_and_batch_size(source: str) -> None:
    assert changed("s4nd-tiny", f"data={source}", "epochs=10", "batch_size=8").steps == 50
    assert changed("s4nd-tiny", "data.n_train=400").steps == 48
    assert changed("s4nd-tiny", "batch_size=100").steps == 240


def test_steps_that_are_said_are_taken_and_stages_move_along() -> None:
    config = changed("s4nd-mnist-progressive", "steps=12")
    assert (config.steps, [stage.steps for stage in config.images.stages]) == (12, [6, 3, 3])
    assert config.eval_every == 1


def test_stages_that_are_said_give_the_steps() -> None:
    config = changed(
        "s4nd-tiny", "data.rate=1", "data.stages=[{rate: 4, steps: 3}, {steps: 2, bandlimit: none}]"
    )
    assert (config.steps, config.images.stages[1].bandlimit) == (5, "none")


def test_stages_can_be_left_out() -> None:
    config = changed("s4nd-mnist-progressive", "data.stages=[]", "data.rate=2")
    assert (config.steps, config.images.rate, config.images.stages) == (2400, 2.0, ())


def test_what_is_said_of_the_model_holds() -> None:
    config = changed("s4nd-tiny", "model.trunk.s4nd.bandlimit=null", "data.augment.padding=1", "eval_every=7")
    assert config.image_model.trunk.s4nd.bandlimit is None
    assert (config.images.augment.padding, config.eval_every) == (1, 7)


@pytest.mark.parametrize("epochs", ["0", "many", "inf"])
def test_epochs_out_of_range_are_refused(epochs: str) -> None:
    with pytest.raises(ConfigError, match=f'"epochs" is "{epochs}"'):
        changed("s4nd-tiny", f"epochs={epochs}")


def test_a_wrong_option_is_refused() -> None:
    with pytest.raises(ConfigError, match="tsk"):
        changed("s4nd", "data=omniglot", "data.tsk=character")

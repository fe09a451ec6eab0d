"""Settings of a run on fields: short spelling, and a model that follows its data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from longwave.errors import ConfigError
from longwave.recipes import apply_settings, load_recipe
from longwave.training import TrainConfig


@pytest.fixture
def t1() -> TrainConfig:
    return load_recipe("t1-tiny")


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    """Return a file of 20 samples with 3 frames in and 1 out on 18 x 12 points."""
    io = pytest.importorskip("scipy.io")
    arrays = {"a": np.ones((20, 18, 12)), "u": np.ones((20, 18, 12, 4))}
    io.savemat(tmp_path / "flow.mat", arrays)
    return tmp_path / "flow.mat"


def test_without_settings_nothing_changes(t1: TrainConfig) -> None:
    assert apply_settings(t1, []) == t1


def test_another_equation_brings_its_channels_and_its_grid(t1: TrainConfig) -> None:
    config = apply_settings(t1, ["data=airfoil"])
    assert (config.model.in_channels, config.model.resolution, config.model.n_modes) == (
        3,
        (128, 128),
        (12, 12),
    )
    assert (config.fields.equation, config.fields.options, config.fields.n_train) == ("airfoil", {}, None)


def test_another_number_of_axes_keeps_the_modes_of_the_first(t1: TrainConfig) -> None:
    assert apply_settings(t1, ["data=burgers"]).model.n_modes == (12,)


def test_a_file_brings_its_channels_and_its_grid(t1: TrainConfig, flow: Path) -> None:
    config = apply_settings(t1, [f"data={flow}", "data.n_context=0", "data.n_train=10"])
    assert (config.fields.file, config.fields.n_train) == (str(flow), 10)
    assert (config.model.out_channels, config.model.resolution) == (4, (18, 12))


def test_modes_that_the_grid_does_not_have_are_left_out(t1: TrainConfig) -> None:
    assert apply_settings(t1, ["data.resolution=8"]).model.n_modes == (8, 8)
    fno = apply_settings(load_recipe("fno-tiny"), ["data.resolution=8"])
    assert fno.model.n_modes == (4, 4)
    unet = apply_settings(load_recipe("unet-navier-stokes"), ["data.resolution=8"])
    assert unet.model.n_levels == 3


def test_what_is_set_does_not_follow(t1: TrainConfig) -> None:
    config = apply_settings(t1, ["model.n_modes=[7, 5]", "data.resolution=16", "steps=3"])
    assert (config.model.n_modes, config.model.resolution, config.steps) == ((7, 5), (16, 16), 3)


@pytest.mark.parametrize("key", ["data.viscosity=1e-4", "data.options.viscosity=1e-4"], ids=["short", "full"])
def test_options_of_the_equation_may_be_spelled_short(key: str, t1: TrainConfig) -> None:
    config = apply_settings(t1, [key])
    assert config.fields.simulation().viscosity == 1e-4
    assert config.fields.options["horizon"] == 10.0


@pytest.mark.parametrize(
    ("entries", "steps"),
    [
        (["data.n_train=200"], 1000),
        (["batch_size=10"], 1000),
        (["epochs=7"], 35),
        (["epochs=0.5", "batch_size=50"], 1),
        (["data.n_test=7"], 500),
    ],
    ids=["samples", "batch", "epochs", "half", "test-samples"],
)
def test_epochs_stay_unless_they_are_set(entries: list[str], steps: int, t1: TrainConfig) -> None:
    config = apply_settings(t1, entries)
    assert config.steps == steps
    assert config.eval_every <= config.steps


@pytest.mark.parametrize("value", ["0", "-1", "many", "inf", "nan"])
def test_epochs_that_are_no_number_above_0_are_refused(value: str, t1: TrainConfig) -> None:
    with pytest.raises(ConfigError, match=f'"epochs" is "{value}"'):
        apply_settings(t1, [f"epochs={value}"])


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("data=darci", 'Did you mean "darcy"'),
        ("data.viscocity=1", 'Unknown key "viscocity"'),
        ("data.n_train=many", r'"data\.n_train"'),
        ("model.basis=sine", r'"model\.basis"'),
        ("data", "is not a setting"),
    ],
    ids=["equation", "option", "type", "basis", "no-value"],
)
def test_a_mistake_is_told_with_its_key(entry: str, told: str, t1: TrainConfig) -> None:
    with pytest.raises(ConfigError, match=told):
        apply_settings(t1, [entry])

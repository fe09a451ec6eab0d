"""Fields come from an equation or a file, with settings that are checked before anything is simulated."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from longwave.config import load_config, to_dict
from longwave.errors import ConfigError, MissingFile, UnknownName
from longwave.training import FieldDataConfig, load_fields
from longwave.training.field_data import FieldShape, describe_fields

Save = Callable[..., Path]


@pytest.fixture
def matlab(tmp_path: Path) -> Path:
    """Return a file of 10 samples of Darcy flow as FNO's authors publish them, 9 x 9 points."""
    io = pytest.importorskip("scipy.io")
    rng = np.random.default_rng(0)
    arrays = {"coeff": rng.uniform(3, 12, (10, 9, 9)), "sol": rng.normal(size=(10, 9, 9))}
    io.savemat(tmp_path / "flow.mat", arrays)
    return tmp_path / "flow.mat"


def test_an_equation_is_made_with_its_settings(fields: FieldDataConfig) -> None:
    data = load_fields(fields)
    assert (data.name, len(data.train), len(data.test), data.sizes) == ("burgers", 12, 5, (32,))


def test_more_samples_begin_with_the_fewer(fields: FieldDataConfig) -> None:
    more = load_fields(replace(fields, n_train=14))
    assert torch.equal(more.train.inputs[:12], load_fields(fields).train.inputs)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (FieldDataConfig(equation="burgers", resolution=64), ((64,), 1, 1, 1000)),
        (FieldDataConfig(equation="darcy", n_train=7), ((85, 85), 1, 1, 7)),
        (FieldDataConfig(equation="airfoil"), ((128, 128), 3, 3, 1000)),
        (
            FieldDataConfig(equation="navier_stokes_1e-3", options={"n_frames": 12, "n_context": 10}),
            ((64, 64), 10, 2, 1000),
        ),
    ],
    ids=["burgers", "darcy", "airfoil", "frames"],
)
def test_the_shape_of_an_equation_is_known_before_it_is_solved(
    config: FieldDataConfig, expected: tuple[tuple[int, ...], int, int, int]
) -> None:
    sizes, n_in, n_out, n_train = expected
    shape = FieldShape(in_channels=n_in, out_channels=n_out, sizes=sizes, n_train=n_train)
    assert describe_fields(config) == shape


def test_the_shape_that_is_told_is_the_shape_that_is_made(fields: FieldDataConfig) -> None:
    data = load_fields(fields)
    assert describe_fields(fields).sizes == data.sizes


def test_a_fifth_of_a_file_is_for_testing(matlab: Path) -> None:
    data = load_fields(FieldDataConfig(file=str(matlab)))
    assert (len(data.train), len(data.test), data.sizes) == (8, 2, (9, 9))


def test_a_file_is_read_as_asked_for(matlab: Path) -> None:
    config = FieldDataConfig(file=str(matlab), n_train=3, n_test=4, options={"every": 4})
    assert describe_fields(config) == FieldShape(in_channels=1, out_channels=1, sizes=(3, 3), n_train=3)


def test_a_file_can_be_made_coarser(matlab: Path) -> None:
    assert load_fields(FieldDataConfig(file=str(matlab), resolution=3)).sizes == (3, 3)


def test_an_unknown_way_to_read_a_file_is_refused(matlab: Path) -> None:
    with pytest.raises(ConfigError, match='Unknown key "each"'):
        load_fields(FieldDataConfig(file=str(matlab), options={"each": 4}))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="gone"):
        load_fields(FieldDataConfig(file=str(tmp_path / "gone.mat")))


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({}, "give one of the two"),
        ({"equation": "darcy", "file": "x.mat"}, "give one of the two"),
        ({"equation": "darcy", "n_train": 0}, '"n_train" is 0'),
        ({"equation": "darcy", "n_test": 0}, '"n_test" is 0'),
        ({"equation": "darcy", "resolution": 1}, '"resolution" is 1'),
        ({"equation": "darcy", "seed": -1}, '"seed" is -1'),
        ({"equation": "darcy", "goal": 0.0}, '"goal" is 0'),
    ],
    ids=["none", "both", "train", "test", "resolution", "seed", "goal"],
)
def test_a_wrong_setting_is_named(keys: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        FieldDataConfig(**keys)


def test_an_unknown_equation_names_the_nearest() -> None:
    with pytest.raises(UnknownName, match="darcy"):
        load_fields(FieldDataConfig(equation="darci"))


def test_an_unknown_setting_of_an_equation_is_named() -> None:
    with pytest.raises(ConfigError, match='Unknown key "viscocity"'):
        FieldDataConfig(equation="burgers", options={"viscocity": 1.0}).simulation()


def test_settings_survive_json(fields: FieldDataConfig) -> None:
    assert load_config(FieldDataConfig, to_dict(fields)) == fields


def test_a_simulation_tells_how_far_it_is_and_a_second_one_nothing(
    fields: FieldDataConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "longwave.training.field_data")
    load_fields(replace(fields, folder=str(tmp_path)))
    told = [record.getMessage() for record in caplog.records]
    assert told[0] == 'Simulating "burgers": 0 of 17 samples.'
    assert told[-1] == 'Simulating "burgers": 17 of 17 samples.'
    caplog.clear()
    load_fields(replace(fields, folder=str(tmp_path)))
    assert caplog.records == []

"""Named data sets: each is made, small, and found again."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from longwave.config import load_config, to_dict
from longwave.data.pde import PDE_DATA, BurgersConfig, DarcyConfig, make_pde_data, pde_config
from longwave.errors import ConfigError, UnknownName

SMALL = {
    "airfoil": {"resolution": 16},
    "burgers": {"resolution": 32, "horizon": 0.01},
    "darcy": {"resolution": 9},
    "navier_stokes_1e-3": {"resolution": 16, "horizon": 1.0},
    "navier_stokes_1e-4": {"resolution": 16, "horizon": 1.0},
    "navier_stokes_1e-5": {"resolution": 16, "solve_resolution": 32, "horizon": 1.0},
    "smoke": {"resolution": 12, "horizon": 0.1},
}
names = pytest.mark.parametrize("name", PDE_DATA)


def small(name: str, **more):
    return dataclasses.replace(pde_config(name), n_train=3, n_test=2, **SMALL[name], **more)


@names
def test_every_set_is_made_and_is_what_its_configuration_says(name: str, tmp_path: Path) -> None:
    made = make_pde_data(name, small(name), tmp_path)
    inputs, targets = small(name).channels()
    assert (len(made.train), len(made.test), made.sizes[0]) == (3, 2, small(name).resolution)
    assert (made.train.inputs.shape[1], made.test.targets.shape[1]) == (len(inputs), len(targets))
    assert made.train.inputs.dtype == made.train.targets.dtype == torch.float32
    assert (made.train.targets.flatten(1).std(1) > 0).all()
    assert made.is_periodic == ("navier" in name or name == "burgers")


@names
def test_train_and_test_differ_and_the_same_seed_makes_the_same(name: str, tmp_path: Path) -> None:
    one, other = (make_pde_data(name, small(name), tmp_path / folder) for folder in "ab")
    assert torch.equal(one.test.targets, other.test.targets)
    assert one.hash == other.hash
    assert not torch.equal(one.train.targets[:2], one.test.targets)
    third = make_pde_data(name, small(name, seed=1), tmp_path / "a")
    assert not torch.equal(third.test.targets, one.test.targets)


@names
def test_configurations_survive_a_file(name: str) -> None:
    config = pde_config(name)
    assert load_config(type(config), to_dict(config)) == config


def test_the_hash_follows_the_counts(tmp_path: Path) -> None:
    hashes = [
        make_pde_data("darcy", dataclasses.replace(small("darcy"), n_train=n), tmp_path).hash for n in (3, 4)
    ]
    assert hashes[0] != hashes[1]
    assert len(list(tmp_path.iterdir())) == 1  # the folder is the same


def test_an_unknown_name_lists_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r'Did you mean .*"navier_stokes_1e-3"'):
        make_pde_data("navier_stokes")


def test_settings_of_another_equation_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='"burgers" is set by BurgersConfig, not by DarcyConfig'):
        make_pde_data("burgers", DarcyConfig(), tmp_path)


@pytest.mark.parametrize("wrong", [{"n_train": 0}, {"n_test": 0}, {"seed": -1}], ids=str)
def test_counts_out_of_range_are_named(wrong: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f'"{next(iter(wrong))}" is'):
        make_pde_data("burgers", BurgersConfig(**wrong), tmp_path)


@pytest.mark.gpu
@names
def test_a_gpu_makes_the_samples_of_a_cpu(name: str) -> None:
    keys = [(0, 0, 0), (0, 0, 1)]
    here, there = (small(name).draw(keys, torch.device(device)) for device in ("cpu", "cuda"))
    assert all(torch.allclose(x, y.cpu(), rtol=0, atol=1e-9) for x, y in zip(here, there, strict=True))

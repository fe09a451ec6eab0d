from __future__ import annotations

import json
import logging
import math

import pytest
import torch

from longwave.config import load_config, to_dict
from longwave.errors import ConfigError, DataError, ShapeError
from longwave.models import T1Config, irreducible_loss
from longwave.models.pde.t1_config import resolve
from longwave.ops.transforms import inverse

SIZES = {"in_channels": 1, "out_channels": 1, "resolution": (10, 9), "n_modes": (4, 3)}


@pytest.fixture
def periodic(generator: torch.Generator) -> torch.Tensor:
    """Return fields of periodic modes, more of them on the first axis."""
    return inverse(torch.randn(6, 1, 5, 3, generator=generator, dtype=torch.float64), "rfft", (10, 9))


def test_defaults_are_the_papers_for_navier_stokes():
    config = T1Config(**SIZES)
    assert (config.d_model, config.n_layers, config.d_head, config.head_std) == (48, 8, 128, 1e-8)
    assert (config.init, config.first_layer_only, config.keep_high) == ("vp", True, False)


def test_a_configuration_survives_json():
    config = T1Config(**SIZES, basis="rfft", kept=(0, 2, 11), init="vp-data", input_energy=0.9)
    assert load_config(T1Config, json.loads(json.dumps(to_dict(config)))) == config
    assert config.box == (4, 3)
    assert config.n_dims == 2
    assert config.mode_count == 3
    assert T1Config(**SIZES, basis="dct").mode_count == 12


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"resolution": (10, 1)}, r'"resolution" is \[10, 1\]; give 1 to 3 axes of at least 2 points'),
        ({"resolution": ()}, r'"resolution" is \[\]'),
        ({"n_modes": (11, 3)}, r'"n_modes" is \[11, 3\] on a grid of \[10, 9\] points'),
        ({"n_modes": (4,)}, r'"n_modes" is \[4\] on a grid of \[10, 9\] points'),
        ({"n_modes": (4, 0)}, r'"n_modes" is \[4, 0\]'),
        ({"n_modes": None}, 'give "n_modes", "energy" or "top"'),
        ({"energy": 0.9}, '"energy" is 0.9 and "n_modes" is .* give one of the two'),
        ({"energy": 1.5, "n_modes": None}, '"energy" is 1.5'),
        ({"kept": (3, 1)}, '"kept" names 2 modes of a box of 12; give different places from 0 to 11'),
        ({"kept": (3, 12)}, '"kept" names 2 modes'),
        ({"kept": ()}, '"kept" names 0 modes'),
        ({"input_energy": 0.0}, '"input_energy" is 0.0; a share is above 0'),
        ({"d_model": 0}, '"d_model" is 0; it must be at least 1'),
        ({"top": -2}, '"top" is -2'),
    ],
    ids=str,
)
def test_sizes_that_contradict_each_other_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        T1Config(**SIZES | changes)


def test_an_unknown_basis_is_refused_when_a_file_is_read():
    with pytest.raises(ConfigError, match=r'"basis" in T1Config is wrong.*"fft"'):
        load_config(T1Config, SIZES | {"resolution": [10, 9], "n_modes": [4, 3], "basis": "fft"})


@pytest.mark.parametrize(
    ("changes", "basis", "box", "kept"),
    [
        ({"n_modes": (5, 3)}, "rfft", (5, 3), None),
        ({"n_modes": None, "energy": 1 - 1e-9}, "rfft", (5, 3), None),
        ({"n_modes": None, "top": 15}, "rfft", (5, 3), None),
        ({"n_modes": (5, 3), "basis": "hartley"}, "hartley", (5, 3), None),
    ],
    ids=["modes", "energy", "top", "named"],
)
def test_data_settle_basis_and_modes(periodic, changes, basis, box, kept):
    config = resolve(T1Config(**SIZES | changes), periodic, periodic)
    assert (config.basis, config.box, config.kept) == (basis, box, kept)
    assert irreducible_loss(periodic, box, basis) < 1e-6


def test_top_modes_of_a_box_are_kept_in_their_places(periodic):
    config = resolve(T1Config(**SIZES | {"n_modes": (5, 3), "top": 4, "basis": "rfft"}), periodic, periodic)
    assert config.mode_count == 4
    assert config.top is None
    assert all(m <= n for m, n in zip(config.box, (5, 3), strict=True))


def test_inputs_settle_the_start_by_their_kept_energy(periodic):
    noise = inverse(torch.ones(2, 1, 10, 9, dtype=torch.float64), "dct", (10, 9))
    config = T1Config(**SIZES, basis="dct", init="vp-data")
    assert resolve(config, noise, periodic).input_energy == pytest.approx(12 / 90)
    named = T1Config(**SIZES, basis="dct", init="vp-data", input_energy=0.5)
    assert resolve(named, noise, periodic).input_energy == 0.5


def test_what_the_modes_lose_is_logged(periodic, caplog):
    with caplog.at_level(logging.INFO):
        resolve(T1Config(**SIZES, basis="rfft"), periodic, periodic)
    loss = irreducible_loss(periodic, (4, 3), "rfft")
    assert '12 modes of the basis "rfft"' in caplog.text
    assert f"{loss:.3g}" in caplog.text


def test_data_of_another_form_or_with_holes_are_refused(periodic):
    config = T1Config(**SIZES)
    with pytest.raises(ShapeError, match=r"inputs have shape .* names 1 channels on a grid of \(10, 9\)"):
        resolve(config, periodic[..., :8], periodic)
    broken = periodic.clone()
    broken[2, 0, 3, 3] = math.nan
    with pytest.raises(DataError, match="Sample 2 of targets is not finite"):
        resolve(config, periodic, broken)

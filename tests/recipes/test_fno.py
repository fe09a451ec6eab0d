"""Published settings of the baselines, number by number."""

from __future__ import annotations

import pytest

from longwave import registry
from longwave.models.pde import UNetConfig
from longwave.recipes import (
    ffno_navier_stokes,
    fno_burgers,
    fno_darcy,
    fno_navier_stokes,
    fno_tiny,
    load_recipe,
    t1_tiny,
    unet_airfoil,
)
from longwave.recipes.operators import fit_to_fields
from longwave.training import build_model

RECIPES = [
    name
    for name, entry in registry.entries("recipes").items()
    if entry.target.partition(":")[0] in ("longwave.recipes.fno", "longwave.recipes.t1")
]


def test_fno_and_ffno_of_t1s_comparison() -> None:
    fno, ffno = fno_navier_stokes(), ffno_navier_stokes()
    assert (fno.model.n_modes, fno.model.n_layers, fno.model.d_model) == ((24, 24), 6, 32)
    assert (ffno.model.n_modes, ffno.model.n_layers, ffno.model.d_model) == ((32, 32), 10, 82)
    assert (fno.optim, fno.steps, fno.data) == (ffno.optim, ffno.steps, ffno.data)


def test_fnos_own_runs() -> None:
    darcy, burgers = fno_darcy(), fno_burgers()
    assert (darcy.model.n_modes, darcy.model.d_model, darcy.model.padding) == ((12, 12), 32, 9)
    assert (burgers.model.n_modes, burgers.model.d_model, burgers.model.n_layers) == ((16,), 64, 4)
    assert (darcy.batch_size, darcy.steps) == (20, 500 * 1000 // 20)


def test_the_unet_of_airfoils_has_a_rate_of_its_own() -> None:
    assert (unet_airfoil().optim.lr, unet_airfoil().model.n_levels) == (3e-3, 7)
    assert isinstance(unet_airfoil().model, UNetConfig)


def test_tiny_twins_have_the_same_band_and_data() -> None:
    t1, fno = t1_tiny(), fno_tiny()
    assert (t1.model.n_modes, t1.data) == (tuple(2 * m for m in fno.model.n_modes), fno.data)


@pytest.mark.parametrize("name", RECIPES)
def test_every_model_fits_its_data(name: str) -> None:
    config = load_recipe(name)
    assert fit_to_fields(config) == config


@pytest.mark.parametrize("name", [name for name in RECIPES if name.endswith("tiny")])
def test_tiny_models_are_tiny(name: str) -> None:
    import dataclasses

    model = load_recipe(name).model
    settled = dataclasses.replace(model, basis="rfft") if hasattr(model, "basis") else model
    assert sum(p.numel() for p in build_model(settled).parameters()) < 500_000

"""The settings of arXiv 2211.14453's public code, number by number."""

from __future__ import annotations

from longwave.models.pde import T1Config, T1PlusConfig
from longwave.recipes import (
    fno_smoke,
    load_recipe,
    t1_airfoil,
    t1_darcy,
    t1_navier_stokes,
    t1_plus_navier_stokes,
    t1_smoke,
    t1_tiny,
)
from longwave.recipes.operators import fit_to_fields


def test_navier_stokes() -> None:
    config = t1_navier_stokes(seed=3)
    assert config.model == T1Config(
        in_channels=1, out_channels=1, resolution=(64, 64), n_modes=(24, 24), d_model=48, n_layers=8
    )
    assert (config.model.activation, config.model.d_head, config.model.first_layer_only) == (
        "gelu",
        128,
        True,
    )
    assert (config.fields.simulation().viscosity, config.fields.simulation().horizon) == (1e-3, 50.0)
    assert (config.batch_size, config.steps, config.seed) == (64, -(-500 * 1000 // 64), 3)


def test_the_rate_is_halved_every_100_of_500_epochs() -> None:
    optim = t1_navier_stokes().optim
    assert (optim.lr, optim.weight_decay, optim.clip, optim.warmup_fraction) == (1e-3, 1e-4, 0.0, 0.0)
    assert (optim.schedule, optim.decay, optim.final_lr_fraction) == ("step", 0.5, 1 / 16)


def test_airfoils() -> None:
    config = t1_airfoil()
    assert (config.model.n_modes, config.model.d_model, config.model.n_layers) == ((100, 100), 24, 6)
    assert (config.optim.decay, round(config.optim.final_lr_fraction, 6)) == (0.6, 0.216)
    assert (config.fields.n_train, config.steps) == (10_000, 400 * 10_000 // 64)


def test_t1_plus_has_a_unet_from_64_channels() -> None:
    assert isinstance(t1_plus_navier_stokes().model, T1PlusConfig)
    assert t1_plus_navier_stokes().model.channel_exponent == 6


def test_smoke_tells_ten_pictures_from_two_for_twins_of_one_band() -> None:
    t1, fno = t1_smoke(), fno_smoke(seed=2)
    assert (t1.model.in_channels, t1.model.out_channels) == (2, 10)
    assert (t1.data, t1.optim, t1.steps) == (fno.data, fno.optim, fno.steps)
    assert t1.model.n_modes == tuple(2 * m for m in fno.model.n_modes)
    assert t1.fields.chosen_symmetries().names == ("mirror-x",)
    assert (fit_to_fields(t1), fit_to_fields(fno)) == (t1, fno)
    assert (t1.seed, fno.seed) == (0, 2)
    assert (load_recipe("t1-smoke"), load_recipe("fno-smoke")) == (t1, fno_smoke())


def test_the_basis_is_left_to_the_data() -> None:
    assert {recipe().model.basis for recipe in (t1_navier_stokes, t1_darcy, t1_airfoil, t1_tiny)} == {"auto"}

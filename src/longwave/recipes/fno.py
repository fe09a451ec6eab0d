"""The baselines of operator learning: FNO, factorised FNO and U-Net, with published settings.

Modes are counted as in the papers: 24 keeps the frequencies up to 23 cycles of both signs, twice the band of
a T1 with 24 modes.
"""

from __future__ import annotations

from longwave.models.pde import FFNOConfig, FNOConfig, UNetConfig
from longwave.recipes.operators import operator_run, tiny_flow
from longwave.recipes.t1 import airfoils, smoke
from longwave.training import FieldDataConfig, TrainConfig

__all__ = [
    "ffno_airfoil",
    "ffno_navier_stokes",
    "fno",
    "fno_airfoil",
    "fno_burgers",
    "fno_darcy",
    "fno_navier_stokes",
    "fno_smoke",
    "fno_tiny",
    "unet_airfoil",
    "unet_navier_stokes",
]


def fno() -> TrainConfig:
    """Return a run for data of one's own: the settings of Darcy flow."""
    return fno_darcy()


def fno_navier_stokes(*, seed: int = 0) -> TrainConfig:
    """Return the flow of high viscosity as in T1's comparison: 24 modes, 6 layers of width 32.

    References
    ----------
    Public code of arXiv 2211.14453.
    """
    model = FNOConfig(in_channels=1, out_channels=1, n_modes=(24, 24), d_model=32, n_layers=6)
    return operator_run(model, FieldDataConfig(equation="navier_stokes_1e-3"), seed=seed)


def fno_darcy(*, seed: int = 0) -> TrainConfig:
    """Return Darcy flow at 85 x 85: 12 modes, 4 layers of width 32, 9 points of padding.

    References
    ----------
    Section 5.2 of arXiv 2010.08895 and its public code.
    """
    model = FNOConfig(
        in_channels=1,
        out_channels=1,
        n_modes=(12, 12),
        d_model=32,
        n_layers=4,
        padding=9,
        coordinates="centre",
    )
    return operator_run(model, FieldDataConfig(equation="darcy"), batch_size=20, seed=seed)


def fno_burgers(*, seed: int = 0) -> TrainConfig:
    """Return Burgers' equation at 1024 points: 16 modes, 4 layers of width 64.

    References
    ----------
    Section 5.1 of arXiv 2010.08895 and its public code.
    """
    model = FNOConfig(in_channels=1, out_channels=1, n_modes=(16,), d_model=64, n_layers=4)
    return operator_run(model, FieldDataConfig(equation="burgers"), batch_size=20, seed=seed)


def fno_airfoil(*, seed: int = 0) -> TrainConfig:
    """Return airfoils at 128 x 128 as in T1's comparison: 64 modes, 6 layers of width 42."""
    model = FNOConfig(
        in_channels=3, out_channels=3, n_modes=(64, 64), d_model=42, n_layers=6, coordinates="centre"
    )
    return operator_run(model, airfoils(), epochs=400, decay=0.6, falls=3, seed=seed)


def fno_smoke(*, seed: int = 0) -> TrainConfig:
    """Return rising smoke at 64 x 64: the band of ``t1-smoke``, 4 layers of the paper's width 48."""
    data = smoke()
    inputs, targets = (len(part) for part in data.simulation().channels())
    model = FNOConfig(
        in_channels=inputs, out_channels=targets, n_modes=(16, 16), d_model=48, n_layers=4, padding=9,
        coordinates="centre",
    )  # fmt: skip
    return operator_run(model, data, epochs=100, batch_size=20, seed=seed)


def fno_tiny(*, seed: int = 0) -> TrainConfig:
    """Return a run of minutes on a CPU: the band of ``t1-tiny``, 4 layers of width 24."""
    model = FNOConfig(in_channels=1, out_channels=1, n_modes=(6, 6), d_model=24, n_layers=4)
    return operator_run(model, tiny_flow(), epochs=100, batch_size=20, seed=seed)


def ffno_navier_stokes(*, seed: int = 0) -> TrainConfig:
    """Return the same flow for the factorised FNO: 32 modes, 10 layers of width 82."""
    model = FFNOConfig(in_channels=1, out_channels=1, n_modes=(32, 32), d_model=82, n_layers=10)
    return operator_run(model, FieldDataConfig(equation="navier_stokes_1e-3"), seed=seed)


def ffno_airfoil(*, seed: int = 0) -> TrainConfig:
    """Return airfoils for the factorised FNO: 24 modes, 12 layers of width 64."""
    model = FFNOConfig(
        in_channels=3, out_channels=3, n_modes=(24, 24), d_model=64, n_layers=12, coordinates="centre"
    )
    return operator_run(model, airfoils(), epochs=400, decay=0.6, falls=3, seed=seed)


def unet_navier_stokes(*, seed: int = 0) -> TrainConfig:
    """Return the same flow for a U-Net of 6 levels from 2^6 channels; no run of the paper."""
    model = UNetConfig(in_channels=1, out_channels=1, channel_exponent=6, n_levels=6)
    return operator_run(model, FieldDataConfig(equation="navier_stokes_1e-3"), seed=seed)


def unet_airfoil(*, seed: int = 0) -> TrainConfig:
    """Return airfoils for the U-Net that arXiv 1810.08217 has for them: 7 levels, learning rate 3e-3."""
    model = UNetConfig(in_channels=3, out_channels=3, channel_exponent=6, n_levels=7)
    return operator_run(model, airfoils(), epochs=400, lr=3e-3, decay=0.6, falls=3, seed=seed)

"""Named data sets of differential equations: made once, kept on disk, equal everywhere up to rounding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import torch

from longwave.config import config_hash
from longwave.data.pde.airfoil import AirfoilConfig
from longwave.data.pde.burgers import BurgersConfig
from longwave.data.pde.chunks import Simulation, simulate, simulation_hash
from longwave.data.pde.darcy import DarcyConfig
from longwave.data.pde.fields import PDEDataSet
from longwave.data.pde.navier_stokes import NavierStokesConfig
from longwave.data.pde.smoke import SmokeConfig
from longwave.errors import ConfigError, UnknownName

__all__ = ["PDE_DATA", "PDEConfig", "make_pde_data", "pde_config"]

PDEConfig = AirfoilConfig | BurgersConfig | DarcyConfig | NavierStokesConfig | SmokeConfig

PDE_DATA: Mapping[str, PDEConfig] = MappingProxyType(
    {
        "airfoil": AirfoilConfig(),
        "burgers": BurgersConfig(),
        "darcy": DarcyConfig(),
        "navier_stokes_1e-3": NavierStokesConfig(),
        "navier_stokes_1e-4": NavierStokesConfig(viscosity=1e-4, horizon=15.0, courant=1.28),
        "navier_stokes_1e-5": NavierStokesConfig(
            viscosity=1e-5, horizon=20.0, courant=1.28, solve_resolution=128
        ),
        "smoke": SmokeConfig(),
    }
)
"""Names and what they stand for; change settings with ``dataclasses.replace``."""


def pde_config(name: str) -> PDEConfig:
    """Return the settings of a named data set.

    Raises
    ------
    UnknownName
        If there is no such data set.
    """
    try:
        return PDE_DATA[name]
    except KeyError:
        raise UnknownName("data set of an equation", name, PDE_DATA) from None


def make_pde_data(
    name: str,
    config: PDEConfig | None = None,
    folder: Path | str = "data",
    *,
    device: torch.device | str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> PDEDataSet:
    """Make a data set, or load as much of it as a folder holds already.

    Parameters
    ----------
    name : str
        One of ``PDE_DATA``; also the beginning of the name of its folder.
    config : PDEConfig, optional
        Of the same equation; default: what the name stands for.
    folder : Path or str
        Holds a folder for every data set, ``NAME-HASH`` with the hash of its settings.
    device : device
        Where it is simulated; the result is on the CPU.
    progress : callable, optional
        Called as ``progress(done, total)`` over samples, at first with those there were.

    Returns
    -------
    PDEDataSet
        float32; computed in float64.

    Raises
    ------
    UnknownName
        If there is no such data set.
    ConfigError
        If the settings are of another equation or out of range, or a simulation blows up.
    StorageError
        If the disk is full; what was finished is kept.

    Notes
    -----
    A sample depends on the settings, the seed, its split and its number: a larger data set begins with the
    smaller one and only the rest is made. Files of 20 samples are renamed into place, so that after a kill
    at most 20 samples (on a GPU, one batch) are made again. Processes that make the same data set at once
    do not disturb each other, but each does all the work.
    """
    known = pde_config(name)
    simulation = known if config is None else config
    if type(simulation) is not type(known):
        raise ConfigError(
            f'"{name}" is set by {type(known).__name__}, not by {type(simulation).__name__}. Give its own '
            "settings or another name."
        )
    _check_counts(simulation)
    digest = simulation_hash(simulation)
    train, test = simulate(
        simulation, Path(folder) / f"{name}-{digest}", device=torch.device(device), progress=progress
    )
    inputs, targets = simulation.channels()
    return PDEDataSet(
        name=name,
        train=train,
        test=test,
        input_channels=inputs,
        target_channels=targets,
        is_periodic=simulation.is_periodic,
        hash=config_hash(digest, simulation.n_train, simulation.n_test),
    )


def _check_counts(simulation: Simulation) -> None:
    for name, lowest in (("n_train", 1), ("n_test", 1), ("seed", 0)):
        if getattr(simulation, name) < lowest:
            raise ConfigError(
                f'"{name}" is {getattr(simulation, name)}; accepted is {lowest} or more. Change it.'
            )

"""Fields as the data of a run: an equation's, simulated when they are not there, or a file's."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from longwave.config import load_config, to_dict
from longwave.data.pde import (
    BurgersConfig,
    PDEConfig,
    PDEDataSet,
    Symmetries,
    make_pde_data,
    pde_config,
    read_pde_file,
)
from longwave.data.pde.array_files import open_arrays
from longwave.errors import ConfigError

__all__ = ["FieldDataConfig", "FieldShape", "describe_fields", "load_fields"]

logger = logging.getLogger(__name__)

AUTO = "auto"  # all symmetries
OWN = ("n_train", "n_test", "resolution", "seed")  # settings of an equation with a key of their own here


@dataclass(frozen=True, kw_only=True)
class FieldDataConfig:
    """Which fields to learn from; either an equation or a file.

    Parameters
    ----------
    equation : str, optional
        A name from ``longwave.data.pde.PDE_DATA``, such as ``"darcy"``; made once and kept in ``folder``.
    file : str, optional
        A ``.mat`` or ``.h5`` file in the format of FNO's or PDEBench's data.
    n_train, n_test : int, optional
        Samples; default those of the equation, or of the file all but a fifth, and that fifth.
    resolution : int, optional
        Points of the first axis; default that of the equation, or of the file.
    seed : int, optional
        Seeds the samples of an equation; default 0.
    options : mapping
        Other settings of the equation, e.g. ``{"viscosity": 1e-4}``, or how to read the file, e.g.
        ``{"every": 5}``; on the command line ``data.viscosity=1e-4`` is enough.
    folder : str
        Where data sets of equations are kept; no influence on any number.
    normalize : {"channels", "none"}
        Whether the model reads and writes channels of mean 0 and deviation 1, measured on the training
        samples. The loss and all errors are those of the fields themselves in any case.
    shifts : sequence of sequence of int
        Directions along which a periodic equation is the same everywhere, e.g. ``[[1, -1]]`` for the
        Navier-Stokes data here, whose force depends on ``x + y``. In every update each sample is moved along
        them by random numbers of grid points, input and target alike. Default: none.
    symmetries : str or sequence of str
        Names of symmetries of the equation, or ``"auto"`` for all that it has: in every update each sample is
        seen as some of them, chosen at random, would show it, input and target alike. Default: none.
    goal : float, optional
        The relative L2 error to reach. Modes that lose as much before any training are refused.

    Raises
    ------
    ConfigError
        If both or none of equation and file are given, or a number is out of range.
    """

    equation: str | None = None
    file: str | None = None
    n_train: int | None = None
    n_test: int | None = None
    resolution: int | None = None
    seed: int | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    folder: str = "data"
    normalize: Literal["channels", "none"] = "channels"
    shifts: tuple[tuple[int, ...], ...] = ()
    symmetries: str | tuple[str, ...] = ()
    goal: float | None = None

    def __post_init__(self) -> None:
        if (self.equation is None) == (self.file is None):
            raise ConfigError(
                f'"equation" is {self.equation} and "file" is {self.file}; give one of the two, such as '
                '"equation: darcy".'
            )
        for name, lowest in (("n_train", 1), ("n_test", 1), ("resolution", 2), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < lowest:
                raise ConfigError(f'"{name}" is {value}; accepted is {lowest} or more. Change it.')
        if self.goal is not None and not self.goal > 0:
            raise ConfigError(f'"goal" is {self.goal}; accepted is an error above 0. Change it.')

    @property
    def name(self) -> str:
        """What reports call the data."""
        return self.equation or Path(self.file or "").stem

    def simulation(self) -> PDEConfig:
        """Return the settings of the equation.

        Raises
        ------
        UnknownName
            If there is no such equation.
        ConfigError
            If a setting is unknown or wrong.
        """
        known = pde_config(self.equation or "")
        own = {name: getattr(self, name) for name in OWN if getattr(self, name) is not None}
        return load_config(type(known), {**to_dict(known), **self.options, **own})

    def chosen_symmetries(self) -> Symmetries:
        """Return what samples are moved by: along ``shifts``, and by the ``symmetries`` that are named.

        Raises
        ------
        UnknownName
            If the equation has no such symmetry.
        ConfigError
            If the fields come from a file, or a setting of the equation is wrong.
        """
        if not self.symmetries:
            return Symmetries(directions=self.shifts)
        if self.equation is None:
            raise ConfigError(
                f'"symmetries" are set, but the fields come from "{self.file}", which does not tell any. '
                'Leave them out; translations of a periodic equation can be named with "shifts".'
            )
        known = self.simulation().symmetries()
        names = (self.symmetries,) if isinstance(self.symmetries, str) else self.symmetries
        found = known if AUTO in names else known.choose(names)
        return Symmetries(
            directions=tuple(dict.fromkeys((*self.shifts, *found.directions))), moves=found.moves
        )


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """What ``options`` may say about a file; see ``longwave.data.pde.read_pde_file``."""

    inputs: str | None = None
    targets: str | tuple[str, ...] | None = None
    n_context: int | None = None
    target_frames: tuple[int, ...] | None = None
    every: int = 1
    is_periodic: bool | None = None


@dataclass(frozen=True, kw_only=True)
class FieldShape:
    """What a model has to fit: channels, grid, and how many samples there are to train on."""

    in_channels: int
    out_channels: int
    sizes: tuple[int, ...]
    n_train: int


def describe_fields(config: FieldDataConfig) -> FieldShape:
    """Tell the shape of data, without simulating them.

    Raises
    ------
    UnknownName, ConfigError, DataError, MissingFile
        If the settings or the file cannot be used.
    """
    if config.equation is None:
        data = _read_file(config)
        counts = len(data.input_channels), len(data.target_channels)
        sizes, n_train = data.sizes, len(data.train)
    else:
        simulation = config.simulation()
        inputs, targets = simulation.channels()
        counts, n_train = (len(inputs), len(targets)), simulation.n_train
        sizes = (simulation.resolution,) * (1 if isinstance(simulation, BurgersConfig) else 2)
    return FieldShape(in_channels=counts[0], out_channels=counts[1], sizes=sizes, n_train=n_train)


def load_fields(config: FieldDataConfig, device: torch.device | str = "cpu") -> PDEDataSet:
    """Make or read the data.

    Parameters
    ----------
    config : FieldDataConfig
    device : device
        Where an equation is solved; the result is on the CPU.

    Raises
    ------
    UnknownName, ConfigError, DataError, MissingFile
        If the data cannot be used as asked for.
    StorageError
        If the disk is full; what was made is kept.
    """
    if config.equation is not None:
        return make_pde_data(
            config.equation, config.simulation(), config.folder, device=device, progress=_teller(config.name)
        )
    return _read_file(config)


def _read_file(config: FieldDataConfig) -> PDEDataSet:
    path = Path(config.file or "")
    options = load_config(FileOptions, config.options)
    n_train, n_test = config.n_train, config.n_test
    if n_train is None or n_test is None:
        with open_arrays(path) as file:
            there = max(file.shapes.values(), key=math.prod, default=(0,))[0]
        n_test = min(there - 1, n_test or max(1, there // 5))
        n_train = n_train or there - n_test
    data = read_pde_file(path, n_train=n_train, n_test=n_test, **vars(options))
    return data if config.resolution is None else data.at_resolution(config.resolution)


def _teller(name: str) -> Callable[[int, int], None]:
    """Return what logs every tenth of a simulation."""
    told = -1

    def tell(done: int, total: int) -> None:
        nonlocal told
        share = 10 * done // max(1, total)
        if share != told and (told >= 0 or done < total):
            logger.info('Simulating "%s": %d of %d samples.', name, done, total)
        told = share

    return tell

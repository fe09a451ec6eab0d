"""Energy and emissions: of training, from published figures or four numbers; of an evaluation, measured."""

from __future__ import annotations

import inspect
import logging
import math
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from types import TracebackType
from typing import TYPE_CHECKING, Any

from longwave.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from codecarbon import OfflineEmissionsTracker

__all__ = [
    "EnergyMeter",
    "published_training_energy_mwh",
    "scale_training_energy_mwh",
    "training_emissions_kg",
    "training_energy_mwh",
]

_COUNTRY = re.compile("[A-Z]{3}")
_INTERVAL_S = 15.0
_log = logging.getLogger(__name__)


def training_energy_mwh(accelerators: float, tdp_w: float, hours: float, pue: float = 1.0) -> float:
    """Compute the energy of a training run: ``accelerators · TDP · hours · PUE / 10^6``.

    Parameters
    ----------
    accelerators : float
        How many worked at a time.
    tdp_w : float
        Thermal design power of one, in watts.
    hours : float
        Of wall time.
    pue : float
        Power usage effectiveness of the data centre, energy of the whole over energy of the machines; at
        least 1.

    Returns
    -------
    float
        Megawatt-hours.

    Raises
    ------
    ConfigError
        If a number is negative or none, or ``pue`` is below 1.

    References
    ----------
    Section 4.7 of arXiv 2211.09110.

    Examples
    --------
    >>> training_energy_mwh(1000, 400, 100, 1.25)
    50.0
    """
    named = {"accelerators": accelerators, "tdp_w": tdp_w, "hours": hours}
    for name, value in named.items():
        _check_amount(name, value)
    if not (math.isfinite(pue) and pue >= 1):
        raise ConfigError(f'"pue" is {pue}; a data centre needs at least the energy of its machines, so 1.')
    return accelerators * tdp_w * hours * pue / 1e6


def scale_training_energy_mwh(energy_mwh: float, flops_ratio: float) -> float:
    """Estimate the energy of a run from that of another one, by the share of floating-point operations.

    Parameters
    ----------
    energy_mwh : float
        Of the run that is known.
    flops_ratio : float
        Operations of the unknown run over those of the known one.

    Raises
    ------
    ConfigError
        If a number is negative or none.
    """
    _check_amount("energy_mwh", energy_mwh)
    _check_amount("flops_ratio", flops_ratio)
    return energy_mwh * flops_ratio


def training_emissions_kg(energy_mwh: float, intensity_kg_per_kwh: float) -> float:
    """Compute emissions in kg CO2e: energy times the carbon intensity of the electricity.

    Parameters
    ----------
    energy_mwh : float
    intensity_kg_per_kwh : float
        Kilograms CO2e a kilowatt-hour (the same number as tonnes a megawatt-hour).

    Raises
    ------
    ConfigError
        If a number is negative or none.
    """
    _check_amount("energy_mwh", energy_mwh)
    _check_amount("intensity_kg_per_kwh", intensity_kg_per_kwh)
    return energy_mwh * 1000 * intensity_kg_per_kwh


def published_training_energy_mwh(model: str) -> float | None:
    """Return the energy of a model's training as arXiv 2211.09110 reports it; None where it does not.

    Parameters
    ----------
    model : str
        A name as in ``training_costs.toml``, in any case.

    Examples
    --------
    >>> published_training_energy_mwh("GPT-J 6B")
    33.5
    """
    return _published().get(model.casefold())


class EnergyMeter:
    """Measure the energy of this machine while a block runs, an evaluation for example.

    Parameters
    ----------
    country : str, optional
        Where the machine stands, as three letters (``"USA"``, ISO 3166): tells the carbon intensity.
    intensity_kg_per_kwh : float, optional
        The carbon intensity itself; goes before ``country``.
    is_required : bool
        Whether a missing extra is an error; else nothing is measured and `missing` says why.

    Attributes
    ----------
    energy_kwh : float or None
        Kilowatt-hours of the block; None before its end and where nothing could be measured.
    emissions_kg : float or None
        Kilograms CO2e; None also where the carbon intensity is not known.
    missing : str or None
        Why nothing is measured.

    Raises
    ------
    ConfigError
        If the country is no code of three letters, or the intensity negative.
    MissingExtra
        On entering, if codecarbon is not installed.

    Notes
    -----
    codecarbon reads the power of processors, memory and GPUs, of the whole machine, where the system tells
    it, and else estimates it. It works offline, sends nothing and writes no file; only its own
    configuration files and environment variables can still change how it measures. What a hosted model uses
    at its provider is not seen.

    Examples
    --------
    >>> with EnergyMeter(country="USA", is_required=False) as meter:
    ...     total = sum(range(1000))
    >>> meter.missing is not None or meter.energy_kwh >= 0
    True
    """

    def __init__(
        self,
        *,
        country: str | None = None,
        intensity_kg_per_kwh: float | None = None,
        is_required: bool = True,
    ) -> None:
        if country is not None and not _COUNTRY.fullmatch(country):
            raise ConfigError(f'"country" is "{country}"; accepted are three capital letters, such as USA.')
        if intensity_kg_per_kwh is not None:
            _check_amount("intensity_kg_per_kwh", intensity_kg_per_kwh)
        self.country = country
        self.intensity_kg_per_kwh = intensity_kg_per_kwh
        self.is_required = is_required
        self.energy_kwh: float | None = None
        self.emissions_kg: float | None = None
        self.missing: str | None = None
        self._tracker: OfflineEmissionsTracker | None = None

    def __enter__(self) -> EnergyMeter:
        self.energy_kwh = self.emissions_kg = self.missing = None
        try:
            from codecarbon import OfflineEmissionsTracker
        except ImportError as error:
            wanted = MissingExtra("Measuring energy", "energy")
            if self.is_required:
                raise wanted from error
            self.missing = str(wanted)
            return self
        with _silent():
            # it does not start without a country; without ours its emissions are not looked at
            settings = {"country_iso_code": self.country or "USA", **_settings(OfflineEmissionsTracker)}
            self._tracker = OfflineEmissionsTracker(**settings)
            self._tracker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del kind, error, trace  # what the block raised goes on
        if self._tracker is None:
            return
        tracker, self._tracker = self._tracker, None
        with _silent():
            tracker.stop()
        # codecarbon swallows its own errors; what it then lacks is the only sign
        found = getattr(tracker, "final_emissions_data", None)
        if found is None:
            self.missing = "codecarbon could not measure on this machine."
            _log.warning("%s Energy is unknown.", self.missing)
            return
        self.energy_kwh = float(found.energy_consumed)
        if self.intensity_kg_per_kwh is not None:
            self.emissions_kg = self.energy_kwh * self.intensity_kg_per_kwh
        elif self.country is not None and found.country_name:  # else it takes the world's mean
            self.emissions_kg = float(found.emissions)


def _settings(tracker: type) -> dict[str, Any]:
    """Return what keeps the tracker to itself, as far as its version knows the names."""
    known = {
        name
        for each in tracker.__mro__
        if "__init__" in vars(each)
        for name in inspect.signature(vars(each)["__init__"]).parameters
    }
    wanted: dict[str, Any] = {
        "output_methods": [],
        "emissions_endpoint": False,
        "electricitymaps_api_token": "",
        "allow_multiple_runs": True,  # else it takes a lock and the signals of this process
        "measure_power_secs": _INTERVAL_S,
        "log_level": "critical",
        "pue": 1.0,
    }
    if "output_methods" not in known:  # an older codecarbon
        wanted |= {"save_to_file": False, "save_to_api": False}
    return {name: value for name, value in wanted.items() if name in known}


@contextmanager
def _silent() -> Iterator[None]:
    """Keep codecarbon's own log out of ours."""
    logger = logging.getLogger("codecarbon")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


@cache
def _published() -> dict[str, float]:
    text = files("longwave.metrics").joinpath("training_costs.toml").read_text("utf-8")
    return {name.casefold(): float(entry["energy_mwh"]) for name, entry in tomllib.loads(text).items()}


def _check_amount(name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0):
        raise ConfigError(f'"{name}" is {value}; accepted are numbers from 0.')

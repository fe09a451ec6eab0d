"""Energy of training by its formula; the meter with a made-up and with the real codecarbon."""

from __future__ import annotations

import socket
import sys
import types
from typing import ClassVar

import pytest

from longwave.errors import ConfigError, MissingExtra
from longwave.metrics import (
    EnergyMeter,
    published_training_energy_mwh,
    scale_training_energy_mwh,
    training_emissions_kg,
    training_energy_mwh,
)


def test_energy_is_power_by_time():
    assert training_energy_mwh(1000, 400, 100) == 40.0


def test_data_centre_counts():
    assert training_energy_mwh(8, 300, 24, pue=1.5) == pytest.approx(8 * 300 * 24 * 1.5 / 1e6)


def test_energy_scales_with_operations():
    assert scale_training_energy_mwh(1287.1, 0.5) == pytest.approx(643.55)


def test_emissions_are_energy_by_intensity():
    assert training_emissions_kg(2.0, 0.4) == pytest.approx(800.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: training_energy_mwh(-1, 400, 1), '"accelerators" is -1'),
        (lambda: training_energy_mwh(1, float("nan"), 1), '"tdp_w" is nan'),
        (lambda: training_energy_mwh(1, 1, float("inf")), '"hours" is inf'),
        (lambda: training_energy_mwh(1, 1, 1, 0.9), '"pue" is 0.9'),
        (lambda: scale_training_energy_mwh(1, -0.1), '"flops_ratio" is -0.1'),
        (lambda: training_emissions_kg(1, -1), '"intensity_kg_per_kwh" is -1'),
        (lambda: EnergyMeter(intensity_kg_per_kwh=-1), '"intensity_kg_per_kwh" is -1'),
        (lambda: EnergyMeter(country="usa"), '"country" is "usa"; accepted are three capital letters'),
    ],
    ids=["accelerators", "tdp", "hours", "pue", "ratio", "intensity", "meter-intensity", "country"],
)
def test_wrong_number_is_refused(call, message):
    with pytest.raises(ConfigError, match=message):
        call()


@pytest.mark.parametrize(
    ("model", "want"),
    [
        ("GPT-J 6B", 33.5),
        ("gpt-neox 20b", 60.1),
        ("GPT-3 175B", 1287.1),
        ("GPT-3 1.3B", 9.8),
        ("GPT-3 350M", 2.6),
    ],
)
def test_published_energy_of(model, want):
    assert published_training_energy_mwh(model) == want


def test_energy_that_was_not_published_is_unknown():
    assert published_training_energy_mwh("BLOOM 176B") is None


class Tracker:
    """Stands for codecarbon's: two watt-hours, whatever happens."""

    made: ClassVar[list[object]] = []

    def __init__(
        self, country_iso_code, output_methods=None, emissions_endpoint=None, allow_multiple_runs=None
    ):
        self.country = country_iso_code
        self.settings = (output_methods, emissions_endpoint, allow_multiple_runs)
        self.is_running = False
        Tracker.made.append(self)

    def start(self):
        self.is_running = True

    def stop(self):
        self.is_running = False
        self.final_emissions_data = types.SimpleNamespace(
            energy_consumed=0.002,
            emissions=0.0001,
            country_name="France" if self.country == "FRA" else None,
        )


class OlderTracker:
    """One that knows other words."""

    start, stop = Tracker.start, Tracker.stop

    def __init__(self, country_iso_code, save_to_file=True, save_to_api=True):
        self.country = country_iso_code
        self.settings = (save_to_file, save_to_api)
        Tracker.made.append(self)


@pytest.fixture
def tracker(monkeypatch):
    """Put the stand-in in the place of codecarbon."""
    Tracker.made.clear()
    module = types.ModuleType("codecarbon")
    module.OfflineEmissionsTracker = Tracker
    monkeypatch.setitem(sys.modules, "codecarbon", module)
    return Tracker


def test_meter_reads_energy_and_emissions(tracker):
    with EnergyMeter(country="FRA") as meter:
        assert tracker.made[0].is_running
    assert (meter.energy_kwh, meter.emissions_kg, meter.missing) == (0.002, 0.0001, None)
    assert not tracker.made[0].is_running


def test_given_intensity_goes_before_the_country(tracker):
    with EnergyMeter(country="FRA", intensity_kg_per_kwh=0.5) as meter:
        pass
    assert meter.emissions_kg == pytest.approx(0.001)


@pytest.mark.parametrize("country", [None, "XXX"], ids=["not-given", "not-known"])
def test_emissions_without_a_country_are_unknown(tracker, country):
    with EnergyMeter(country=country) as meter:
        pass
    assert (meter.energy_kwh, meter.emissions_kg) == (0.002, None)


def test_tracker_writes_and_sends_nothing(tracker):
    with EnergyMeter(country="FRA"):
        pass
    assert tracker.made[0].settings == ([], False, True)


def test_tracker_of_an_older_version_is_told_in_its_own_words(tracker, monkeypatch):
    monkeypatch.setattr(sys.modules["codecarbon"], "OfflineEmissionsTracker", OlderTracker)
    with EnergyMeter(country="FRA") as meter:
        pass
    assert (tracker.made[0].settings, meter.energy_kwh) == ((False, False), 0.002)


def test_error_in_the_block_ends_the_measurement_and_goes_on(tracker):
    meter = EnergyMeter(country="FRA")
    with pytest.raises(RuntimeError, match="in the block"), meter:
        raise RuntimeError("in the block")
    assert meter.energy_kwh == 0.002


def test_meter_measures_anew_each_time(tracker):
    meter = EnergyMeter()
    for _ in range(2):
        with meter:
            assert meter.energy_kwh is None
    assert len(tracker.made) == 2


def test_tracker_that_fails_leaves_the_energy_unknown(tracker, monkeypatch, caplog):
    monkeypatch.setattr(Tracker, "stop", lambda _: None)
    with EnergyMeter() as meter:
        pass
    assert meter.energy_kwh is None
    assert "could not measure" in (meter.missing or "")
    assert "Energy is unknown" in caplog.text


def test_missing_extra_is_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "codecarbon", None)
    with pytest.raises(MissingExtra, match=r"longwave\[energy\]"), EnergyMeter():
        pass


def test_missing_extra_can_be_let_pass(monkeypatch):
    monkeypatch.setitem(sys.modules, "codecarbon", None)
    with EnergyMeter(is_required=False) as meter:
        pass
    assert meter.energy_kwh is None
    assert "longwave[energy]" in (meter.missing or "")


@pytest.mark.slow
@pytest.mark.extra("energy")
def test_codecarbon_measures_offline_and_leaves_nothing(tmp_path, monkeypatch):
    pytest.importorskip("codecarbon")

    def refuse(*_):
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.chdir(tmp_path)
    with EnergyMeter(country="USA") as meter:
        sum(range(10**6))
    assert meter.energy_kwh > 0
    assert meter.emissions_kg > 0
    assert list(tmp_path.iterdir()) == []

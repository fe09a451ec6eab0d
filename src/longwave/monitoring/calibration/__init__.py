"""How far a confidence can be trusted. `measures` has the figures of one run, `drift` what became of them."""

from longwave.monitoring.calibration.confidence_map import (
    ConfidenceMap,
    ConfidenceMapping,
    fit_confidence_map,
)
from longwave.monitoring.calibration.drift import calibration_drift
from longwave.monitoring.calibration.measures import Calibration, calibrate, calibrate_levels

__all__ = [
    "Calibration",
    "ConfidenceMap",
    "ConfidenceMapping",
    "calibrate",
    "calibrate_levels",
    "calibration_drift",
    "fit_confidence_map",
]

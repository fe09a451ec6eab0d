"""A few chosen calls instead of all. `loop` drives a probe, `sampler` is its state, `estimate` its result."""

from longwave.monitoring.probing.design import Design
from longwave.monitoring.probing.estimate import ShiftEstimate
from longwave.monitoring.probing.instances import STATE_NAME, pick_baseline, probe_instances
from longwave.monitoring.probing.loop import ProbeResult, probe
from longwave.monitoring.probing.sampler import FAILED, ProbeConfig, Sampler
from longwave.monitoring.probing.stop import StopRule

__all__ = [
    "FAILED",
    "STATE_NAME",
    "Design",
    "ProbeConfig",
    "ProbeResult",
    "Sampler",
    "ShiftEstimate",
    "StopRule",
    "pick_baseline",
    "probe",
    "probe_instances",
]

"""The rule behind ``mode="auto"``: a table measured by ``benchmarks/online_conv``."""

from __future__ import annotations

from longwave.ops.long_conv.online.schedules import Epoched, Lazy, Relaxed, Schedule

__all__ = ["MODES", "choose_mode", "make_schedule"]

MODES = ("auto", "epoched", "lazy", "relaxed")

# Inputs of a whole stream, B D L, up to which the direct sum alone is fastest; above it tiles are.
LAZY_UP_TO = {"cpu": 2**16, "cuda": 2**24}

# Inputs in the direct sum of the relaxed mode: below this, a dot product beats the FFT of a tile.
RELAXED_BLOCK = {"cpu": 32, "cuda": 128}


def choose_mode(n_inputs: int, device_type: str) -> str:
    """Return the mode that is fastest for a whole stream of ``B D L`` inputs."""
    return "lazy" if n_inputs <= LAZY_UP_TO.get(device_type, LAZY_UP_TO["cuda"]) else "relaxed"


def make_schedule(mode: str, max_length: int, device_type: str) -> Schedule:
    """Return the plan of a mode other than "auto"."""
    if mode == "lazy":
        return Lazy(max_length)
    if mode == "epoched":
        return Epoched(max_length)
    return Relaxed(RELAXED_BLOCK.get(device_type, RELAXED_BLOCK["cuda"]))

"""Layers that mix the steps of a sequence: ``(B, L, D) -> (B, L, D)``."""

from longwave.mixers.attention import Attention, AttentionState
from longwave.mixers.base import Mixer, State, build_mixer
from longwave.mixers.filters import FilterConfig, ImplicitFilter
from longwave.mixers.hyena import Hyena, HyenaState

__all__ = [
    "Attention",
    "AttentionState",
    "FilterConfig",
    "Hyena",
    "HyenaState",
    "ImplicitFilter",
    "Mixer",
    "State",
    "build_mixer",
]

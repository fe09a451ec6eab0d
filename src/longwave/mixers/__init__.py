"""Layers that mix the steps of a sequence: ``(B, L, D) -> (B, L, D)``."""

from longwave.mixers.attention import Attention, AttentionState
from longwave.mixers.base import Mixer, State, build_mixer
from longwave.mixers.explicit_filters import DecayingConfig, ExplicitConfig
from longwave.mixers.explicit_kernel import ExplicitKernel, KernelConfig
from longwave.mixers.filters import FilterConfig, ImplicitFilter
from longwave.mixers.h3 import H3, H3ConvState, H3State
from longwave.mixers.hyena import Hyena, HyenaState
from longwave.mixers.long_conv import LongConv, LongConvState
from longwave.mixers.modal import ModalConfig, ModalFilter
from longwave.mixers.s4 import S4
from longwave.mixers.s4d import S4D
from longwave.mixers.s4nd import S4ND
from longwave.mixers.s4nd_config import S4NDConfig
from longwave.mixers.spectral import FactorizedSpectralConv, SpectralConv
from longwave.mixers.state_space import StateSpaceState
from longwave.mixers.study_filters import FourierConfig, S4FilterConfig, TransferConfig

__all__ = [
    "H3",
    "S4",
    "S4D",
    "S4ND",
    "Attention",
    "AttentionState",
    "DecayingConfig",
    "ExplicitConfig",
    "ExplicitKernel",
    "FactorizedSpectralConv",
    "FilterConfig",
    "FourierConfig",
    "H3ConvState",
    "H3State",
    "Hyena",
    "HyenaState",
    "ImplicitFilter",
    "KernelConfig",
    "LongConv",
    "LongConvState",
    "Mixer",
    "ModalConfig",
    "ModalFilter",
    "S4FilterConfig",
    "S4NDConfig",
    "SpectralConv",
    "State",
    "StateSpaceState",
    "TransferConfig",
    "build_mixer",
]

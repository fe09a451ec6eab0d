"""Models built from mixers."""

from longwave.models._state import LanguageModelState
from longwave.models.config import LanguageModelConfig
from longwave.models.language import LanguageModel
from longwave.models.pde import (
    FFNO,
    FNO,
    T1,
    FFNOConfig,
    FNOConfig,
    T1Config,
    T1Plus,
    T1PlusConfig,
    UNet,
    UNetConfig,
    choose_basis,
    irreducible_loss,
    relative_l2,
    rollout,
)
from longwave.models.presets import PRESETS, preset
from longwave.models.sizes import count_flops, count_parameters, match_parameters

__all__ = [
    "FFNO",
    "FNO",
    "PRESETS",
    "T1",
    "FFNOConfig",
    "FNOConfig",
    "LanguageModel",
    "LanguageModelConfig",
    "LanguageModelState",
    "T1Config",
    "T1Plus",
    "T1PlusConfig",
    "UNet",
    "UNetConfig",
    "choose_basis",
    "count_flops",
    "count_parameters",
    "irreducible_loss",
    "match_parameters",
    "preset",
    "relative_l2",
    "rollout",
]

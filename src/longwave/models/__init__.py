"""Models built from mixers."""

from longwave.models._state import LanguageModelState
from longwave.models.config import LanguageModelConfig
from longwave.models.language import LanguageModel
from longwave.models.presets import PRESETS, preset
from longwave.models.sizes import count_flops, count_parameters, match_parameters

__all__ = [
    "PRESETS",
    "LanguageModel",
    "LanguageModelConfig",
    "LanguageModelState",
    "count_flops",
    "count_parameters",
    "match_parameters",
    "preset",
]

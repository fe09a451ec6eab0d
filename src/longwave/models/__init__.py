"""Models built from mixers."""

from longwave.models._state import LanguageModelState
from longwave.models.config import LanguageModelConfig
from longwave.models.images import (
    IMAGE_PRESETS,
    ConvNeXtConfig,
    ImageClassifier,
    ImageClassifierConfig,
    IsotropicConfig,
    ViTConfig,
    image_preset,
)
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
from longwave.models.replace import (
    Replaced,
    Replacement,
    S4NDAttention,
    S4NDConv,
    replace_layers,
    s4nd_for_attention,
    s4nd_for_conv,
)
from longwave.models.sizes import count_flops, count_parameters, match_parameters
from longwave.models.video import VideoClassifier, VideoClassifierConfig, inflate

__all__ = [
    "FFNO",
    "FNO",
    "IMAGE_PRESETS",
    "PRESETS",
    "T1",
    "ConvNeXtConfig",
    "FFNOConfig",
    "FNOConfig",
    "ImageClassifier",
    "ImageClassifierConfig",
    "IsotropicConfig",
    "LanguageModel",
    "LanguageModelConfig",
    "LanguageModelState",
    "Replaced",
    "Replacement",
    "S4NDAttention",
    "S4NDConv",
    "T1Config",
    "T1Plus",
    "T1PlusConfig",
    "UNet",
    "UNetConfig",
    "ViTConfig",
    "VideoClassifier",
    "VideoClassifierConfig",
    "choose_basis",
    "count_flops",
    "count_parameters",
    "image_preset",
    "inflate",
    "irreducible_loss",
    "match_parameters",
    "preset",
    "relative_l2",
    "replace_layers",
    "rollout",
    "s4nd_for_attention",
    "s4nd_for_conv",
]

"""Models of images: classifiers that are told the resolution, by S4ND, convolutions or attention."""

from longwave.models.images.classifier import Classifier, ImageClassifier, ImageClassifierConfig, TrunkConfig
from longwave.models.images.convnext import ConvNeXt, ConvNeXtConfig
from longwave.models.images.filters import SampledFilter, sample_filters
from longwave.models.images.isotropic import Isotropic, IsotropicConfig
from longwave.models.images.presets import IMAGE_PRESETS, image_preset
from longwave.models.images.vit import ViT, ViTConfig

__all__ = [
    "IMAGE_PRESETS",
    "Classifier",
    "ConvNeXt",
    "ConvNeXtConfig",
    "ImageClassifier",
    "ImageClassifierConfig",
    "Isotropic",
    "IsotropicConfig",
    "SampledFilter",
    "TrunkConfig",
    "ViT",
    "ViTConfig",
    "image_preset",
    "sample_filters",
]

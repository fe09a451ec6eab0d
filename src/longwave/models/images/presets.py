"""The published networks for images, read from ``presets.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import cast

from longwave.config import load_config, read_config_file
from longwave.errors import UnknownName
from longwave.models.images.classifier import ImageClassifierConfig

__all__ = ["IMAGE_PRESETS", "image_preset"]


def _read() -> dict[str, ImageClassifierConfig]:
    table = read_config_file(Path(__file__).with_name("presets.yaml"))[0]
    models = cast(dict[str, dict[str, object]], table)
    return {name: load_config(ImageClassifierConfig, values) for name, values in models.items()}


IMAGE_PRESETS: Mapping[str, ImageClassifierConfig] = MappingProxyType(_read())
"""Every published network by name."""


def image_preset(name: str) -> ImageClassifierConfig:
    """Return the configuration of a published network.

    Parameters
    ----------
    name : str
        For example ``"convnext-tiny-s4nd"``; ``IMAGE_PRESETS`` has them all.

    Raises
    ------
    UnknownName
        If there is no such network.

    References
    ----------
    arXiv 2201.03545 (ConvNeXt), 2010.11929 (ViT), 2210.06583 (S4ND).

    Examples
    --------
    >>> image_preset("convnext-tiny-s4nd").trunk.widths
    (96, 192, 384, 768)
    """
    if name not in IMAGE_PRESETS:
        raise UnknownName("image preset", name, IMAGE_PRESETS)
    return IMAGE_PRESETS[name]

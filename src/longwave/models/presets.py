"""The published sizes, read from ``presets.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import cast

from longwave.config import load_config, read_config_file
from longwave.errors import UnknownName
from longwave.models.config import LanguageModelConfig

__all__ = ["PRESETS", "preset"]

Values = dict[str, object]
OPTIONS = ("mixer_options", "attention_options")  # a size adds to its family's


def _read_presets() -> dict[str, LanguageModelConfig]:
    table = cast(dict[str, Values], read_config_file(Path(__file__).with_name("presets.yaml"))[0])
    presets = {}
    for name, size in cast(dict[str, Values], table["sizes"]).items():
        own = dict(size)
        family = cast(Values, table["families"][str(own.pop("family"))])
        options = {key: cast(Values, family.get(key, {})) | cast(Values, own.get(key, {})) for key in OPTIONS}
        presets[name] = load_config(LanguageModelConfig, table["every_model"] | family | own | options)
    return presets


PRESETS: Mapping[str, LanguageModelConfig] = MappingProxyType(_read_presets())
"""Every published size by name."""


def preset(name: str) -> LanguageModelConfig:
    """Return the configuration of a published size.

    Parameters
    ----------
    name : str
        For example ``"hyena-153m"``; ``PRESETS`` has them all.

    Raises
    ------
    UnknownName
        If there is no such size.

    References
    ----------
    Table A.4 of arXiv 2302.10866; the public configurations of arXiv 2212.14052 and arXiv 2302.06646.

    Examples
    --------
    >>> preset("hyena-153m").d_model
    864
    """
    if name not in PRESETS:
        raise UnknownName("preset", name, PRESETS)
    return PRESETS[name]

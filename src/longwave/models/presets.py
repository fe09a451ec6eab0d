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


def _read_presets() -> dict[str, LanguageModelConfig]:
    table = cast(dict[str, Values], read_config_file(Path(__file__).with_name("presets.yaml"))[0])
    presets = {}
    for name, sizes in cast(dict[str, Values], table["sizes"]).items():
        options = cast(Values, sizes["mixer_options"])
        if sizes["mixer"] == "hyena":
            options = table["every_hyena"] | options
        values = table["every_model"] | sizes | {"mixer_options": options}
        presets[name] = load_config(LanguageModelConfig, values)
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
    Table A.4 of arXiv 2302.10866.

    Examples
    --------
    >>> preset("hyena-153m").d_model
    864
    """
    if name not in PRESETS:
        raise UnknownName("preset", name, PRESETS)
    return PRESETS[name]

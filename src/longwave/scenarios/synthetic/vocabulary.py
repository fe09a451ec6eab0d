"""The words that generated rows are made of; they stand in ``words.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

__all__ = ["Vocabulary", "read_vocabulary"]


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """All words, by what they are for.

    Parameters
    ----------
    things : tuple of str
        What stands for a rule symbol.
    probes : tuple of str
        Short and frequent words, to make texts of a wanted size.
    kinds : mapping
        Kinds of subjects, and who or what belongs to each.
    narrower : mapping
        Attributes, and narrower words that imply each.
    """

    things: tuple[str, ...]
    probes: tuple[str, ...]
    kinds: Mapping[str, tuple[str, ...]]
    narrower: Mapping[str, tuple[str, ...]]


@cache
def read_vocabulary() -> Vocabulary:
    """Read the words that come with the package."""
    found = tomllib.loads((files("longwave.scenarios.synthetic") / "words.toml").read_text("utf-8"))
    return Vocabulary(
        things=tuple(found["things"]),
        probes=tuple(found["probes"]),
        kinds={kind: tuple(names) for kind, names in found["kinds"].items()},
        narrower={attribute: tuple(words) for attribute, words in found["narrower"].items()},
    )
